/* SPDX-License-Identifier: ISC */
/*
 * test_versions.c - what clients replace is kept beside it: as so many versions, or in the trash.
 */
#include "tests/unit/trash_fixture.h"

#include <sys/syscall.h>

/* A disk that refuses the next rename. */
static bool rename_fails;

int
renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	if (rename_fails) {
		rename_fails = false;
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

static void
test_the_last_versions_of_a_file_are_kept(void **state)
{
	static const char *const texts[] = { "1", "22", "333", "4444", "55555" };
	char seen[64] = "";
	size_t count;

	(void)state;
	fx_shares[0].versions = 2;
	fx_begin();
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_int_equal(do_put("/f", STOR, 0, texts[i]), 0);
		assert_string_equal(fx_read("/f"), texts[i]);
	}
	(void)in_trash("", "~f", &count);
	assert_int_equal(count, 2);
	snprintf(seen, sizeof(seen), "%zu%zu", strlen(fx_read("/" TRASH_DIR "/v01~f")),
		 strlen(fx_read("/" TRASH_DIR "/v02~f")));
	assert_string_equal(seen, "34");
	/* A rename over it, and a broken upload, which replaces nothing. */
	assert_int_equal(do_break("/f", STOR, 0, "broken"), 0);
	assert_int_equal(do_put("/g", STOR, 0, "g"), 0);
	assert_int_equal(do_rename("/g", "/f", VFS_REPLACE), 0);
	assert_string_equal(fx_read("/f"), "g");
	snprintf(seen, sizeof(seen), "%zu%zu", strlen(fx_read("/" TRASH_DIR "/v01~f")),
		 strlen(fx_read("/" TRASH_DIR "/v02~f")));
	assert_string_equal(seen, "54");
	assert_int_equal(do_rename("/f", "/g", VFS_REPLACE), 0);
	(void)in_trash("", "~g", &count);
	assert_int_equal(count, 0);
}

/* The slot that is emptied must not be the one that the version is in. */
static void
test_a_version_is_restored_over_its_file(void **state)
{
	char seen[64] = "";

	(void)state;
	for (uint32_t versions = 1; versions <= 2; versions++) {
		const char *name = versions == 1 ? "/f" : "/g";

		fx_shares[0].versions = versions;
		if (versions == 1)
			fx_begin();
		assert_int_equal(do_put(name, STOR, 0, "1"), 0);
		assert_int_equal(do_put(name, STOR, 0, "22"), 0);
		if (versions == 2)
			assert_int_equal(do_put(name, STOR, 0, "333"), 0);
		snprintf(seen, sizeof(seen), "/" TRASH_DIR "/v01~%s", name + 1);
		assert_string_equal(fx_read(seen), "1");
		assert_int_equal(do_rename(seen, name, VFS_REPLACE), 0);
		assert_string_equal(fx_read(name), "1");
		assert_string_equal(fx_read(seen), versions == 1 ? "22" : "333");
	}
	assert_string_equal(fx_read("/" TRASH_DIR "/v02~g"), "22");
}

/*
 * Only with its own file it changes places: what it takes the place of goes into the trash there.
 */
