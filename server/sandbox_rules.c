/* SPDX-License-Identifier: ISC */
/*
 * sandbox_rules.c - which system calls each process makes, and why.
 * How it was found: the calls of whole sessions of both protocols under strace, what glibc 2.36 and
 * 2.41 use for the same library functions (fstat is newfstatat, poll may be ppoll), and nothing
 * else. tests/rooms.txt says the same of the objects; a test compares both for wire.
 */
#include "server/sandbox_filter.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "server/base/mem.h"

/* Younger than the headers of Debian 12. */
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __SNR_fchmodat2
#define __SNR_fchmodat2 __NR_fchmodat2
#endif

#define CALL(name, reason)                                 \
	{                                                  \
		SCMP_SYS(name), { { 0, 0, 0 } }, 0, reason \
	}
/* Argument i, under the mask, must be want. */
#define CALL_IF(name, i, mask, want, reason)                     \
	{                                                        \
		SCMP_SYS(name), { { i, mask, want } }, 1, reason \
	}
#define CALL_IF2(name, i, imask, iwant, j, jmask, jwant, reason)                        \
	{                                                                               \
		SCMP_SYS(name), { { i, imask, iwant }, { j, jmask, jwant } }, 2, reason \
	}
/* Linux 6.11; getrandom(3) of glibc 2.41 keeps its state there. */
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#define EXACTLY UINT64_MAX
#define NO_BIT_BUT(bits) (~(uint64_t)(bits))

/* What every process of ours does after its start. */
static const struct filter_rule common[] = {
	CALL(read, "signal and event descriptors, library buffers"),
	CALL(write, "log records"),
	CALL(writev, "assertions of the C library"),
	CALL(sendmsg, "messages between our processes"),
	CALL(sendmmsg, "the same, several at once"),
	CALL(recvmsg, "messages between our processes"),
	CALL(poll, "every loop"),
	CALL(ppoll, "poll(2) of newer C libraries"),
	CALL(close, "descriptors that came or are done"),
	CALL(brk, "memory"),
	CALL_IF2(
	    mmap, 2, NO_BIT_BUT(PROT_READ | PROT_WRITE), 0, 3,
	    NO_BIT_BUT(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | MAP_DROPPABLE), 0,
	    "memory; never executable, never of a file"),
	CALL(munmap, "memory"),
	CALL(mremap, "memory"),
	CALL_IF(mprotect, 2, NO_BIT_BUT(PROT_READ | PROT_WRITE), 0, "memory; never executable"),
	CALL(madvise, "memory"),
	CALL(futex, "locks inside libraries"),
	CALL(getrandom, "randomness"),
	CALL(clock_gettime, "time, where the vdso cannot tell it"),
	CALL(gettimeofday, "time"),
	CALL(getpid, "OpenSSL looks for a fork"),
	CALL(gettid, "abort(3)"),
	CALL(rt_sigprocmask, "abort(3)"),
	CALL(rt_sigreturn, "the end of a handler"),
	CALL(restart_syscall, "after a stop"),
	CALL(exit, "the end"),
	CALL(exit_group, "the end"),
};

/*
 * wire: bytes of descriptors that it was given. No path, no new socket, no signal, no file status.
 */
static const struct filter_rule wire[] = {
	CALL(readv, "bytes of a connection"),
	CALL(recvfrom, "bytes of a connection"),
	CALL(sendto, "bytes of a connection"),
	CALL(pread64, "file data of a download"),
	CALL(pwrite64, "file data of an upload"),
	CALL_IF(lseek, 2, EXACTLY, SEEK_END, "where a file ends that SFTP appends to"),
	CALL(shutdown, "the end of a connection"),
	CALL(getpeername, "is it the peer of the control connection?"),
	CALL(getsockname, "the address to announce"),
	CALL_IF2(getsockopt, 1, EXACTLY, SOL_SOCKET, 2, EXACTLY, SO_ERROR,
		 "how an active connection came out"),
	CALL_IF2(getsockopt, 1, EXACTLY, SOL_SOCKET, 2, EXACTLY, SO_TYPE,
		 "what libssh asks a socket"),
	CALL_IF2(setsockopt, 1, EXACTLY, IPPROTO_TCP, 2, EXACTLY, TCP_NODELAY,
		 "small replies at once"),
	CALL_IF2(setsockopt, 1, EXACTLY, IPPROTO_TCP, 2, EXACTLY, TCP_CORK, "full segments"),
	CALL_IF2(setsockopt, 1, EXACTLY, IPPROTO_TCP, 2, EXACTLY, TCP_QUICKACK,
		 "small uploads that wait for our acknowledgement"),
	CALL_IF2(setsockopt, 1, EXACTLY, SOL_SOCKET, 2, EXACTLY, SO_LINGER,
		 "a connection that is cut"),
	CALL(getrusage, "randomness of libraries"),
	CALL(setitimer, "the watchdog over libssh"),
};

