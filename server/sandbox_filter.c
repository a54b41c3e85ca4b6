/* SPDX-License-Identifier: ISC */
/*
 * sandbox_filter.c - loads a seccomp filter from the lists of sandbox_rules.c.
 *
 * A forbidden call is never made. It raises SIGSYS: the first time our handler says which call it
 * was, so that the log can name it, and makes the call again; since the handler is good for one
 * time only (SA_RESETHAND) and nobody can install another (rt_sigaction is on no list), the kernel
 * then ends the process. Blocking the signal does not help: the kernel forces it.
 *
 * A build with sanitizers, whose runtimes make calls of their own, logs instead (COFFER_SANITIZED).
 */
#include "server/sandbox_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"

#ifdef COFFER_SANITIZED
#define FORBIDDEN SCMP_ACT_LOG
#define REFUSED SCMP_ACT_LOG
#else
#define FORBIDDEN SCMP_ACT_TRAP
#define REFUSED SCMP_ACT_ERRNO(EPERM)
#endif

static int report_sock = -1;

/* Only system calls that the filter allows, and only memory on this stack. */
static void
say_violation(int number, siginfo_t *info, void *context)
{
	uint8_t room[16];
	struct buf b;

	(void)number;
	(void)context;
	if (report_sock >= 0) {
		ipc_begin(&b, room, sizeof(room), FILTER_MSG_VIOLATION, 0);
		buf_put_u32(&b, (uint32_t)info->si_syscall);
		ignore_result(ipc_send_now(report_sock, &b, -1));
	}
	syscall(info->si_syscall, -1L, -1L, -1L, -1L, -1L, -1L);
	_exit(128 + SIGSYS);
}

static void
add_rule(scmp_filter_ctx filter, const struct filter_rule *r)
{
	struct scmp_arg_cmp args[FILTER_ARGS_MAX];
	int err;

	for (size_t i = 0; i < r->arg_count; i++)
		args[i] = (struct scmp_arg_cmp) { .arg = r->args[i].index,
						  .op = SCMP_CMP_MASKED_EQ,
						  .datum_a = r->args[i].mask,
						  .datum_b = r->args[i].want };
	err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, r->call, r->arg_count, args);
	if (err < 0)
		die("seccomp rule for call %d: %s", r->call, strerror(-err));
}

/* An error for a whole call would undo what its arguments allow: libseccomp keeps one of both. */
static bool
is_allowed(const struct filter_list *lists, size_t count, int call)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < lists[i].rule_count; j++)
			if (lists[i].rules[j].call == call)
				return true;
	return false;
}

/* A filter in libseccomp's form. Dies when one cannot be made. */
static scmp_filter_ctx
build(enum filter_process process, uint32_t options)
{
	/* PAM modules are not ours: what they may not do is an error for them, not our end. */
	const uint32_t refused = SCMP_ACT_ERRNO(process == FILTER_NEVER ? EPERM : EACCES);
	scmp_filter_ctx filter = seccomp_init(process == FILTER_NEVER	  ? SCMP_ACT_ALLOW
					      : process == FILTER_MONITOR ? REFUSED
									  : FORBIDDEN);
	struct filter_list lists[4];
	size_t count = filter_lists(process, options, lists);
	int err = 0;

	if (!filter)
		die("no memory for a seccomp filter");
	/*
	 * Another architecture's numbers are other calls: they end the process without a question.
	 */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < lists[i].rule_count; j++)
			add_rule(filter, &lists[i].rules[j]);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < lists[i].tried_count && err == 0; j++)
			if (!is_allowed(lists, count, lists[i].tried[j]))
				err = seccomp_rule_add(filter, refused, lists[i].tried[j], 0);
	if (err < 0)
		die("seccomp rule: %s", strerror(-err));
	return filter;
}

/* What the kernel takes. Made once in the listener: libseccomp needs milliseconds for it. */
static struct program {
	struct sock_filter *at;
	unsigned short count;
} programs[FILTER_NEVER + 1][FILTER_OPTIONS_ALL + 1];

static void
compile(enum filter_process process, uint32_t options)
{
	struct program *p = &programs[process][options];
	FD_OWN int fd = memfd_create("coffer-filter", MFD_CLOEXEC);
	scmp_filter_ctx filter = build(process, options);
	off_t bytes;
	int err;

	if (fd < 0)
		die("memfd_create: %s", strerror(errno));
	err = seccomp_export_bpf(filter, fd);
	seccomp_release(filter);
	bytes = lseek(fd, 0, SEEK_END);
	if (err < 0 || bytes <= 0 || (size_t)bytes % sizeof(*p->at) != 0 ||
	    (size_t)bytes / sizeof(*p->at) > BPF_MAXINSNS)
		die("a seccomp filter cannot be compiled");
	p->at = mem_new(1, (size_t)bytes);
	if (pread(fd, p->at, (size_t)bytes, 0) != bytes)
		die("a seccomp filter cannot be read");
	p->count = (unsigned short)((size_t)bytes / sizeof(*p->at));
}

void
filter_prepare(void)
{
	compile(FILTER_SIGNER, 0);
	compile(FILTER_CLUSTER, 0);
	compile(FILTER_GATE, 0);
	compile(FILTER_WIRE, 0);
	compile(FILTER_MONITOR, 0);
	for (uint32_t options = 0; options <= FILTER_OPTIONS_ALL; options++)
		compile(FILTER_WORKER, options);
	compile(FILTER_NEVER, 0);
}

void
filter_enter(enum filter_process process, uint32_t options, int report)
{
	struct sigaction act = { .sa_sigaction = say_violation,
				 .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND | SA_NODEFER) };
	const struct program *p = &programs[process][options];
	struct sock_fprog program = { .len = p->count, .filter = p->at };

	if (!p->at)
		bug("filter %d was not prepared", (int)process);
	report_sock = report;
	if (process != FILTER_NEVER && sigaction(SIGSYS, &act, NULL) < 0)
		die("sigaction: %s", strerror(errno));
	/*
	 * A privileged process may filter without giving up new privileges, which helpers of PAM
	 * need; where that privilege is missing, they are given up.
	 */
	if (process != FILTER_NEVER && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("cannot set no_new_privs: %s", strerror(errno));
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return;
	if (errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return;
	die("the kernel refuses our seccomp filter: %s", strerror(errno));
}

const char *
filter_call_name(uint32_t number)
{
	static char *name;

	free(name);
	name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);
	return name ? name : "?";
}
