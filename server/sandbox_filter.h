/* SPDX-License-Identifier: ISC */
/*
 * sandbox_filter.h - system calls that each process may make after its start. The lists stand in
 * sandbox_rules.c, one line and a reason each.
 */
#ifndef SERVER_SANDBOX_FILTER_H
#define SERVER_SANDBOX_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum filter_process {
	FILTER_WIRE,
	FILTER_WORKER,
	FILTER_SIGNER,
	FILTER_CLUSTER,
	FILTER_GATE,
	FILTER_MONITOR, /* once its worker runs; what is not on the list is refused with EPERM */
	FILTER_NEVER,	/* everybody, from the listener on: allows all but what its list refuses */
};

/* A condition on one argument: (value & mask) == want, on all 64 bits. */
struct filter_arg {
	uint8_t index; /* 0 to 5 */
	uint64_t mask, want;
};
#define FILTER_ARGS_MAX 2

struct filter_rule {
	int call;
	struct filter_arg args[FILTER_ARGS_MAX];
	uint8_t arg_count;
	const char *why;
};

struct filter_list {
	const struct filter_rule *rules; /* allowed */
	size_t rule_count;
	const int *tried; /* answered with EACCES: what libraries merely try */
	size_t tried_count;
};

/* The lists of a process; options add what only some sessions need. */
enum filter_option { FILTER_ACTIVE = 1, FILTER_OPTIONS_ALL = 1 };

size_t filter_lists(enum filter_process process, uint32_t options, struct filter_list ret_lists[4]);

/* Compiles all filters, once, before any fork. */
void filter_prepare(void);

/*
 * From now on a call that is not on the list ends this process with SIGSYS, after its number has
 * been sent to report (a socket of ipc.h, or -1) as FILTER_MSG_VIOLATION. Dies when the kernel
 * refuses.
 */
void filter_enter(enum filter_process process, uint32_t options, int report);

/* "openat" for its number, or "?"; the text is good until the next call. */
const char *filter_call_name(uint32_t number);

/* u32 number of the call */
#define FILTER_MSG_VIOLATION 0x700

#endif