/* Libraries merely try these; an error is an answer that they know. */
static const int wire_tried[] = {
	SCMP_SYS(open),	  SCMP_SYS(openat),  SCMP_SYS(stat),	SCMP_SYS(newfstatat),
	SCMP_SYS(lstat),  SCMP_SYS(fstat),   SCMP_SYS(access),	SCMP_SYS(faccessat),
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(uname),	SCMP_SYS(ioctl),
	SCMP_SYS(fcntl),  SCMP_SYS(getuid),  SCMP_SYS(geteuid),
};

/*
 * worker: paths below its shares. No plain open, no exec, no signal, no change of owner or
 * identity.
 */
static const struct filter_rule worker[] = {
	CALL(openat2, "the one way to a file; the kernel keeps it inside (RESOLVE_BENEATH)"),
	CALL_IF(newfstatat, 3, NO_BIT_BUT(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH), 0, "status"),
	CALL(fstat, "status"),
	CALL(statx, "status"),
	CALL(getdents64, "listings"),
	CALL(readlinkat, "links"),
	CALL(unlinkat, "removing"),
	CALL(mkdirat, "making directories"),
	CALL(renameat2, "renaming, publishing uploads"),
	CALL(renameat, "renaming"),
	CALL(linkat, "hard links"),
	CALL(symlinkat, "links"),
	CALL(fchmod, "modes"),
	CALL(fchmodat, "modes"),
	CALL(fchmodat2, "modes, without following a link"),
	CALL(fchown, "force-group"),
	CALL(utimensat, "times"),
	CALL(ftruncate, "sizes"),
	CALL(fallocate, "space for uploads"),
	CALL(fsync, "durable shares"),
	CALL(syncfs, "durable shares: directories that their users may not read"),
	CALL(fdatasync, "durable shares"),
	CALL(fstatfs, "space, kinds of file systems"),
	CALL(statfs, "space"),
	CALL(pread64, "copies, marks"),
	CALL(pwrite64, "copies, marks"),
	CALL(copy_file_range, "copies inside a share"),
	CALL(lseek, "directories from the start"),
	CALL(flock, "one writer"),
	CALL(umask, "modes"),
	CALL(dup, "a descriptor for the listing"),
	CALL_IF(fcntl, 1, EXACTLY, F_GETFL, "what a descriptor may do"),
	CALL_IF(fcntl, 1, EXACTLY, F_GETFD, "fdopendir(3)"),
	CALL_IF(fcntl, 1, EXACTLY, F_SETFD, "fdopendir(3)"),
	CALL_IF(fcntl, 1, EXACTLY, F_DUPFD_CLOEXEC, "a descriptor of its own"),
	CALL_IF(fcntl, 1, EXACTLY, F_OFD_SETLK, "one writer"),
	CALL_IF(fcntl, 1, EXACTLY, F_OFD_GETLK, "one writer"),
	CALL_IF(ioctl, 1, EXACTLY, 0x4020940d, "FICLONERANGE: copies without copying"),
	CALL_IF(ioctl, 1, EXACTLY, 0x40049409, "FICLONE: copies without copying"),
	CALL(getuid, "names of owners"),
	CALL(sysinfo, "memory for qsort(3)"),
};

static const struct filter_rule worker_active[] = {
	CALL_IF(socket, 1, NO_BIT_BUT(SOCK_CLOEXEC | SOCK_NONBLOCK), SOCK_STREAM,
		"active mode, when it is on"),
	CALL(bind, "active mode: from the address of the control connection"),
	CALL(setsockopt, "active mode: SO_REUSEADDR, TCP_NODELAY"),
	CALL(connect, "active mode"),
};

