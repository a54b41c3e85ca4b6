/* SPDX-License-Identifier: ISC */
/*
 * test_conf_file.c - files of a configuration: in which order they are laid over each other, and
 * from whom they are taken (ledger LG07).
 */
#include "tests/unit/conf_fixture.h"

static int
load_file(struct conf **ret_conf)
{
	char path[128];

	heard = (struct heard) { .len = 0 };
	snprintf(path, sizeof(path), "%s/coffer.yaml", dir);
	return conf_load(path, hear, &heard, ret_conf);
}

static void
make_drop_in_dir(mode_t mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/conf.d", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
test_drop_ins_are_laid_over_in_name_order(void **state)
{
	struct conf *conf;

	(void)state;
	make_drop_in_dir(0755);
	put("coffer.yaml",
	    LEAST "limits: { idle-time: 1m, sessions: 5 }\nsftp: { host-keys: [/a, /b] }\n", 0644);
	put("conf.d/20-b.yaml",
	    "limits: { idle-time: 3m }\nshares: { files: { rights: read-write } }\n", 0644);
	put("conf.d/10-a.yaml",
	    "limits: { idle-time: 2m, tries: }\nsftp: { host-keys: [/c] }\nshares:\n  more: { "
	    "path: /more }\n",
	    0644);
	put("conf.d/.hidden.yaml", "nonsense: 1\n", 0644);
	put("conf.d/note.txt", "nonsense: 1\n", 0644);
	assert_int_equal(load_file(&conf), -EINVAL);
	assert_non_null(strstr(heard.text, "/conf.d/10-a.yaml:1:26: unknown key \"tries\""));
	put("conf.d/10-a.yaml",
	    "limits: { idle-time: 2m }\nsftp: { host-keys: [/c] }\nlog:\nshares:\n  more: { path: "
	    "/more }\n",
	    0644);
	assert_int_equal(load_file(&conf), 0);
	assert_int_equal(conf->limits.idle_ms, 180000);
	assert_int_equal(conf->limits.sessions, 5);
	assert_int_equal(conf->sftp.host_keys.count, 1);
	assert_string_equal(conf->sftp.host_keys.at[0], "/c");
	assert_int_equal(conf->share_count, 2);
	assert_string_equal(conf->shares[0].path, "/srv/files");
	assert_int_equal(conf->shares[0].rights, RIGHTS_READ_WRITE);
	assert_non_null(strstr(conf->shares[0].rights_place.file, "20-b.yaml"));
	assert_int_equal(conf->shares[0].rights_place.line, 2);
	conf_free(conf);
}

static void
test_files_that_others_can_write_are_not_read(void **state)
{
	struct conf *conf;

	(void)state;
	put("coffer.yaml", LEAST, 0664);
	assert_int_equal(load_file(&conf), -EINVAL);
	assert_non_null(strstr(heard.text, "has mode 0664: others than its owner can change it"));
	put("coffer.yaml", LEAST, 0640);
	assert_int_equal(load_file(&conf), 0);
	conf_free(conf);
	make_drop_in_dir(0777);
	assert_int_equal(load_file(&conf), -EINVAL);
	assert_non_null(strstr(heard.text, "conf.d:0:0: the directory has mode 0777"));
	if (geteuid() == 0) {
		char path[128];

		snprintf(path, sizeof(path), "%s/coffer.yaml", dir);
		assert_int_equal(chown(path, 12345, 0), 0);
		assert_int_equal(load_file(&conf), -EINVAL);
		assert_non_null(strstr(heard.text, "belongs to uid 12345"));
	}
}

static void
test_what_is_no_file_does_not_hang(void **state)
{
	char path[128];
	struct conf *conf;

	(void)state;
	assert_int_equal(load_file(&conf), -EINVAL);
	assert_non_null(strstr(heard.text, "cannot be opened: No such file or directory"));
	snprintf(path, sizeof(path), "%s/coffer.yaml", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load_file(&conf), -EINVAL);
	assert_non_null(strstr(heard.text, "is not a regular file"));
}

static void
test_a_file_of_more_than_a_mebibyte_is_refused(void **state)
{
	struct conf *conf;

	(void)state;
	assert_int_equal(truncate(put("coffer.yaml", LEAST, 0600), (1 << 20) + 1), 0);
	assert_int_equal(load_file(&conf), -EINVAL);
	assert_non_null(strstr(heard.text, "larger than 1 MiB"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FILES(test_drop_ins_are_laid_over_in_name_order),
		FILES(test_files_that_others_can_write_are_not_read),
		FILES(test_what_is_no_file_does_not_hang),
		FILES(test_a_file_of_more_than_a_mebibyte_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
