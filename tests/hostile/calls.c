/* SPDX-License-Identifier: ISC */
/*
 * calls.c - what a process that was taken over would try: a table of system calls, each with
 * arguments by which it would do something. tests/e2e/test_hostile.py reads the names here.
 */
#include "tests/hostile/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/base/mem.h"

static const struct {
	const char *name;
	long number, args[6];
} calls[] = {
	{ "open", SYS_open, { (long)"/etc/passwd", O_RDONLY } },
	{ "openat", SYS_openat, { AT_FDCWD, (long)"/etc/passwd", O_RDONLY } },
	{ "openat2", SYS_openat2, { AT_FDCWD, (long)"/etc/passwd", 0, 24 } },
	{ "execve", SYS_execve, { (long)"/bin/true", 0, 0 } },
	{ "execveat", SYS_execveat, { AT_FDCWD, (long)"/bin/true", 0, 0, 0 } },
	{ "fork", SYS_fork, { 0 } },
	{ "clone", SYS_clone, { SIGCHLD } },
	{ "clone3", SYS_clone3, { 0 } },
	{ "kill", SYS_kill, { 1, SIGKILL } },
	{ "tgkill", SYS_tgkill, { 1, 1, SIGKILL } },
	{ "tkill", SYS_tkill, { 1, SIGKILL } },
	{ "pidfd_open", SYS_pidfd_open, { 1, 0 } },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, { 0, SIGKILL, 0, 0 } },
	{ "ptrace", SYS_ptrace, { PTRACE_ATTACH, 1, 0, 0 } },
	{ "process_vm_readv", SYS_process_vm_readv, { 1, 0, 0, 0, 0, 0 } },
	{ "process_vm_writev", SYS_process_vm_writev, { 1, 0, 0, 0, 0, 0 } },
	{ "socket", SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
	{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, 0 } },
	{ "connect", SYS_connect, { 0, 0, 0 } },
	{ "bind", SYS_bind, { 0, 0, 0 } },
	{ "listen", SYS_listen, { 0, 1 } },
	{ "setuid", SYS_setuid, { 0 } },
	{ "setresuid", SYS_setresuid, { 0, 0, 0 } },
	{ "setgroups", SYS_setgroups, { 0, 0 } },
	{ "capset", SYS_capset, { 0, 0 } },
	{ "chroot", SYS_chroot, { (long)"/" } },
	{ "chdir", SYS_chdir, { (long)"/" } },
	{ "fchdir", SYS_fchdir, { 0 } },
	{ "mount", SYS_mount, { 0 } },
	{ "umount2", SYS_umount2, { 0 } },
	{ "pivot_root", SYS_pivot_root, { 0 } },
	{ "unshare", SYS_unshare, { CLONE_NEWUSER } },
	{ "setns", SYS_setns, { 0, 0 } },
	{ "prctl", SYS_prctl, { PR_SET_DUMPABLE, 1, 0, 0, 0 } },
	{ "seccomp", SYS_seccomp, { 0 } },
	{ "prlimit64", SYS_prlimit64, { 0, 7, 0, 0 } },
	{ "rt_sigaction", SYS_rt_sigaction, { SIGSYS, 0, 0, 8 } },
	{ "mprotect", SYS_mprotect, { 0, 4096, PROT_READ | PROT_EXEC } },
	{ "mmap",
	  SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 } },
	{ "shmget", SYS_shmget, { 0, 4096, 01600 } },
	{ "msgget", SYS_msgget, { 0, 01600 } },
	{ "semget", SYS_semget, { 0, 1, 01600 } },
	{ "memfd_create", SYS_memfd_create, { (long)"x", 0 } },
	{ "userfaultfd", SYS_userfaultfd, { 0 } },
	{ "bpf", SYS_bpf, { 0 } },
	{ "perf_event_open", SYS_perf_event_open, { 0 } },
	{ "io_uring_setup", SYS_io_uring_setup, { 1, 0 } },
	{ "keyctl", SYS_keyctl, { 0 } },
	{ "add_key", SYS_add_key, { 0 } },
	{ "open_by_handle_at", SYS_open_by_handle_at, { 0 } },
	{ "name_to_handle_at", SYS_name_to_handle_at, { 0 } },
	{ "mknodat", SYS_mknodat, { AT_FDCWD, (long)"x", 0, 0 } },
	{ "unlink", SYS_unlink, { (long)"x" } },
	{ "rename", SYS_rename, { (long)"x", (long)"y" } },
	{ "mkdir", SYS_mkdir, { (long)"x", 0 } },
	{ "fchmodat", SYS_fchmodat, { AT_FDCWD, (long)"x", 0 } },
	{ "fchmod", SYS_fchmod, { 0, 0777 } },
	{ "fchown", SYS_fchown, { 0, 0, 0 } },
	{ "chown", SYS_chown, { (long)"x", 0, 0 } },
	{ "ftruncate", SYS_ftruncate, { 0, 0 } },
	{ "fallocate", SYS_fallocate, { 0, 0, 0, 1 } },
	{ "setxattr", SYS_setxattr, { 0 } },
	{ "lseek", SYS_lseek, { 0, 0, 0 } },
	{ "dup", SYS_dup, { 0 } },
	{ "dup3", SYS_dup3, { 0, 9, 0 } },
	{ "fcntl", SYS_fcntl, { 0, F_SETFL, 0 } },
	{ "ioctl", SYS_ioctl, { 0, 0x5401, 0 } },
	{ "personality", SYS_personality, { 0 } },
	{ "reboot", SYS_reboot, { 0 } },
	{ "init_module", SYS_init_module, { 0 } },
	{ "kexec_load", SYS_kexec_load, { 0 } },
	{ "swapon", SYS_swapon, { 0 } },
	{ "iopl", SYS_iopl, { 3 } },
	{ "modify_ldt", SYS_modify_ldt, { 0 } },
	{ "sched_setaffinity", SYS_sched_setaffinity, { 1, 0, 0 } },
	{ "setpriority", SYS_setpriority, { 0, 1, -20 } },
	{ "quotactl", SYS_quotactl, { 0 } },
	{ "sethostname", SYS_sethostname, { (long)"x", 1 } },
	{ "settimeofday", SYS_settimeofday, { 0, 0 } },
};

const char *
call_name(long i)
{
	return i < (long)COUNT_OF(calls) ? calls[i].name : NULL;
}

long
call_number(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(calls); i++)
		if (strcmp(calls[i].name, name) == 0)
			return (long)i;
	return -1;
}

long
call_make(long i)
{
	const long *a = calls[i].args;

	return syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0;
}