static const int worker_tried[] = {
	SCMP_SYS(openat),
	SCMP_SYS(open),
};

static const struct filter_rule signer[] = {
	CALL(munlock, "the locked heap"),
	CALL(mlock, "the locked heap"),
};

/* Log records ask for the time zone; gate does the same. */
static const int signer_tried[] = {
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(newfstatat),
};

static const struct filter_rule cluster[] = {
	CALL_IF(socket, 0, EXACTLY, AF_INET, "to Redis"),
	CALL_IF(socket, 0, EXACTLY, AF_INET6, "to Redis"),
	CALL(connect, "to Redis"),
	CALL(setsockopt, "its time-outs"),
	CALL(getsockopt, "how it went"),
	CALL(sendto, "to Redis"),
	CALL(recvfrom, "from Redis"),
	CALL_IF(fcntl, 1, EXACTLY, F_GETFL, "the library"),
	CALL_IF(fcntl, 1, EXACTLY, F_SETFL, "the library"),
};

static const int cluster_tried[] = {
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(newfstatat),
};

/* gate: listening sockets and who comes to them. */
static const struct filter_rule gate[] = {
	CALL_IF(socket, 1, NO_BIT_BUT(SOCK_CLOEXEC | SOCK_NONBLOCK), SOCK_STREAM,
		"listening for data connections"),
	CALL(socketpair, "lines to sessions"),
	CALL(bind, "the address of the control connection"),
	CALL(listen, "passive mode"),
	CALL_IF(accept4, 3, EXACTLY, SOCK_CLOEXEC | SOCK_NONBLOCK, "data connections"),
	CALL_IF2(setsockopt, 1, EXACTLY, SOL_SOCKET, 2, EXACTLY, SO_REUSEADDR,
		 "ports in TIME_WAIT"),
	CALL_IF2(setsockopt, 1, EXACTLY, SOL_SOCKET, 2, EXACTLY, SO_SNDBUF, "lines to sessions"),
	CALL_IF2(setsockopt, 1, EXACTLY, SOL_SOCKET, 2, EXACTLY, SO_RCVLOWAT,
		 "PROXY headers in pieces"),
	CALL_IF2(setsockopt, 1, EXACTLY, IPPROTO_TCP, 2, EXACTLY, TCP_NODELAY,
		 "small files at once"),
	CALL(recvfrom, "PROXY headers"),
	CALL(getpeername, "whose header is wrong; a balancer that speaks for itself"),
	CALL(getsockname, "a balancer that speaks for itself"),
};

/*
 * Nothing of ours, and no PAM module that is fit for a server, does any of this: a list of what is
 * refused, because modules are arbitrary. The listener sets it, so every process of ours has it.
 */
static const int never[] = {
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),
	SCMP_SYS(fsconfig),
	SCMP_SYS(pivot_root),
	SCMP_SYS(setns),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(reboot),
	SCMP_SYS(personality),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(acct),
	SCMP_SYS(quotactl),
	SCMP_SYS(lookup_dcookie),
	SCMP_SYS(vhangup),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(move_pages),
	SCMP_SYS(migrate_pages),
};

/*
 * monitor once its worker runs: it waits, relays signatures, ends its children, and closes the PAM
 * session, for which modules read files, talk to services, and write records. No program is
 * started.
 */
