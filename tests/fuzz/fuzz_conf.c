/* SPDX-License-Identifier: ISC */
/* fuzz_conf.c - an administrator's bytes through the loader: every outcome but a crash is right. */
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
ignore(void *ctx, const struct conf_place *place, const char *text)
{
	(void)ctx, (void)place, (void)text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct conf *conf;

	if (conf_load_text("fuzz", (const char *)data, len, ignore, NULL, &conf) == 0)
		conf_free(conf);
	return 0;
}
