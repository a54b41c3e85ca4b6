/* SPDX-License-Identifier: ISC */
/*
 * sandbox_rules.c - which system calls each process makes, and why.
 * How it was found: the calls of whole sessions of both protocols under strace, what glibc 2.36 and
 * 2.41 use for the same library functions (fstat is newfstatat, poll may be ppoll), and nothing else.
 * tests/rooms.txt says the same of the objects; a test compares both for wire.
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

#define CALL(name, reason)                                                                         \
	{                                                                                          \
		SCMP_SYS(name), { { 0, 0, 0 } }, 0, reason                                         \
	}
/* Argument i, under the mask, must be want. */
#define CALL_IF(name, i, mask, want, reason)                                                       \
	{                                                                                          \
		SCMP_SYS(name), { { i, mask, want } }, 1, reason                                   \
	}
#define CALL_IF2(name, i, imask, iwant, j, jmask, jwant, reason)                                   \
	{                                                                                          \
		SCMP_SYS(name), { { i, imask, iwant }, { j, jmask, jwant } }, 2, reason            \
	}
#define EXACTLY UINT64_MAX
#define NO_BIT_BUT(bits) (~(uint64_t)(bits))

/* What every process of ours does after its start. */
static const struct filter_rule common[] = {
	CALL(read, "signal and event descriptors, library buffers"),
	CALL(write, "log records"),
	CALL(writev, "assertions of the C library"),
	CALL(sendmsg, "messages between our processes"),
	CALL(recvmsg, "messages between our processes"),
	CALL(poll, "every loop"),
	CALL(ppoll, "poll(2) of newer C libraries"),
	CALL(close, "descriptors that came or are done"),
	CALL(brk, "memory"),
	CALL_IF2(mmap, 2, NO_BIT_BUT(PROT_READ | PROT_WRITE), 0, 3,
		 NO_BIT_BUT(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK), 0,
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

/* wire: bytes of descriptors that it was given. No path, no new socket, no signal, no file status. */
static const struct filter_rule wire[] = {
	CALL(readv, "bytes of a connection"),
	CALL(recvfrom, "bytes of a connection"),
	CALL(sendto, "bytes of a connection"),
	CALL(pread64, "file data of a download"),
	CALL(pwrite64, "file data of an upload"),
	CALL(shutdown, "the end of a connection"),
	CALL_IF(accept4, 3, EXACTLY, SOCK_CLOEXEC | SOCK_NONBLOCK,
		"data connections, on the listening socket that worker gave"),
	CALL(getpeername, "is it the peer of the control connection?"),
	CALL(getsockname, "the address to announce"),
	CALL_IF2(getsockopt, 1, EXACTLY, SOL_SOCKET, 2, EXACTLY, SO_ERROR,
		 "how an active connection came out"),
	CALL_IF2(getsockopt, 1, EXACTLY, SOL_SOCKET, 2, EXACTLY, SO_TYPE, "what libssh asks a socket"),
	CALL_IF2(setsockopt, 1, EXACTLY, IPPROTO_TCP, 2, EXACTLY, TCP_NODELAY, "small replies at once"),
	CALL_IF2(setsockopt, 1, EXACTLY, IPPROTO_TCP, 2, EXACTLY, TCP_CORK, "full segments"),
	CALL_IF2(setsockopt, 1, EXACTLY, IPPROTO_TCP, 2, EXACTLY, TCP_QUICKACK,
		 "small uploads that wait for our acknowledgement"),
	CALL_IF2(setsockopt, 1, EXACTLY, SOL_SOCKET, 2, EXACTLY, SO_LINGER, "a connection that is cut"),
	CALL(getrusage, "randomness of libraries"),
	CALL(setitimer, "the watchdog over libssh"),
};

/* Libraries merely try these; an error is an answer that they know. */
static const int wire_tried[] = {
	SCMP_SYS(open),	  SCMP_SYS(openat),  SCMP_SYS(stat),   SCMP_SYS(newfstatat),
	SCMP_SYS(lstat),  SCMP_SYS(fstat),   SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(uname),  SCMP_SYS(ioctl),
	SCMP_SYS(fcntl),  SCMP_SYS(getuid),  SCMP_SYS(geteuid),
};

/* worker: paths below its shares. No plain open, no exec, no signal, no change of owner or identity. */
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

static const struct filter_rule worker_ports[] = {
	CALL_IF(socket, 1, NO_BIT_BUT(SOCK_CLOEXEC | SOCK_NONBLOCK), SOCK_STREAM,
		"listening for data connections"),
	CALL(bind, "the address of the control connection"),
	CALL(listen, "passive mode"),
	CALL(setsockopt, "SO_REUSEADDR, TCP_NODELAY"),
	CALL(getsockname, "the port"),
};

static const struct filter_rule worker_active[] = {
	CALL(connect, "active mode, when it is on"),
};

static const int worker_tried[] = {
	SCMP_SYS(openat),
	SCMP_SYS(open),
};

static const struct filter_rule signer[] = {
	CALL(munlock, "the locked heap"),
	CALL(mlock, "the locked heap"),
};

static const int signer_tried[] = {
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(newfstatat),
};

#define LIST(allowed)                                                                              \
	(struct filter_list)                                                                       \
	{                                                                                          \
		.rules = (allowed), .rule_count = COUNT_OF(allowed)                                \
	}
#define LIST_TRIED(allowed, errors)                                                                \
	(struct filter_list)                                                                       \
	{                                                                                          \
		.rules = (allowed), .rule_count = COUNT_OF(allowed), .tried = (errors),            \
		.tried_count = COUNT_OF(errors)                                                    \
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
		if (options & FILTER_PORTS)
			ret_lists[n++] = LIST(worker_ports);
		if (options & FILTER_ACTIVE)
			ret_lists[n++] = LIST(worker_active);
		break;
	case FILTER_SIGNER:
		ret_lists[n++] = LIST_TRIED(signer, signer_tried);
		break;
	default:
		break;
	}
	return n;
}
