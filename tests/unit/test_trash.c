/* SPDX-License-Identifier: ISC */
/*
 * test_trash.c - what clients delete and replace is kept beside it, out of sight, and not for ever.
 */
#include "tests/unit/vfs_fixture.h"

#include <sys/syscall.h>
#include <time.h>

#include "server/vfs/trash_name.h"

#define DAY_MS (24ull * 3600 * 1000)
/* All that there was before there was a trash. */
#define WITHOUT_TRASH (RIGHTS_ALL & ~(uint32_t)RIGHT_TRASH)

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

static int
trash_setup(void **state)
{
	int err = fx_setup(state);

	fx_shares[0].rights = RIGHTS_ALL;
	fx_shares[0].trash_ms = 30 * DAY_MS;
	return err;
}

#define TRASH_TEST(name) cmocka_unit_test_setup_teardown(name, trash_setup, fx_teardown)

/*
 * The name in the real directory's trash that ends with tail; NULL when there is none. count: how
 * many.
 */
static const char *
in_trash(const char *rest, const char *tail, size_t *count)
{
	static char found[4][TRASH_NAME_MAX];
	static int next;
	char path[VFS_PATH_MAX];
	struct dirent *e;
	DIR *d;

	next = (next + 1) % 4;
	found[next][0] = '\0';
	*count = 0;
	snprintf(path, sizeof(path), "%s/" TRASH_DIR, rest);
	d = opendir(fx_path(path));
	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name), want = strlen(tail);

		if (len < want || strcmp(e->d_name + len - want, tail) != 0 || e->d_name[0] == '.')
			continue;
		++*count;
		snprintf(found[next], sizeof(found[next]), "%s", e->d_name);
	}
	if (d)
		closedir(d);
	return found[next];
}

static const char *
trash_path(const char *rest, const char *name)
{
	static char room[4][VFS_PATH_MAX];
	static int next;

	next = (next + 1) % 4;
	snprintf(room[next], sizeof(room[next]), "%s/" TRASH_DIR "/%s", rest, name);
	return room[next];
}

static void
test_names_say_what_and_when(void **state)
{
	static const struct {
		unsigned int version;
		uint64_t at_ms;
		const char *name, *want;
	} cases[] = {
		{ 0, 0, "a", "19700101-000000-000~a" },
		{ 0, 951868799999, "b c", "20000229-235959-999~b c" },
		{ 0, 4107542399001, "~", "21000228-235959-001~~" },
		{ 0, 1795812335123, "x.pdf", "20261127-204535-123~x.pdf" },
		{ 1, 0, "a", "v01~a" },
		{ 99, 7, "v01~a", "v99~v01~a" },
	};
	char room[TRASH_NAME_MAX], longest[TRASH_NAME_MAX];
	struct trash_label l;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		trash_name_put(cases[i].version, cases[i].at_ms, cases[i].name, room);
		assert_string_equal(room, cases[i].want);
		assert_true(trash_name_get(room, &l));
		assert_string_equal(l.name, cases[i].name);
		assert_int_equal(l.version, cases[i].version);
		assert_false(l.is_cut);
		if (l.version == 0)
			assert_int_equal(l.at_ms, cases[i].at_ms);
	}
	memset(longest, 'x', 255);
	longest[255] = '\0';
	trash_name_put(3, 0, longest, room);
	assert_int_equal(strlen(room), 255);
	assert_true(trash_name_get(room, &l) && l.is_cut);
	for (const char *const *bad =
		 (const char *const[]) { "", "a", "v00~a", "v1~a", "v01~", "v01a",
					 "20261327-204535-123~a", "20261127-204535-123",
					 "20261127-204535-123+12~a", NULL };
	     *bad; bad++)
		assert_false(trash_name_get(*bad, &l));
}

