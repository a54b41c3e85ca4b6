/* SPDX-License-Identifier: ISC */
/*
 * test_conf_check.c - check.c: keys that contradict each other, and files that must not be as they
 * are.
 */
#include "server/base/text.h"
#include "tests/unit/conf_fixture.h"

static int
check(const char *text)
{
	struct conf *conf = load_good(text);
	int err = conf_check(conf, hear, &heard);

	conf_free(conf);
	return err;
}

static void
test_keys_that_others_can_read_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		mode_t mode;
		const char *told; /* NULL: good */
	} cases[] = {
		{ "-----BEGIN PRIVATE KEY-----\n", 0600, NULL },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----\n", 0400, NULL },
		{ "-----BEGIN PRIVATE KEY-----\n", 0640,
		  "has mode 0640: others than its owner can read it (chmod 0600)" },
		{ "-----BEGIN PRIVATE KEY-----\n", 0604, "can read it" },
		{ "-----BEGIN ENCRYPTED PRIVATE KEY-----\n", 0600, "has a passphrase" },
		{ "ssh-ed25519 AAAA", 0600, "is not in PEM format" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(text, sizeof(text),
			 "mode: personal\nlisteners: { s: { protocol: sftp, port: 2222 } }\n"
			 "shares: { f: { path: /%%u } }\nauth: { users-file: /nonexistent/file }\n"
			 "sftp: { host-keys: [%s] }\n",
			 put("key", cases[i].bytes, cases[i].mode));
		assert_int_equal(check(text), cases[i].told ? -EINVAL : 0);
		if (cases[i].told) {
			assert_non_null(strstr(heard.text, cases[i].told));
			assert_non_null(strstr(heard.text, "c.yaml:5:21: sftp.host-keys: "));
		}
	}
}

/* Each with `mode: personal` in front and nothing else; told is part of a complaint. */
static void
test_keys_that_contradict_each_other(void **state)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
		{ "listeners: { a: { protocol: ftps }, b: { protocol: sftp, port: 21 } }\nshares: "
		  "{ f: { path: /%u } }",
		  "port 21 is already that of listeners.a (line 2)" },
		{ "listeners: { a: { protocol: sftp, address: 127.0.0.1 }, b: { protocol: sftp } "
		  "}\n"
		  "shares: { f: { path: /%u } }",
		  "port 22 is already that of listeners.a" },
		{ "listeners: { a: { protocol: sftp, address: '::1' }, b: { protocol: sftp, "
		  "address: '0:0::1' } }\n"
		  "shares: { f: { path: /%u } }",
		  "port 22 is already that of listeners.a" },
		{ "listeners: { a: { protocol: sftp, port: 50005 } }\nshares: { f: { path: /%u } }",
		  "port 50005 is one of ftps.passive-ports (50000-50999)" },
		{ "listeners: { a: { protocol: ftps } }\nshares: { f: { path: /%u } }",
		  "an ftps listener needs tls.certificates" },
		{ "listeners: { a: { protocol: sftp } }\nshares: { f: { path: /%u } }",
		  "an sftp listener needs sftp.host-keys" },
		{ "listeners: { a: { protocol: sftp, data-binding: preferred } }\nshares: { f: { "
		  "path: /%u } }",
		  "data-binding is for ftps only" },
		{ "listeners: { a: { protocol: sftp } }\nshares: { f: { path: /%u } }",
		  "nobody could log in" },
		{ "listeners: { a: { protocol: sftp } }\nshares: { a: { path: /%u }, b: { path: "
		  "/%u, mount: /a } }",
		  "shares.b: its mount /a is already that of shares.a (line 3)" },
		{ "listeners: { a: { protocol: sftp } }\nshares: { a: { path: /%u, mount: /x, "
		  "users: [u, v] }, "
		  "b: { path: /%u, mount: /x, users: [v] } }",
		  "its mount /x is already" },
		{ "listeners: { a: { protocol: sftp } }\nshares: { a: { path: /proc/1 } }",
		  "/proc is the kernel's and cannot be shared" },
		{ "listeners: { a: { protocol: sftp } }\nshares: { a: { path: /dev } }",
		  "cannot be shared" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(text, sizeof(text), "mode: personal\n%s\n", cases[i].text);
		assert_int_equal(check(text), -EINVAL);
		if (!strstr(heard.text, cases[i].told))
			print_error("%s\n-> %s", cases[i].text, heard.text);
		assert_non_null(strstr(heard.text, cases[i].told));
	}
}

