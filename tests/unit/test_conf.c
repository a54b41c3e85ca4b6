/* SPDX-License-Identifier: ISC */
/*
 * test_conf.c - the text of a configuration: what is read, what is refused, and where it says so.
 */
#include "tests/unit/conf_fixture.h"

#include "conf/schema.h"

static void
test_an_almost_empty_file_has_secure_defaults(void **state)
{
	struct conf *conf = load_good(LEAST);
	const struct conf_share *s = &conf->shares[0];

	(void)state;
	assert_int_equal(conf->mode, CONF_SYSTEM);
	assert_string_equal(conf->wire_user, "coffer-wire");
	assert_string_equal(conf->listeners[0].address, "*");
	assert_int_equal(conf->listeners[0].binding, CONF_BINDING_REQUIRED);
	assert_int_equal(conf->tls.policy, CONF_POLICY_MODERN);
	assert_int_equal(conf->tls.minimum_version, CONF_TLS_1_2);
	assert_int_equal(conf->tls.unknown_names, CONF_NAMES_DEFAULT);
	assert_int_equal(conf->tls.check_files_ms, 10000);
	assert_int_equal(conf->sftp.policy, CONF_POLICY_MODERN);
	assert_int_equal(conf->ftps.passive_first, 50000);
	assert_int_equal(conf->ftps.passive_last, 50999);
	assert_false(conf->ftps.active);
	assert_false(conf->ftps.recursive_lists);
	assert_null(conf->ftps.external_address);
	assert_int_equal(conf->auth.min_uid, 1000);
	assert_int_equal(conf->auth.tries, 4);
	assert_int_equal(conf->auth.failure_delay_ms, 2000);
	assert_string_equal(conf->auth.pam_service, "coffer");
	assert_int_equal(conf->auth.methods.count, 3);
	assert_string_equal(conf->auth.methods.at[2], "keyboard-interactive");
	assert_int_equal(conf->limits.login_ms, 60000);
	assert_int_equal(conf->limits.idle_ms, 900000);
	assert_int_equal(conf->limits.rate_up, 0);
	assert_int_equal(conf->sftp.window_bytes, 16 << 20);
	assert_int_equal(conf->sftp.rekey_bytes, 1 << 30);
	assert_string_equal(s->name, "files");
	assert_string_equal(s->mount, "/files");
	assert_int_equal(s->rights, RIGHTS_READ_ONLY);
	assert_int_equal(s->file_mode, 0755);
	assert_int_equal(s->dir_mode, 0755);
	assert_int_equal(s->partial_keep_ms, 86400000);
	assert_int_equal(s->symlinks, CONF_SYMLINKS_INSIDE);
	assert_int_equal(s->upload, CONF_UPLOAD_ATOMIC);
	assert_int_equal(s->users.count, 0);
	conf_free(conf);
}

static void
test_ports_come_with_the_protocol(void **state)
{
	struct conf *conf =
	    load_good("listeners:\n  a: { protocol: ftps }\n  b: { protocol: sftp }\n"
		      "  c: { protocol: ftps-implicit }\nshares: { x: { path: /x } }\n");

	(void)state;
	assert_int_equal(conf->listeners[0].port, 21);
	assert_int_equal(conf->listeners[1].port, 22);
	assert_int_equal(conf->listeners[2].port, 990);
	conf_free(conf);
}

static void
test_personal_mode_has_no_pam(void **state)
{
	struct conf *conf = load_good("mode: personal\n" LEAST);

	(void)state;
	assert_null(conf->auth.pam_service);
	conf_free(conf);
}

