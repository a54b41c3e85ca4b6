/* SPDX-License-Identifier: ISC */
/* beat.c - a page of memory that two processes share, with one number on it. */
#include "server/base/beat.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

#include "server/base/clock.h"

struct beat {
	_Atomic uint64_t since_ms; /* 0: it rests */
};

struct beat *
beat_new(void)
{
	void *page = mmap(NULL, sizeof(struct beat), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page; /* zeroed by the kernel */
}

void
beat_work(struct beat *b)
{
	if (b)
		atomic_store_explicit(&b->since_ms, clock_ms(), memory_order_relaxed);
}

void
beat_rest(struct beat *b)
{
	if (b)
		atomic_store_explicit(&b->since_ms, 0, memory_order_relaxed);
}

uint64_t
beat_busy_ms(const struct beat *b)
{
	uint64_t since = b ? atomic_load_explicit(&b->since_ms, memory_order_relaxed) : 0;
	uint64_t now = clock_ms();

	return since == 0 || since > now ? 0 : now - since;
}