static const struct filter_rule monitor[] = {
	CALL(wait4, "how children ended"),
	CALL(waitid, "how children ended"),
	CALL(kill, "children that do not end"),
	CALL(pidfd_send_signal, "children that do not end"),
	CALL(shutdown, "wire is told to end, and may say its last words"),
	CALL(rt_sigaction, "PAM modules"),
	CALL(open, "PAM modules: files"),
	CALL(openat, "PAM modules: files"),
	CALL(stat, "PAM modules: files"),
	CALL(lstat, "PAM modules: files"),
	CALL(fstat, "PAM modules: files"),
	CALL(newfstatat, "PAM modules: files"),
	CALL(statx, "PAM modules: files"),
	CALL(access, "PAM modules: files"),
	CALL(faccessat, "PAM modules: files"),
	CALL(readlink, "PAM modules: files"),
	CALL(getdents64, "PAM modules: files"),
	CALL(lseek, "PAM modules: files"),
	CALL(pread64, "PAM modules: files"),
	CALL(fcntl, "PAM modules: locks"),
	CALL(flock, "PAM modules: locks"),
	CALL(ftruncate, "PAM modules: records"),
	CALL(unlink, "PAM modules: records"),
	CALL(rename, "PAM modules: records"),
	CALL(fsync, "PAM modules: records"),
	CALL(umask, "PAM modules: records"),
	CALL(fchmod, "PAM modules: records"),
	CALL(fchown, "PAM modules: records"),
	CALL(mmap, "PAM modules: their libraries"),
	CALL(mprotect, "PAM modules: their libraries"),
	CALL(socket, "PAM modules: services, audit, syslog"),
	CALL(connect, "PAM modules: services, audit, syslog"),
	CALL(sendto, "PAM modules: services, audit, syslog"),
	CALL(recvfrom, "PAM modules: services, audit, syslog"),
	CALL(getsockopt, "PAM modules: services"),
	CALL(setsockopt, "PAM modules: services"),
	CALL(getsockname, "PAM modules: services"),
	CALL(ioctl, "PAM modules: is it a terminal?"),
	CALL(alarm, "PAM modules: time-outs"),
	CALL(nanosleep, "PAM modules: time-outs"),
	CALL(clock_nanosleep, "PAM modules: time-outs"),
	CALL(getuid, "PAM modules"),
	CALL(geteuid, "PAM modules"),
	CALL(getgid, "PAM modules"),
	CALL(getegid, "PAM modules"),
	CALL(getppid, "PAM modules"),
	CALL(getgroups, "PAM modules"),
	CALL(setgroups, "PAM modules: credentials"),
	CALL(setresuid, "PAM modules: to the user and back"),
	CALL(setresgid, "PAM modules: to the user and back"),
	CALL(setfsuid, "PAM modules: to the user and back"),
	CALL(setfsgid, "PAM modules: to the user and back"),
	CALL(keyctl, "PAM modules: pam_keyinit"),
	CALL(getrlimit, "PAM modules"),
	CALL(prlimit64, "PAM modules"),
	CALL(uname, "PAM modules"),
	CALL(prctl, "the process's name"),
	CALL(set_robust_list, "libraries"),
	CALL(rseq, "libraries"),
};

#define LIST(allowed)                                               \
	(struct filter_list)                                        \
	{                                                           \
		.rules = (allowed), .rule_count = COUNT_OF(allowed) \
	}
#define LIST_TRIED(allowed, errors)                                                     \
	(struct filter_list)                                                            \
	{                                                                               \
		.rules = (allowed), .rule_count = COUNT_OF(allowed), .tried = (errors), \
		.tried_count = COUNT_OF(errors)                                         \
	}

size_t
filter_lists(enum filter_process process, uint32_t options, struct filter_list ret_lists[4])
{
	size_t n = 0;

	ret_lists[n++] = LIST(common);
	switch (process) {
	case FILTER_WIRE:
		ret_lists[n++] = LIST_TRIED(wire, wire_tried);
		break;
	case FILTER_WORKER:
		ret_lists[n++] = LIST_TRIED(worker, worker_tried);
		if (options & FILTER_ACTIVE)
			ret_lists[n++] = LIST(worker_active);
		break;
	case FILTER_SIGNER:
		ret_lists[n++] = LIST_TRIED(signer, signer_tried);
		break;
	case FILTER_CLUSTER:
		ret_lists[n++] = LIST_TRIED(cluster, cluster_tried);
		break;
	case FILTER_GATE:
		ret_lists[n++] = LIST_TRIED(gate, signer_tried);
		break;
	case FILTER_MONITOR:
		ret_lists[n++] = LIST(monitor);
		break;
	case FILTER_NEVER:
		ret_lists[0] =
		    (struct filter_list) { .tried = never, .tried_count = COUNT_OF(never) };
		break;
	}
	return n;
}