static void
test_all_of_a_share_is_read(void **state)
{
	struct conf *conf = load_good("listeners: { s: { protocol: sftp } }\n"
				      "shares:\n"
				      "  in box:\n"
				      "    path: /srv/%u/in\n"
				      "    mount: /a/b\n"
				      "    users: [ann, '@staff']\n"
				      "    rights: [read-only, create]\n"
				      "    paths: { /old: none, /new: 'list, read, link' }\n"
				      "    create: yes\n"
				      "    upload: direct\n"
				      "    durable: true\n"
				      "    partial-keep: none\n"
				      "    file-mode: \"0660\"\n"
				      "    hide: .*\n"
				      "    deny: []\n"
				      "    quota-bytes: 2KiB\n"
				      "    max-file-size: 3T\n"
				      "    force-group: none\n");
	const struct conf_share *s = &conf->shares[0];

	(void)state;
	assert_string_equal(s->name, "in box");
	assert_string_equal(s->path, "/srv/%u/in");
	assert_string_equal(s->mount, "/a/b");
	assert_int_equal(s->users.count, 2);
	assert_string_equal(s->users.at[1], "@staff");
	assert_int_equal(s->rights, RIGHTS_READ_ONLY | RIGHT_CREATE);
	assert_int_equal(s->rule_count, 2);
	assert_string_equal(s->rules[1].path, "/new");
	assert_int_equal(s->rules[0].rights, RIGHT_NONE);
	assert_int_equal(s->rules[1].rights, RIGHTS_READ_ONLY | RIGHT_LINK);
	assert_int_equal(s->rules[1].place.line, 8);
	assert_true(s->create);
	assert_true(s->durable);
	assert_int_equal(s->upload, CONF_UPLOAD_DIRECT);
	assert_int_equal(s->partial_keep_ms, 0);
	assert_int_equal(s->file_mode, 0660);
	assert_string_equal(s->hide.at[0], ".*");
	assert_int_equal(s->deny.count, 0);
	assert_int_equal(s->quota_bytes, 2048);
	assert_int_equal(s->max_file_bytes, (uint64_t)3 << 40);
	assert_null(s->force_group);
	assert_int_equal(s->place.line, 3);
	assert_int_equal(s->rights_place.line, 7);
	assert_int_equal(conf_place_of(conf, &s->durable).line, 11);
	assert_int_equal(conf_place_of(conf, &s->durable).column, 14);
	assert_int_equal(conf_place_of(conf, &s->users.at[1]).column, 18);
	assert_int_equal(conf_place_of(conf, &s->symlinks).line, 0);
	conf_free(conf);
}

/* One wrong line laid under LEAST (so it is line 3), and where and how that is said. */
static void
test_a_mistake_is_told_with_place_and_remedy(void **state)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
		{ "shres: 1", "c.yaml:3:1: unknown key \"shres\", did you mean \"shares\"?" },
		{ "limits: { login_time: 60s }",
		  "3:11: unknown key \"login_time\", did you mean \"login-time\"?" },
		{ "login-time: 60s",
		  "3:1: unknown key \"login-time\" here; its place is \"limits.login-time\"" },
		{ "zzz: 1", "3:1: unknown key \"zzz\"\n" },
		{ "mode: systm", "3:7: mode: \"systm\" is not one of: system, personal, did you "
				 "mean \"system\"?" },
		{ "mode: [system]", "mode: takes one value, not a list" },
		{ "mode:", "mode: \"\" is not a value" },
		{ "mode: system\nmode: personal",
		  "4:1: \"mode\" is written twice, the first time in line 3" },
		{ "log: { level: info, level: debug }", "3:21: \"level\" is written twice" },
		{ "limits: { sessions: 0 }", "limits.sessions: 0 is out of range: 1 to 100000" },
		{ "limits: { sessions: 1e3 }", "limits.sessions: \"1e3\" is not a whole number" },
		{ "limits: { sessions: 99999999999999999999 }", "is not a whole number" },
		{ "limits: { login-time: 60 }", "\"60\" is not a time" },
		{ "limits: { login-time: 1s }", "1s is out of range: 2s to 10m" },
		{ "limits: { login-time: 9223372036854775807d }", "is not a time" },
		{ "limits: { login-time: none }", "is not a time" },
		{ "limits: { idle-time: -5s }", "is not a time" },
		{ "limits: { rate-up: 10X }", "is not a size" },
		{ "limits: { rate-up: 9000000T }", "is not a size" },
		{ "limits: { rate-up: 1 }", "1 is out of range: 1K or more, or none" },
		{ "limits: 5", "limits: takes a section" },
		{ "ftps: { passive-ports: 2000-1000 }", "2000-1000 begins behind its end" },
		{ "ftps: { passive-ports: 80-2000 }", "out of range: 1024 to 65535" },
		{ "ftps: { passive-ports: 2000- }", "is not a range of ports" },
		{ "ftps: { active: 1 }", "\"1\" is not yes or no" },
		{ "ftps: { external-address: \"::1\" }", "is not an IPv4 address" },
		{ "ftps: { external: [{ networks: [10.0.0.0/8] }] }", "address" },
		{ "ftps: { external: [{ address: lo, networks: [x] }] }", "\"x\" is not" },
		{ "ftps: { banner: \"a\\nb\" }", "is not one line" },
		{ "sftp: { host-keys: [] }", "sftp.host-keys: takes 1 to 16 entries, not 0" },
		{ "sftp: { host-keys: [a/b] }", "is not an absolute path" },
		{ "sftp: { host-keys: [/a//b] }", "is not an absolute path" },
		{ "sftp: { host-keys: [[/a]] }", "takes one value, not a list" },
		{ "sftp: { authorized-keys: /k/%x }", "is not an absolute path" },
		{ "auth: { methods: [pasword] }", "did you mean \"password\"?" },
		{ "auth: { tries: 0x4 }", "is not a whole number" },
		{ "auth: { min-uid: 0 }", "out of range" },
		{ "tls: { certificates: { certificate: /a } }", "tls.certificates: takes a list" },
		{ "tls: { certificates: [{ certificate: /a }] }",
		  "tls.certificates[1]: \"key\" is missing" },
		{ "state-dir: var", "is not an absolute path" },
		{ "wire-user: \"a b\"", "is not a name" },
		{ "a: &x 1", "anchors (&name) are not supported" },
		{ "a: *x", "aliases (*name) are not supported" },
		{ "mode: !!str system", "tags (!name) are not supported" },
		{ "? {a: b}\n: c", "a key must be a word" },
		{ "<<: {mode: system}", "unknown key \"<<\"" },
		{ "mode: \"a\\0b\"", "may not contain a zero byte" },
		{ "---\nmode: system", "a second document begins here" },
		{ "limits:\n\tidle-time: 5m", "4:1: there is a tab; YAML is indented with spaces" },
		{ "mode: [", "c.yaml:4:1: " },
		{ "mode: \"\x01\"", "control characters are not allowed" },
		{ "mode: \xff", "c.yaml:3:7: " },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct conf *conf;

		snprintf(text, sizeof(text), "%s%s\n", LEAST, cases[i].text);
		assert_int_equal(load(text, &conf), -EINVAL);
		if (!strstr(heard.text, cases[i].told))
			print_error("%s\n-> %s", cases[i].text, heard.text);
		assert_non_null(strstr(heard.text, cases[i].told));
	}
}

