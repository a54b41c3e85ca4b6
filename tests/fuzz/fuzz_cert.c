/* SPDX-License-Identifier: ISC */
/*
 * fuzz_cert.c - certificates that a client makes up. What is found must lie inside; judging it must
 * come to an end. (make fuzz)
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "auth/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct cert_question q = { "alice", NULL, "192.0.2.7", 1600000000 };
	const char *reason;
	struct cert c;

	if (cert_parse(data, len, &c) < 0)
		return 0;
	assert(c.authority >= data && c.authority + c.authority_len <= data + len);
	assert(c.signature >= data && c.signature + c.signature_len <= data + len);
	assert(c.signed_len < len && strlen(c.id) < sizeof(c.id));
	ignore_result(cert_check(&c, &q, &reason)); /* the corpus may hold a good one */
	return 0;
}
