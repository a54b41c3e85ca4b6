/* SPDX-License-Identifier: ISC */
/* test_sftp_packet.c - what a client may write, and what we make of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "protocols/sftp/sftp_packet.h"

#define P(bytes) (const uint8_t *)(bytes), sizeof(bytes) - 1

static void
test_size_is_known_from_four_bytes(void **state)
{
	static const struct {
		const uint8_t *at;
		size_t len;
		int err;
		size_t size;
	} cases[] = {
		{ P(""), -EAGAIN, 0 },		 { P("\0\0\0"), -EAGAIN, 0 },
		{ P("\0\0\0\1"), 0, 5 },	 { P("\0\0\0\5\1"), 0, 9 },
		{ P("\0\0\0\0"), -EMSGSIZE, 0 }, { P("\0\4\4\0"), 0, 0x40404 },
		{ P("\0\4\4\1"), -EMSGSIZE, 0 }, { P("\xff\xff\xff\xff"), -EMSGSIZE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		size_t size = 0;

		assert_int_equal(sftp_packet_size(cases[i].at, cases[i].len, &size), cases[i].err);
		assert_int_equal(size, cases[i].size);
	}
}

static void
test_every_field_lands_where_it_belongs(void **state)
{
	/* WRITE, id 7, handle "ab", offset 2^32+3, data "xyz" */
	static const char write[] = "\0\0\0\x1a\6\0\0\0\7\0\0\0\2ab\0\0\0\1\0\0\0\3\0\0\0\3xyz";
	/* OPEN, id 1, "f", flags 0x1a, mode 0644 and one extended pair */
	static const char open[] =
	    "\0\0\0\x24\3\0\0\0\1\0\0\0\1f\0\0\0\x1a\x80\0\0\4\0\0\1\xa4\0\0\0\1"
	    "\0\0\0\1a\0\0\0\1b";
	struct sftp_request r;

	(void)state;
	assert_int_equal(sftp_packet_decode(P(write), &r), 0);
	assert_int_equal(r.op, SFTP_OP_WRITE);
	assert_int_equal(r.id, 7);
	assert_int_equal(r.string[0].len, 2);
	assert_memory_equal(r.string[0].at, "ab", 2);
	assert_int_equal(r.wide[0], 0x100000003);
	assert_int_equal(r.string[1].len, 3);
	assert_memory_equal(r.string[1].at, "xyz", 3);

	assert_int_equal(sftp_packet_decode(P(open), &r), 0);
	assert_int_equal(r.op, SFTP_OP_OPEN);
	assert_int_equal(r.number, 0x1a);
	assert_int_equal(r.attrs.flags, SFTP_ATTR_PERMISSIONS);
	assert_int_equal(r.attrs.mode, 0644);
}

static void
test_copy_data_has_its_fields_in_order(void **state)
{
	static const char copy[] = "\0\0\0\x38\xc8\0\0\0\1\0\0\0\x09"
				   "copy-data\0\0\0\1x\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\1y"
				   "\0\0\0\0\0\0\0\3";
	struct sftp_request r;

	(void)state;
	assert_int_equal(sftp_packet_decode(P(copy), &r), 0);
	assert_int_equal(r.op, SFTP_OP_COPY_DATA);
	assert_memory_equal(r.string[0].at, "x", 1);
	assert_memory_equal(r.string[1].at, "y", 1);
	assert_int_equal(r.wide[0], 1);
	assert_int_equal(r.wide[1], 2);
	assert_int_equal(r.wide[2], 3);
}

