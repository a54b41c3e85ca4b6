/* SPDX-License-Identifier: ISC */
/*
 * replay.c - runs a fuzzer without libFuzzer, so that `make check` keeps all of them alive: on the
 * files that are named (what a fuzzer has found), or on random programs.
 *
 *	fuzz_NAME [FILE...]        environment: PROGRAMS (100), SEED
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "server/base/mem.h"

#define SIZE_MAX_OF_ONE 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Pages behind it: what is read beyond the end is a stranger's. */
static void
run(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = mem_new(len + 1, 1);

	for (size_t i = 0; i < len; i++)
		copy[i] = bytes[i];
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void
run_file(const char *name)
{
	static uint8_t room[SIZE_MAX_OF_ONE];
	FILE *f = fopen(name, "re");
	size_t len;

	if (!f) {
		perror(name);
		exit(2);
	}
	len = fread(room, 1, sizeof(room), f);
	(void)fclose(f);
	run(room, len);
	printf("ok %s\n", name);
}

static unsigned long
setting(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

/* Small numbers are more often meaningful than large ones. */
static uint8_t
some_byte(uint64_t *state)
{
	uint64_t n;

	*state = *state * 6364136223846793005u + 1442695040888963407u;
	n = *state >> 33;
	return (uint8_t)(n & 0x100 ? n & 0x0f : n & 0xff);
}

int
main(int argc, char **argv)
{
	static uint8_t room[600];
	unsigned int chance = 0;
	uint64_t state;

	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	if (argc > 1)
		return 0;
	ignore_result((int)getrandom(&chance, sizeof(chance), 0));
	state = setting("SEED", chance);
	printf("SEED=%ju\n", (uintmax_t)state);
	(void)fflush(stdout);
	for (unsigned long left = setting("PROGRAMS", 100); left > 0; left--) {
		size_t len = (size_t)some_byte(&state) * 256 + some_byte(&state);

		len %= sizeof(room);
		for (size_t i = 0; i < len; i++)
			room[i] = some_byte(&state);
		run(room, len);
	}
	printf("ok %s\n", argv[0]);
	return 0;
}
