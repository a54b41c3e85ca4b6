/* SPDX-License-Identifier: ISC */
/* test_path.c - the one normaliser: what it makes is clean, and nothing gets above "/". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/vfs/path.h"

static void
test_join_makes_the_clean_form(void **state)
{
	static const struct {
		const char *cwd, *path, *want;
	} cases[] = {
		{ "/", "a", "/a" },
		{ "/", "/", "/" },
		{ "/", "//", "/" },
		{ "/", ".", "/" },
		{ "/", "..", "/" },
		{ "/", "../../..", "/" },
		{ "/a", "b", "/a/b" },
		{ "/a", "/b", "/b" },
		{ "/a/b", "..", "/a" },
		{ "/a/b", "../..", "/" },
		{ "/a/b", "../../../c", "/c" },
		{ "/a", "./b/./c/.", "/a/b/c" },
		{ "/a", "b//c///d/", "/a/b/c/d" },
		{ "/", "/a/../b", "/b" },
		{ "/", "/a/b/../../../c", "/c" },
		{ "/", "...", "/..." },
		{ "/", "/..a/b..", "/..a/b.." },
		{ "/", " ", "/ " },
		/* Bytes are bytes: nothing is decoded. */
		{ "/", "%2e%2e/x", "/%2e%2e/x" },
		{ "/", "..\\..\\x", "/..\\..\\x" },
		{ "/", "..;/x", "/..;/x" },
		{ "/", "\xc0\xae\xc0\xae/x", "/\xc0\xae\xc0\xae/x" },
		{ "/", "a\nb", "/a\nb" },
	};
	char room[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(path_join(cases[i].cwd, cases[i].path, room, sizeof(room)), 0);
		assert_string_equal(room, cases[i].want);
		assert_true(path_is_clean(room));
	}
}

static void
test_join_refuses_nothing_and_too_much(void **state)
{
	char room[64], small[4], name[300], big[512], exact[32];

	(void)state;
	assert_int_equal(path_join("/", "", room, sizeof(room)), -ENOENT);
	memset(name, 'a', 255);
	name[255] = '\0';

	assert_int_equal(path_join("/", name, big, sizeof(big)), 0);
	name[255] = 'a';
	name[256] = '\0';
	assert_int_equal(path_join("/", name, big, sizeof(big)), -ENAMETOOLONG);
	assert_int_equal(path_join("/", "abc", small, sizeof(small)), -ENAMETOOLONG);
	assert_int_equal(path_join("/", "ab", small, sizeof(small)), 0);
	assert_string_equal(small, "/ab");
	assert_int_equal(
	    path_join("/0123456789012345678901234567890123", "a", exact, sizeof(exact)),
	    -ENAMETOOLONG);
}

/* Whatever is joined, from a few dangerous pieces, stays clean and at or below "/". */
static void
test_join_of_random_pieces_is_always_clean(void **state)
{
	static const char *const pieces[] = { "/",   "..",  ".",  "a",	  "//",
					      "/..", "../", "b.", "\xff", "..." };
	unsigned int seed = 20240607;
	char path[256], room[256], again[256];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		size_t len = 0;

		path[0] = '\0';
		for (int n = 1 + rand_r(&seed) % 12; n > 0; n--) {
			const char *piece = pieces[(size_t)rand_r(&seed) % 10];

			memcpy(path + len, piece, strlen(piece) + 1);
			len += strlen(piece);
		}
		assert_int_equal(path_join("/d/e", path, room, sizeof(room)), 0);
		assert_true(path_is_clean(room));
		assert_int_equal(path_join("/", room, again, sizeof(again)), 0);
		assert_string_equal(room, again);
	}
}

static void
test_is_clean_knows_what_is_not(void **state)
{
	static const char *const dirty[] = { "",   "a",	  "a/b",  "//",	   "/a/",  "/a//b",
					     "/.", "/..", "/a/.", "/a/..", "/./a", "/../a" };

	(void)state;
	for (size_t i = 0; i < sizeof(dirty) / sizeof(dirty[0]); i++)
		assert_false(path_is_clean(dirty[i]));
	assert_true(path_is_clean("/"));
	assert_true(path_is_clean("/a/b"));
}

static void
test_below_is_by_component(void **state)
{
	(void)state;
	assert_true(path_is_below("/a", "/a"));
	assert_true(path_is_below("/a/b", "/a"));
	assert_false(path_is_below("/ab", "/a"));
	assert_false(path_is_below("/", "/a"));
	assert_true(path_is_below("/", "/"));
	assert_true(path_is_below("/x", "/"));
}

static void
test_name_and_dir_split(void **state)
{
	char room[64], tiny[3];

	(void)state;
	assert_string_equal(path_name("/a/b"), "b");
	assert_string_equal(path_name("/"), "");
	path_dir("/a/b", room, sizeof(room));
	assert_string_equal(room, "/a");
	path_dir("/a", room, sizeof(room));
	assert_string_equal(room, "/");
	path_dir("/", room, sizeof(room));
	assert_string_equal(room, "/");
	path_dir("/abc/d", tiny, sizeof(tiny));
	assert_string_equal(tiny, "/a");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join_makes_the_clean_form),
		cmocka_unit_test(test_join_refuses_nothing_and_too_much),
		cmocka_unit_test(test_join_of_random_pieces_is_always_clean),
		cmocka_unit_test(test_is_clean_knows_what_is_not),
		cmocka_unit_test(test_below_is_by_component),
		cmocka_unit_test(test_name_and_dir_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
