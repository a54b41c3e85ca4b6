/* SPDX-License-Identifier: ISC */
/*
 * test_sftp_handle.c - a client's eight bytes lead to its own open file, or nowhere (ledger SF01).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocols/sftp/sftp_handle.h"

static const int channel, other;

/* The bytes that a client would send back for h, without their length. */
static struct sftp_bytes
bytes_of(const struct sftp_handle *h, uint8_t room[12])
{
	struct buf b;

	buf_init(&b, room, 12);
	sftp_handle_put(&b, h);
	return (struct sftp_bytes) { room + 4, 8 };
}

static void
test_a_handle_is_found_by_its_owner_and_kind_only(void **state)
{
	struct sftp_handles *t = sftp_handles_new(4);
	struct sftp_handle *h = sftp_handle_new(t, &channel, false);
	uint8_t room[12];
	struct sftp_bytes bytes = bytes_of(h, room);

	(void)state;
	assert_null(sftp_handle_find(t, &channel, &bytes, SFTP_HANDLE_FILE)); /* still opening */
	h->kind = SFTP_HANDLE_FILE;
	assert_null(sftp_handle_find(t, &channel, &bytes, SFTP_HANDLE_FILE)); /* nobody has it */
	h->path = mem_dup("/f");
	assert_ptr_equal(sftp_handle_find(t, &channel, &bytes, SFTP_HANDLE_FILE), h);
	assert_null(sftp_handle_find(t, &channel, &bytes, SFTP_HANDLE_DIR));
	assert_null(sftp_handle_find(t, &other, &bytes, SFTP_HANDLE_FILE));
	sftp_handles_free(t);
}

static void
test_bytes_that_we_did_not_give_lead_nowhere(void **state)
{
	static const struct {
		const char *at;
		size_t len;
	} cases[] = {
		{ "", 0 },
		{ "\0\0\0", 3 },
		{ "\0\0\0\0", 4 },
		{ "\0\0\0\0\0\0\0", 7 },
		{ "\0\0\0\0\0\0\0\0\0", 9 },
		{ "\0\0\0\1\0\0\0\0", 8 },
		{ "\0\0\0\4\0\0\0\0", 8 },
		{ "\xff\xff\xff\xff\0\0\0\0", 8 },
		{ "\0\0\0\0\0\0\0\1", 8 },
		{ "\0\0\0\0\xff\xff\xff\xff", 8 },
	};
	struct sftp_handles *t = sftp_handles_new(4);
	struct sftp_handle *h = sftp_handle_new(t, &channel, false);

	(void)state;
	h->kind = SFTP_HANDLE_FILE;
	h->path = mem_dup("/f");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct sftp_bytes bytes = { (const uint8_t *)cases[i].at, cases[i].len };

		assert_null(sftp_handle_find(t, &channel, &bytes, SFTP_HANDLE_FILE));
	}
	sftp_handles_free(t);
}

static void
test_a_closed_handle_never_meets_the_next_file(void **state)
{
	struct sftp_handles *t = sftp_handles_new(1);
	struct sftp_handle *h = sftp_handle_new(t, &channel, false);
	uint8_t room[12];
	struct sftp_bytes bytes = bytes_of(h, room);

	(void)state;
	h->kind = SFTP_HANDLE_FILE;
	h->path = mem_dup("/f");
	sftp_handle_free(t, h);
	assert_null(sftp_handle_find(t, &channel, &bytes, SFTP_HANDLE_FILE));
	h = sftp_handle_new(t, &channel, false);
	h->kind = SFTP_HANDLE_FILE;
	h->path = mem_dup("/f");
	assert_null(sftp_handle_find(t, &channel, &bytes, SFTP_HANDLE_FILE));
	sftp_handles_free(t);
}

static void
test_limits_hold_and_closing_one_frees_one(void **state)
{
	struct sftp_handles *t = sftp_handles_new(SFTP_HANDLE_DIRS_MAX + 2);
	struct sftp_handle *h = NULL;

	(void)state;
	for (int i = 0; i < SFTP_HANDLE_DIRS_MAX; i++) {
		h = sftp_handle_new(t, &channel, true);
		assert_non_null(h);
	}
	assert_null(sftp_handle_new(t, &channel, true));
	assert_non_null(sftp_handle_new(t, &channel, false));
	assert_non_null(sftp_handle_new(t, &channel, false));
	assert_null(sftp_handle_new(t, &channel, false));
	assert_int_equal(sftp_handles_used(t), SFTP_HANDLE_DIRS_MAX + 2);
	sftp_handle_free(t, h);
	assert_non_null(sftp_handle_new(t, &channel, true));
	sftp_handles_free(t);
}

static void
test_freeing_closes_the_descriptor(void **state)
{
	struct sftp_handles *t = sftp_handles_new(2);
	struct sftp_handle *h = sftp_handle_new(t, &channel, false);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	h->fd = fd;
	sftp_handle_free(t, h);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	sftp_handles_free(t);
}

static void
test_a_channel_s_handles_are_visited_and_no_others(void **state)
{
	struct sftp_handles *t = sftp_handles_new(8);
	struct sftp_handle *mine[2], *h = NULL;
	unsigned int n = 0;

	(void)state;
	mine[0] = sftp_handle_new(t, &channel, false);
	assert_non_null(sftp_handle_new(t, &other, false));
	mine[1] = sftp_handle_new(t, &channel, true);
	while ((h = sftp_handle_next(t, &channel, h)) != NULL)
		assert_ptr_equal(h, mine[n++]);
	assert_int_equal(n, 2);
	sftp_handles_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_handle_is_found_by_its_owner_and_kind_only),
		cmocka_unit_test(test_bytes_that_we_did_not_give_lead_nowhere),
		cmocka_unit_test(test_a_closed_handle_never_meets_the_next_file),
		cmocka_unit_test(test_limits_hold_and_closing_one_frees_one),
		cmocka_unit_test(test_freeing_closes_the_descriptor),
		cmocka_unit_test(test_a_channel_s_handles_are_visited_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