static void
test_what_does_not_meet_is_allowed(void **state)
{
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text),
		 "mode: personal\n"
		 "listeners: { a: { protocol: sftp, address: 127.0.0.1 }, b: { protocol: sftp, "
		 "address: '::1' },\n"
		 "  c: { protocol: sftp, address: 127.0.0.2 } }\n"
		 "shares: { a: { path: /%%u, mount: /, users: [u] }, b: { path: /%%u, mount: /, "
		 "users: ['@g'] },\n"
		 "  process: { path: /processes/%%u } }\n"
		 "auth: { users-file: /nonexistent/file }\n"
		 "sftp: { host-keys: [%s] }\n",
		 put("key", "-----BEGIN PRIVATE KEY-----\n", 0600));
	assert_int_equal(check(text), 0);
}

static void
test_a_run_dir_without_room_for_a_socket_is_said(void **state)
{
	char text[1024], name[128];

	(void)state;
	for (int len = 99; len <= 100; len++) {
		memset(name, 'r', sizeof(name));
		name[0] = '/';
		name[len] = '\0';
		snprintf(text, sizeof(text),
			 "mode: personal\nrun-dir: %s\n"
			 "listeners: { s: { protocol: sftp, port: 2222 } }\n"
			 "shares: { f: { path: /%%u } }\nauth: { users-file: /nonexistent/file }\n"
			 "sftp: { host-keys: [%s] }\n",
			 name, put("key", "-----BEGIN PRIVATE KEY-----\n", 0600));
		assert_int_equal(check(text), 0);
		assert_true((strstr(heard.text, "c.yaml:2:10: warning: run-dir: more than 99") !=
			     NULL) == (len == 100));
	}
}

/* Who can exchange a file by its directory need not be able to write the file. */
static void
test_what_is_run_or_made_lies_where_nobody_else_writes(void **state)
{
	static const struct {
		mode_t mode;
		const char *told; /* NULL: good */
	} cases[] = {
		{ 0755, NULL },
		{ 01777, NULL }, /* sticky: he may add, and not exchange */
		{ 0775, "which has mode 0775: others than its owner can change it (chmod 0755)" },
		{ 0777, "which has mode 0777" },
	};
	static const struct {
		const char *before, *name, *after;
		int verdict;
	} keys[] = {
		{ "hooks: { spool: ", "spool", " }\nauth: { ", -EINVAL },
		{ "hooks: { spool: /spool, program: ", "x", " }\nauth: { ", -EINVAL },
		{ "auth: { password-check: ", "x", ", ", -EINVAL },
		{ "auth: { groups-file: ", "x", ", ", 0 }, /* a warning */
		{ "auth: { certificate-file: ", "x", ", ", 0 },
	};
	char text[1024], sub[100];

	(void)state;
	snprintf(sub, sizeof(sub), "%s/d", dir);
	assert_int_equal(mkdir(sub, 0755), 0);
	put("d/x", "#!/bin/sh\n", 0755);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(chmod(sub, cases[i].mode), 0);
		for (size_t k = 0; k < COUNT_OF(keys); k++) {
			snprintf(
			    text, sizeof(text),
			    "mode: personal\nlisteners: { s: { protocol: sftp, port: 2222 } }\n"
			    "shares: { f: { path: /%%u } }\nsftp: { host-keys: [%s] }\n"
			    "%s%s/%s%susers-file: /nonexistent/file }\n",
			    put("key", "-----BEGIN PRIVATE KEY-----\n", 0600), keys[k].before, sub,
			    keys[k].name, keys[k].after);
			assert_int_equal(check(text), cases[i].told ? keys[k].verdict : 0);
			if (cases[i].told)
				assert_non_null(strstr(heard.text, cases[i].told));
			else
				assert_null(strstr(heard.text, "lies in"));
		}
	}
	snprintf(text, sizeof(text), "%s/x", sub);
	unlink(text);
	rmdir(sub);
}

/* The daemon has room for so many, and used to end without a word when there were more. */
static void
test_as_many_listeners_as_there_are_doors(void **state)
{
	struct conf *conf;
	char text[4096];
	struct text t;

	(void)state;
	for (int count = CONF_LISTENERS_MAX; count <= CONF_LISTENERS_MAX + 1; count++) {
		text_init(&t, text, sizeof(text));
		text_puts(&t, "shares: { f: { path: /srv } }\nlisteners:\n");
		for (int i = 0; i < count; i++)
			text_printf(&t, " l%d: { protocol: sftp, port: %d }\n", i, 2200 + i);
		assert_false(t.cut);
		if (count == CONF_LISTENERS_MAX) {
			conf_free(load_good(text));
			continue;
		}
		assert_int_equal(load(text, &conf), -EINVAL);
		assert_non_null(strstr(heard.text, "c.yaml:35:2: listeners: there are 33, and 32"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FILES(test_keys_that_others_can_read_are_refused),
		FILES(test_keys_that_contradict_each_other),
		FILES(test_what_does_not_meet_is_allowed),
		FILES(test_a_run_dir_without_room_for_a_socket_is_said),
		FILES(test_what_is_run_or_made_lies_where_nobody_else_writes),
		cmocka_unit_test(test_as_many_listeners_as_there_are_doors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