static void
test_a_version_carries_nothing_out_of_another_directory(void **state)
{
	struct conf_rule rules[] = { { .path = (char[]) { "/closed" },
				       .rights = RIGHTS_ALL & ~(uint32_t)RIGHT_READ } };

	(void)state;
	fx_shares[0].versions = 2;
	fx_shares[0].rules = rules;
	fx_shares[0].rule_count = COUNT_OF(rules);
	assert_int_equal(mkdir(fx_path("/closed"), 0755), 0);
	fx_write("/closed/f", "secret");
	fx_begin();
	assert_int_equal(do_put("/f", STOR, 0, "1"), 0);
	assert_int_equal(do_put("/f", STOR, 0, "22"), 0);
	assert_int_equal(do_open("/closed/f", VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(do_rename("/" TRASH_DIR "/v01~f", "/closed/f", VFS_REPLACE), 0);
	assert_string_equal(fx_read("/closed/f"), "1");
	assert_int_equal(do_open("/" TRASH_DIR "/v01~f", VFS_OPEN_READ, 0), -ENOENT);
	assert_string_equal(fx_read("/closed/" TRASH_DIR "/v01~f"), "secret");
}

static void
test_without_trash_versions_go_with_their_file(void **state)
{
	size_t count;

	(void)state;
	fx_shares[0].versions = 3;
	fx_shares[0].trash_ms = 0;
	fx_begin();
	assert_int_equal(do_put("/f", STOR, 0, "1"), 0);
	assert_int_equal(do_put("/f", STOR, 0, "2"), 0);
	(void)in_trash("", "~f", &count);
	assert_int_equal(count, 1);
	assert_int_equal(FX_ASK(vfs_unlink, "/f"), 0);
	assert_int_equal(fx_hidden("/"), 0);
	/* Also those from when there were more. */
	assert_int_equal(do_put("/f", STOR, 0, "1"), 0);
	assert_int_equal(do_put("/f", STOR, 0, "2"), 0);
	assert_int_equal(do_put("/f", STOR, 0, "3"), 0);
	fx_shares[0].versions = 1;
	assert_int_equal(FX_ASK(vfs_unlink, "/f"), 0);
	assert_int_equal(fx_hidden("/"), 0);
}

static void
test_without_versions_every_replaced_content_is_kept(void **state)
{
	size_t count;

	(void)state;
	fx_begin();
	for (int i = 0; i < 4; i++)
		assert_int_equal(do_put("/f", STOR, 0, "text"), 0);
	(void)in_trash("", "~f", &count);
	assert_int_equal(count, 3);
}

static void
test_writing_in_place_leaves_a_copy(void **state)
{
	const uint32_t random = VFS_OPEN_WRITE;
	struct vfs_change cut = { .set = VFS_SET_SIZE, .size = 0 };
	size_t count;

	(void)state;
	fx_shares[0].versions = 5;
	fx_write("/f", "old text");
	fx_begin();
	assert_int_equal(do_put("/f", random, 0, "NEW"), 0);
	assert_string_equal(fx_read("/f"), "NEW text");
	assert_string_equal(fx_read("/" TRASH_DIR "/v01~f"), "old text");
	/* Opened and left as it is: nothing new to keep a second time. */
	assert_int_equal(do_put("/f", random, 0, ""), 0);
	assert_int_equal(do_put("/f", random, 0, ""), 0);
	(void)in_trash("", "~f", &count);
	assert_int_equal(count, 2);
	/* Appending loses nothing. */
	assert_int_equal(do_put("/f", APPE, 0, "!"), 0);
	(void)in_trash("", "~f", &count);
	assert_int_equal(count, 2);
	assert_int_equal(FX_ASK(vfs_setattr, "/f", 0, &cut), 0);
	assert_string_equal(fx_read("/" TRASH_DIR "/v03~f"), "NEW text!");
	fx_shares[0].upload = CONF_UPLOAD_DIRECT;
	fx_write("/g", "direct");
	assert_int_equal(do_put("/g", STOR, 0, "d"), 0);
	assert_string_equal(fx_read("/" TRASH_DIR "/v01~g"), "direct");
}

/* A handle that appends keeps nothing, until it cuts. */
static void
test_what_is_cut_through_a_handle_is_kept(void **state)
{
	const uint32_t ways[] = { VFS_OPEN_WRITE, VFS_OPEN_WRITE | VFS_OPEN_APPEND };
	struct vfs_change cut = { .set = VFS_SET_SIZE, .size = 0 };
	size_t count;

	(void)state;
	fx_begin();
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		uint32_t ticket;

		fx_write("/a", "old");
		assert_int_equal(do_open("/a", ways[i], 0), 0);
		ticket = fx_answer.r.ticket;
		assert_int_equal(FX_ASK(vfs_fsetattr, ticket, &cut), 0);
		assert_int_equal(do_commit(ticket, 0), 0);
		assert_string_equal(fx_read("/a"), "");
		(void)in_trash("/", "~a", &count);
		assert_int_equal(count, i + 1);
	}
}

/* The oldest goes when something has taken its place, and not before. */
static void
test_no_version_goes_for_what_was_not_replaced(void **state)
{
	size_t count;

	(void)state;
	fx_shares[0].trash_ms = 0;
	fx_shares[0].versions = 1;
	fx_begin();
	assert_int_equal(do_put("/a", STOR, 0, "first"), 0);
	assert_int_equal(do_put("/a", STOR, 0, "second"), 0);
	assert_string_equal(fx_read("/" TRASH_DIR "/v01~a"), "first");
	rename_fails = true;
	assert_int_equal(do_put("/a", STOR, 0, "third"), -EIO);
	assert_int_equal(do_put("/b", STOR, 0, "other"), 0);
	rename_fails = true;
	assert_int_equal(do_rename("/b", "/a", VFS_REPLACE), -EIO);
	assert_string_equal(fx_read("/a"), "second");
	assert_string_equal(fx_read("/" TRASH_DIR "/v01~a"), "first");
	assert_int_equal(do_rename("/b", "/a", VFS_REPLACE), 0);
	assert_string_equal(fx_read("/" TRASH_DIR "/v01~a"), "second");
	(void)in_trash("/", "~a", &count);
	assert_int_equal(count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TRASH_TEST(test_the_last_versions_of_a_file_are_kept),
		TRASH_TEST(test_a_version_is_restored_over_its_file),
		TRASH_TEST(test_a_version_carries_nothing_out_of_another_directory),
		TRASH_TEST(test_without_trash_versions_go_with_their_file),
		TRASH_TEST(test_without_versions_every_replaced_content_is_kept),
		TRASH_TEST(test_writing_in_place_leaves_a_copy),
		TRASH_TEST(test_what_is_cut_through_a_handle_is_kept),
		TRASH_TEST(test_no_version_goes_for_what_was_not_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
