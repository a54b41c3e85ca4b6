/* SPDX-License-Identifier: ISC */
/* test_ftp_fact.c - the facts of RFC 3659 as clients read them, and times as they write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "conf/conf.h"
#include "protocols/ftp/ftp_fact.h"

static void
test_facts_of_files_and_directories(void **state)
{
	struct vfs_attr attr = { .type = VFS_FILE,
				 .mode = 0640,
				 .size = 1234567890123,
				 .dev = 0xfe00,
				 .ino = 0xa7,
				 .mtime = 951782400,
				 .owner = "an na",
				 .group = "x;y=z",
				 .rights = RIGHTS_READ_WRITE };
	char room[512];
	struct text t;

	(void)state;
	text_init(&t, room, sizeof(room));
	ftp_fact_put(&t, &attr, FTP_FACTS_ALL);
	assert_string_equal(room,
			    "type=file;size=1234567890123;modify=20000229000000;perm=arwfd;"
			    "unique=fe00ga7;UNIX.mode=0640;UNIX.owner=an_na;UNIX.group=x_y_z; ");
	attr.type = VFS_DIR;
	text_reset(&t);
	ftp_fact_put(&t, &attr, ftp_fact_parse("Perm;TYPE;size;nonsense;"));
	assert_string_equal(room, "type=dir;perm=eclmfpd; ");
	attr.rights = RIGHTS_DROP_BOX;
	text_reset(&t);
	ftp_fact_put(&t, &attr, ftp_fact_parse("perm"));
	assert_string_equal(room, "perm=ec; ");
	text_reset(&t);
	ftp_fact_put(&t, &attr, 0);
	assert_string_equal(room, " ");
}

static void
test_times_are_fourteen_digits(void **state)
{
	static const struct {
		const char *s;
		int err;
		int64_t want;
	} cases[] = {
		{ "20000229000000", 0, 951782400 },
		{ "19700101000000", 0, 0 },
		{ "20000229000000.123", 0, 951782400 },
		{ "20000229000000.", 0, 951782400 },
		{ "20000230000000", -EINVAL, 0 },
		{ "2000022900000", -EINVAL, 0 },
		{ "200002290000000", -EINVAL, 0 },
		{ "20000229000000x", -EINVAL, 0 },
		{ "20000229000000.x", -EINVAL, 0 },
		{ "-0000229000000", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int64_t got = 0;

		assert_int_equal(ftp_fact_time(cases[i].s, &got), cases[i].err);
		assert_true(got == cases[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts_of_files_and_directories),
		cmocka_unit_test(test_times_are_fourteen_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