static void
test_the_origin_of_what_is_in_the_trash_is_known(void **state)
{
	static const struct {
		const char *inner, *want;
	} cases[] = {
		{ TRASH_DIR, "" },
		{ TRASH_DIR "/v01~a", "a" },
		{ "d/" TRASH_DIR "/20261127-204535-123~a", "d/a" },
		{ "d/" TRASH_DIR "/v02~e/" TRASH_DIR "/v03~f", "d/e/f" },
		{ "d/" TRASH_DIR "/stranger/x", "d/stranger/x" },
		{ "d/v01~a", "d/v01~a" },
	};
	char room[VFS_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(trash_name_origin(cases[i].inner, room, sizeof(room)), 0);
		assert_string_equal(room, cases[i].want);
		assert_int_equal(trash_name_is_inside(cases[i].inner), i != 5);
	}
	assert_int_equal(trash_name_origin(TRASH_DIR "/v01+0123456789abcdef~a", room, sizeof(room)),
			 -ENAMETOOLONG);
}

static void
test_deleted_files_are_kept_out_of_sight(void **state)
{
	const char *name;
	size_t count;

	(void)state;
	fx_shares[0].rights = WITHOUT_TRASH;
	fx_write("/a", "first");
	assert_int_equal(symlink("a", fx_path("/link")), 0);
	fx_begin();
	assert_int_equal(FX_ASK(vfs_unlink, "/a"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/link"), 0);
	fx_write("/a", "second");
	assert_int_equal(FX_ASK(vfs_unlink, "/a"), 0);
	(void)in_trash("", "~link", &count);
	assert_int_equal(count, 1);
	name = in_trash("", "~a", &count);
	assert_int_equal(count, 2);
	assert_int_equal(do_stat("/a"), -ENOENT);
	assert_int_equal(do_stat("/" TRASH_DIR), -ENOENT);
	assert_int_equal(do_stat(trash_path("", name)), -ENOENT);
	assert_int_equal(do_open(trash_path("", name), VFS_OPEN_READ, 0), -ENOENT);
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_answer.entry_count, 0);
	assert_int_equal(do_put(trash_path("", "x"), STOR, 0, "x"), -ENOENT);
	assert_int_equal(FX_ASK(vfs_mkdir, "/" TRASH_DIR, 0755), -EACCES);
}

static void
test_the_right_trash_shows_it_and_takes_things_out(void **state)
{
	char name[TRASH_NAME_MAX];
	size_t count;

	(void)state;
	fx_write("/a", "precious");
	fx_begin();
	assert_int_equal(FX_ASK(vfs_unlink, "/a"), 0);
	snprintf(name, sizeof(name), "%s", in_trash("", "~a", &count));
	assert_int_equal(do_list("/"), 0);
	assert_non_null(fx_entry(TRASH_DIR));
	assert_false(fx_entry(TRASH_DIR)->attr.rights &
		     (RIGHT_CREATE | RIGHT_MKDIR | RIGHT_OVERWRITE));
	assert_int_equal(do_list("/" TRASH_DIR), 0);
	assert_non_null(fx_entry(name));
	assert_int_equal(do_open(trash_path("", name), VFS_OPEN_READ, 0), 0);
	/* It is a place to look into, to take out of and to throw away in. */
	assert_int_equal(do_put(trash_path("", "new"), STOR, 0, "x"), -EACCES);
	assert_int_equal(do_put(trash_path("", name), STOR, 0, "x"), -EACCES);
	assert_int_equal(do_put(trash_path("", name), APPE, 0, "x"), -EACCES);
	assert_int_equal(FX_ASK(vfs_mkdir, trash_path("", "d"), 0755), -EACCES);
	assert_int_equal(do_rename(trash_path("", name), trash_path("", "x"), 0), -EACCES);
	assert_int_equal(do_rename("/" TRASH_DIR, "/mine", 0), -EACCES);
	fx_write("/b", "b");
	assert_int_equal(do_rename("/b", trash_path("", "b"), 0), -EACCES);
	assert_int_equal(FX_ASK(vfs_link, trash_path("", name), "/c"), -EACCES);
	assert_int_equal(FX_ASK(vfs_rmdir, "/" TRASH_DIR), -ENOTEMPTY);
	assert_int_equal(do_rename(trash_path("", name), "/a", 0), 0);
	assert_string_equal(fx_read("/a"), "precious");
	/* Thrown away twice it is gone. */
	assert_int_equal(FX_ASK(vfs_unlink, "/a"), 0);
	snprintf(name, sizeof(name), "%s", in_trash("", "~a", &count));
	assert_int_equal(FX_ASK(vfs_unlink, trash_path("", name)), 0);
	(void)in_trash("", "~a", &count);
	assert_int_equal(count, 0);
}

static void
test_rights_of_a_path_go_with_what_is_deleted_there(void **state)
{
	struct conf_rule rules[] = {
		{ .path = (char *)(uintptr_t) "/d/secret",
		  .rights = RIGHTS_ALL & ~(uint32_t)RIGHT_READ },
		{ .path = (char *)(uintptr_t) "/blind", .rights = WITHOUT_TRASH },
	};
	const char *name;
	size_t count;

	(void)state;
	fx_shares[0].rules = rules;
	fx_shares[0].rule_count = COUNT_OF(rules);
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/blind"), 0755), 0);
	fx_write("/d/secret", "s");
	fx_write("/d/open", "o");
	fx_write("/blind/x", "x");
	fx_begin();
	assert_int_equal(FX_ASK(vfs_unlink, "/d/secret"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/d/open"), 0);
	assert_int_equal(FX_ASK(vfs_unlink, "/blind/x"), 0);
	name = in_trash("/d", "~open", &count);
	assert_int_equal(do_open(trash_path("/d", name), VFS_OPEN_READ, 0), 0);
	name = in_trash("/d", "~secret", &count);
	assert_int_equal(do_open(trash_path("/d", name), VFS_OPEN_READ, 0), -EACCES);
	assert_int_equal(do_rename(trash_path("/d", name), "/d/mine", 0), -EACCES);
	assert_int_equal(do_list("/blind"), 0);
	assert_int_equal(fx_answer.entry_count, 0);
	name = in_trash("/blind", "~x", &count);
	assert_int_equal(do_stat(trash_path("/blind", name)), -ENOENT);
	/* Its trash must stay where the rule finds it. */
	assert_int_equal(FX_ASK(vfs_rmdir, "/blind"), -ENOTEMPTY);
}

static void
test_a_directory_goes_with_the_trash_in_it(void **state)
{
	char name[TRASH_NAME_MAX], path[VFS_PATH_MAX];
	size_t count;

	(void)state;
	assert_int_equal(mkdir(fx_path("/d"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/empty"), 0755), 0);
	fx_write("/d/a", "a");
	fx_begin();
	assert_int_equal(FX_ASK(vfs_rmdir, "/d"), -ENOTEMPTY);
	assert_int_equal(FX_ASK(vfs_unlink, "/d/a"), 0);
	assert_int_equal(FX_ASK(vfs_rmdir, "/d"), 0);
	assert_int_equal(FX_ASK(vfs_rmdir, "/empty"), 0);
	assert_int_equal(do_stat("/d"), -ENOENT);
	(void)in_trash("", "~empty", &count);
	assert_int_equal(count, 0); /* there was nothing to keep */
	snprintf(name, sizeof(name), "%s", in_trash("", "~d", &count));
	assert_int_equal(count, 1);
	snprintf(path, sizeof(path), "/" TRASH_DIR "/%s", name);
	(void)in_trash(path, "~a", &count);
	assert_int_equal(count, 1);
	assert_int_equal(do_rename(trash_path("", name), "/d", 0), 0);
	(void)in_trash("/d", "~a", &count);
	assert_int_equal(count, 1);
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

static void
test_what_is_too_old_goes_and_nothing_else(void **state)
{
	(void)state;
	fx_shares[0].rights = WITHOUT_TRASH;
	assert_int_equal(mkdir(fx_path("/" TRASH_DIR), 0755), 0);
	fx_begin();
	assert_int_equal(mkdir(fx_path("/" TRASH_DIR "/20200101-000000-000~d"), 0755), 0);
	assert_int_equal(mkdir(fx_path("/" TRASH_DIR "/20200101-000000-000~d/" TRASH_DIR), 0755),
			 0);
	fx_write("/" TRASH_DIR "/20200101-000000-000~d/" TRASH_DIR "/20191231-000000-000~x", "x");
	fx_write("/" TRASH_DIR "/20200101-000000-000~old", "old");
	fx_write("/" TRASH_DIR "/v01~young", "changed just now");
	fx_write("/" TRASH_DIR "/stranger", "not ours");
	fx_write("/20200101-000000-000~beside", "not in the trash");
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_answer.entry_count, 1);
	assert_string_equal(fx_read("/" TRASH_DIR "/20200101-000000-000~old"), "<none>");
	assert_int_equal(access(fx_path("/" TRASH_DIR "/20200101-000000-000~d"), F_OK), -1);
	assert_string_equal(fx_read("/" TRASH_DIR "/v01~young"), "changed just now");
	assert_string_equal(fx_read("/" TRASH_DIR "/stranger"), "not ours");
	assert_string_equal(fx_read("/20200101-000000-000~beside"), "not in the trash");
}

static void
test_an_empty_trash_goes_too(void **state)
{
	(void)state;
	assert_int_equal(mkdir(fx_path("/" TRASH_DIR), 0755), 0);
	fx_write("/" TRASH_DIR "/20200101-000000-000~old", "old");
	fx_begin();
	assert_int_equal(do_list("/"), 0);
	assert_int_equal(fx_hidden("/"), 0);
}

/* A planted trash leads nowhere, and what cannot be kept is not deleted. */
static void
test_what_cannot_be_kept_is_not_deleted(void **state)
{
	(void)state;
	fx_shares[0].versions = 2;
	fx_write("/a", "a");
	assert_int_equal(mkdir(fx_path("/other"), 0755), 0);
	assert_int_equal(symlink("other", fx_path("/" TRASH_DIR)), 0);
	fx_begin();
	assert_true(FX_ASK(vfs_unlink, "/a") < 0);
	assert_non_null(strstr(fx_answer.why, "keeps what is deleted"));
	assert_true(do_put("/a", STOR, 0, "new") < 0);
	assert_string_equal(fx_read("/a"), "a");
	assert_int_equal(do_list("/other"), 0);
	assert_int_equal(fx_answer.entry_count, 0);
	/* A new name replaces nothing. */
	assert_int_equal(do_put("/b", STOR, 0, "b"), 0);
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
		TRASH_TEST(test_names_say_what_and_when),
		TRASH_TEST(test_the_origin_of_what_is_in_the_trash_is_known),
		TRASH_TEST(test_deleted_files_are_kept_out_of_sight),
		TRASH_TEST(test_the_right_trash_shows_it_and_takes_things_out),
		TRASH_TEST(test_rights_of_a_path_go_with_what_is_deleted_there),
		TRASH_TEST(test_a_directory_goes_with_the_trash_in_it),
		TRASH_TEST(test_the_last_versions_of_a_file_are_kept),
		TRASH_TEST(test_a_version_is_restored_over_its_file),
		TRASH_TEST(test_without_trash_versions_go_with_their_file),
		TRASH_TEST(test_without_versions_every_replaced_content_is_kept),
		TRASH_TEST(test_writing_in_place_leaves_a_copy),
		TRASH_TEST(test_what_is_too_old_goes_and_nothing_else),
		TRASH_TEST(test_an_empty_trash_goes_too),
		TRASH_TEST(test_what_cannot_be_kept_is_not_deleted),
		TRASH_TEST(test_what_is_cut_through_a_handle_is_kept),
		TRASH_TEST(test_no_version_goes_for_what_was_not_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