/* The same for one share: `shares: { files: { path: /srv/files, HERE } }`. */
static void
test_a_mistake_in_a_share_names_the_share(void **state)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
		{ "rigths: read-only", "unknown key \"rigths\", did you mean \"rights\"?" },
		{ "rights: read-writ", "shares.files.rights: \"read-writ\" is neither a right nor "
				       "a preset, did you mean "
				       "\"read-write\"?" },
		{ "rights: [read, foo]", "\"foo\" is neither" },
		{ "rights: ''", "is not a value" },
		{ "users: []", "takes 1 to 4096 entries, not 0" },
		{ "users: ", "takes a list" },
		{ "users: ['@']", "is not the name of a user" },
		{ "users: [a b]", "is not the name of a user" },
		{ "mount: a", "is not a virtual path" },
		{ "mount: /a/../b", "is not a virtual path" },
		{ "mount: /a/", "is not a virtual path" },
		{ "paths: { b: read-only }", "is not a virtual path" },
		{ "paths: { /b: redonly }", "shares.files.paths./b" },
		{ "paths: { /b: [list, { a: b }] }", "takes one value, not a section" },
		{ "file-mode: 644", "is not permissions in octal" },
		{ "file-mode: \"0888\"", "is not permissions in octal" },
		{ "file-mode: \"04755\"", "out of range: 0000 to 0777" },
		{ "hide: [a/b]", "is not a pattern" },
		{ "deny: ['*a*b*c*d*e*f*g']", "is not a pattern" },
		{ "quota-files: many", "is not a whole number" },
		{ "trash: 30", "is not a time" },
		{ "versions: 100", "out of range: 1 to 99, or none" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct conf *conf;

		snprintf(text, sizeof(text),
			 "listeners: { s: { protocol: sftp } }\nshares: { files: { path: "
			 "/srv/files, %s } }\n",
			 cases[i].text);
		assert_int_equal(load(text, &conf), -EINVAL);
		if (!strstr(heard.text, cases[i].told))
			print_error("%s\n-> %s", cases[i].text, heard.text);
		assert_non_null(strstr(heard.text, cases[i].told));
		assert_int_equal(count_lines(heard.text), 1);
	}
}

