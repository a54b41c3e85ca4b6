/* SPDX-License-Identifier: ISC */
/*
 * fuzz_proxy.c - PROXY headers, whole and in pieces: what is said of the first bytes may not change
 * when more come, and a header lies inside what was read. (make fuzz)
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "server/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct proxy whole, part;
	int said = proxy_parse(data, len, &whole);

	assert(said == 0 || said == -EAGAIN || said == -EBADMSG);
	if (said == 0) {
		assert(whole.len > 0 && whole.len <= len && whole.len <= PROXY_MAX);
		assert(whole.local || whole.peer.ss_family == AF_INET ||
		       whole.peer.ss_family == AF_INET6);
	}
	for (size_t n = 0; n < len; n++) {
		int then = proxy_parse(data, n, &part);

		if (then != -EAGAIN)
			assert(then == said && (then < 0 || part.len == whole.len));
		assert(then == -EAGAIN || said != -EAGAIN);
	}
	return 0;
}