static void
test_what_does_not_fit_is_refused(void **state)
{
	static const struct {
		const uint8_t *at;
		size_t len;
		int err;
		enum sftp_op op;
	} cases[] = {
		{ P("\0\0\0\1\3"), -EPROTO, 0 },	  /* no id */
		{ P("\0\0\0\4\3\0\0\0"), -EPROTO, 0 },	  /* half an id */
		{ P("\0\0\0\5\3\0\0\0\1"), -EBADMSG, 0 }, /* OPEN without anything */
		{ P("\0\0\0\x09\4\0\0\0\1\0\0\0\5"), -EBADMSG,
		  0 }, /* string longer than the packet */
		{ P("\0\0\0\x09\4\0\0\0\1\xff\xff\xff\xff"), -EBADMSG, 0 },
		{ P("\0\0\0\x0b\4\0\0\0\1\0\0\0\1ab"), 0,
		  SFTP_OP_CLOSE }, /* a byte too many, as rclone does */
		{ P("\0\0\0\x0a\xff\0\0\0\1hello"), 0, SFTP_OP_UNKNOWN },
		{ P("\0\0\0\x0b\xc8\0\0\0\1\0\0\0\2no"), 0, SFTP_OP_UNKNOWN },
		{ P("\0\0\0\x09\xc8\0\0\0\1\0\0\0\2"), -EBADMSG, 0 }, /* no whole name */
		/* SETSTAT with 2^31 extended pairs and none there */
		{ P("\0\0\0\x12\x09\0\0\0\1\0\0\0\1f\x80\0\0\0\x80\0\0\0"), -EBADMSG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct sftp_request r = { .op = SFTP_OP_COUNT };

		assert_int_equal(sftp_packet_decode(cases[i].at, cases[i].len, &r), cases[i].err);
		if (cases[i].err == 0)
			assert_int_equal(r.op, cases[i].op);
		if (cases[i].err != -EPROTO)
			assert_int_equal(r.id, 1);
	}
}

static void
test_every_prefix_of_a_request_is_refused(void **state)
{
	static const char rename[] = "\0\0\0\x11\x12\0\0\0\1\0\0\0\2ab\0\0\0\2cd";
	struct sftp_request r;

	(void)state;
	assert_int_equal(sftp_packet_decode(P(rename), &r), 0);
	for (size_t len = 0; len < sizeof(rename) - 1; len++)
		assert_true(sftp_packet_decode(rename, len, &r) < 0);
}

static void
test_init_may_carry_anything_behind_its_version(void **state)
{
	static const char init[] = "\0\0\0\x0b\1\0\0\0\6\0\0\0\2ab";
	struct sftp_request r;

	(void)state;
	assert_int_equal(sftp_packet_decode(P(init), &r), 0);
	assert_int_equal(r.op, SFTP_OP_INIT);
	assert_int_equal(r.id, 6);
}

static void
test_text_holds_no_zero_and_fits(void **state)
{
	const struct sftp_bytes zero = { (const uint8_t *)"a\0b", 3 },
				four = { (const uint8_t *)"abcd", 4 };
	const struct sftp_bytes none = { NULL, 0 };
	char room[5] = "----";

	(void)state;
	assert_int_equal(sftp_packet_text(&zero, room, sizeof(room)), -EINVAL);
	assert_int_equal(sftp_packet_text(&four, room, 4), -ENAMETOOLONG);
	assert_int_equal(sftp_packet_text(&four, room, 5), 0);
	assert_string_equal(room, "abcd");
	assert_int_equal(sftp_packet_text(&none, room, 5), 0);
	assert_string_equal(room, "");
}

static void
test_status_is_byte_for_byte_what_the_draft_says(void **state)
{
	uint8_t room[64];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	sftp_put_status(&b, 9, SFTP_EOF, "end");
	assert_int_equal(b.end, 24);
	assert_memory_equal(room, "\0\0\0\x14\x65\0\0\0\x09\0\0\0\1\0\0\0\3end\0\0\0\0", 24);
}

static void
test_data_head_counts_what_follows(void **state)
{
	uint8_t room[SFTP_DATA_HEAD];

	(void)state;
	sftp_put_data_head(room, 0x01020304, 5);
	assert_memory_equal(room, "\0\0\0\x0e\x67\1\2\3\4\0\0\0\5", SFTP_DATA_HEAD);
}

static void
test_attributes_keep_type_and_clamp_times(void **state)
{
	const struct vfs_attr attr = { .type = VFS_DIR,
				       .mode = 0755,
				       .size = 4096,
				       .uid = 1,
				       .gid = 2,
				       .atime = -5,
				       .mtime = INT64_C(5000000000) };
	uint8_t room[64];
	struct buf b;

	(void)state;
	buf_init(&b, room, sizeof(room));
	sftp_put_attrs(&b, &attr);
	assert_int_equal(buf_get_u32(&b), 0x0f);
	assert_int_equal(buf_get_u64(&b), 4096);
	assert_int_equal(buf_get_u32(&b), 1);
	assert_int_equal(buf_get_u32(&b), 2);
	assert_int_equal(buf_get_u32(&b), 0040755);
	assert_int_equal(buf_get_u32(&b), 0);
	assert_int_equal(buf_get_u32(&b), UINT32_MAX);
	assert_int_equal(buf_done(&b), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size_is_known_from_four_bytes),
		cmocka_unit_test(test_every_field_lands_where_it_belongs),
		cmocka_unit_test(test_copy_data_has_its_fields_in_order),
		cmocka_unit_test(test_what_does_not_fit_is_refused),
		cmocka_unit_test(test_every_prefix_of_a_request_is_refused),
		cmocka_unit_test(test_init_may_carry_anything_behind_its_version),
		cmocka_unit_test(test_text_holds_no_zero_and_fits),
		cmocka_unit_test(test_status_is_byte_for_byte_what_the_draft_says),
		cmocka_unit_test(test_data_head_counts_what_follows),
		cmocka_unit_test(test_attributes_keep_type_and_clamp_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
