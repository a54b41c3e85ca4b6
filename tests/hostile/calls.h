/* SPDX-License-Identifier: ISC */
/* calls.h - system calls by name, for wire and worker of the hostile build. */
#ifndef TESTS_HOSTILE_CALLS_H
#define TESTS_HOSTILE_CALLS_H

/* The name of number i, counted from 0. NULL: there are no more. */
const char *call_name(long i);
/* The other way. -1: there is none of that name. */
long call_number(const char *name);
/* Makes it. Returns its errno, or 0, if it returns. */
long call_make(long i);

#endif