static void
test_templates_expand_to_whole_components(void **state)
{
	static const struct {
		const char *path;
		bool good;
	} cases[] = {
		{ "/srv/%u", true },	  { "/srv/%u/in", true }, { "%h", true },
		{ "%h/files", true },	  { "/", true },	  { "/srv/x%u", false },
		{ "/srv/%ux", false },	  { "/srv/%h", false },	  { "%hx", false },
		{ "%u", false },	  { "srv", false },	  { "/srv/../etc", false },
		{ "/srv//x", false },	  { "/srv/", false },	  { "/srv/./x", false },
		{ "%h/../other", false }, { "/100%", false },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct conf *conf;

		snprintf(text, sizeof(text),
			 "listeners: { s: { protocol: sftp } }\nshares: { f: { path: \"%s\" } }\n",
			 cases[i].path);
		if (load(text, &conf) == 0) {
			conf_free(conf);
			assert_true(cases[i].good);
		} else {
			assert_false(cases[i].good);
		}
	}
}

static void
test_no_key_switches_encryption_off(void **state)
{
	static const char *const wishes[] = { "require-tls",
					      "ssl_enable",
					      "allow-plain",
					      "TLSRequired",
					      "force_local_logins_ssl",
					      "allow_cleartext" };
	static const char *const in_rows[] = { "plain", "clear", "insecure", "unencrypted" };
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wishes); i++) {
		struct conf *conf;

		snprintf(text, sizeof(text), LEAST "%s: no\n", wishes[i]);
		assert_int_equal(load(text, &conf), -EINVAL);
		assert_non_null(
		    strstr(heard.text, "encryption is always on and cannot be switched off"));
	}
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		for (size_t i = 0; i < COUNT_OF(in_rows); i++)
			assert_null(strstr(key->key, in_rows[i]));
		for (const struct schema_word *w = key->words; w && w->word; w++) {
			assert_string_not_equal(w->word, "ftp");
			assert_string_not_equal(w->word, "plain");
		}
	}
}

static void
test_all_mistakes_are_told_at_once_and_once(void **state)
{
	struct conf *conf;

	(void)state;
	assert_int_equal(load("foo: 1\n"
			      "limits: { sessions: x, idle-time: 5 }\n"
			      "listeners: { a: { protocol: ftpz, port: 0 }, b: {} }\n"
			      "shares: { x: { users: a }, y: }\n",
			      &conf),
			 -EINVAL);
	/* foo, sessions, idle-time, protocol, port, b's protocol, x's path, y is empty */
	assert_int_equal(count_lines(heard.text), 8);
	assert_int_equal(load("", &conf), -EINVAL);
	assert_non_null(strstr(heard.text, "there are no listeners"));
	assert_non_null(strstr(heard.text, "there are no shares"));
}

static void
test_rubbish_gives_a_page_and_not_a_book(void **state)
{
	char *text = mem_new(5000, 16), *at = text;
	struct conf *conf;

	(void)state;
	for (int i = 0; i < 5000; i++)
		at += snprintf(at, 16, "k%d: 1\n", i);
	assert_int_equal(load(text, &conf), -EINVAL);
	assert_true(count_lines(heard.text) <= 101);
	free(text);
}

static void
test_depth_and_number_are_bounded(void **state)
{
	char *text = mem_new(200000, 4);
	struct conf *conf;
	size_t len = 0;

	(void)state;
	memset(text, '[', 200);
	assert_int_equal(load(text, &conf), -EINVAL);
	assert_non_null(strstr(heard.text, "nested deeper"));
	len = (size_t)snprintf(text, 16, "shares: [");
	for (int i = 0; i < 100000; i++) {
		text[len++] = 'a';
		text[len++] = ',';
	}
	memcpy(text + len, "a]\n", 4);
	assert_int_equal(load(text, &conf), -EINVAL);
	assert_non_null(strstr(heard.text, "longer than a configuration can be"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_almost_empty_file_has_secure_defaults),
		cmocka_unit_test(test_ports_come_with_the_protocol),
		cmocka_unit_test(test_personal_mode_has_no_pam),
		cmocka_unit_test(test_all_of_a_share_is_read),
		cmocka_unit_test(test_a_mistake_is_told_with_place_and_remedy),
		cmocka_unit_test(test_a_mistake_in_a_share_names_the_share),
		cmocka_unit_test(test_templates_expand_to_whole_components),
		cmocka_unit_test(test_no_key_switches_encryption_off),
		cmocka_unit_test(test_all_mistakes_are_told_at_once_and_once),
		cmocka_unit_test(test_rubbish_gives_a_page_and_not_a_book),
		cmocka_unit_test(test_depth_and_number_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
