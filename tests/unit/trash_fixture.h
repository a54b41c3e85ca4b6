/* SPDX-License-Identifier: ISC */
/* trash_fixture.h - a share with a trash of 30 days, and a look into it. */
#ifndef TESTS_UNIT_TRASH_FIXTURE_H
#define TESTS_UNIT_TRASH_FIXTURE_H

#include "tests/unit/vfs_fixture.h"

#include "server/vfs/trash_name.h"

#define DAY_MS (24ull * 3600 * 1000)

static inline int
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
static inline const char *
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

#endif
