/* SPDX-License-Identifier: ISC */
/* ftp_fact.h - facts of files as text, and times (RFC 3659, sections 2.3 and 7.5). */
#ifndef PROTOCOLS_FTP_FTP_FACT_H
#define PROTOCOLS_FTP_FTP_FACT_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/text.h"
#include "server/vfs/vfs.h"

#define FTP_FACTS_ALL 0xffu
/* "type=file;size=3; " for one entry, with the facts of the mask. */
void ftp_fact_put(struct text *t, const struct vfs_attr *attr, uint32_t facts);
/* The names of the facts; those of the mask get what is in mark behind them. */
void ftp_fact_names(struct text *t, uint32_t facts, const char *mark, bool others);
uint32_t ftp_fact_parse(const char *names);
/* "20261123194155" and seconds since 1970. Parsing returns 0 or -EINVAL. */
void ftp_fact_put_time(struct text *t, int64_t seconds);
int ftp_fact_time(const char *digits, int64_t *ret_seconds) MUST_CHECK;

#endif
