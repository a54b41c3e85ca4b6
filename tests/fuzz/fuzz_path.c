/* SPDX-License-Identifier: ISC */
/*
 * fuzz_path.c - the one normaliser: what comes out is clean, and joining it again changes nothing.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/vfs/path.h"
#include "server/vfs/vfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char in[8192], once[VFS_PATH_MAX], twice[VFS_PATH_MAX];

	if (len >= sizeof(in) || memchr(data, '\0', len))
		return 0;
	memcpy(in, data, len);
	in[len] = '\0';
	if (path_join("/a/b", in, once, sizeof(once)) < 0)
		return 0;
	assert(path_is_clean(once) && once[0] == '/');
	assert(path_join("/", once, twice, sizeof(twice)) == 0 && strcmp(once, twice) == 0);
	assert(path_is_below(once, "/") && path_name(once) >= once);
	return 0;
}
