/* SPDX-License-Identifier: ISC */
/*
 * ctl_user.c - `cofferctl user`: the users file. A password is typed twice without echo, or is one
 * line of standard input; it is never an argument, where everybody could see it. Hashes are never
 * shown.
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/lines.h"
#include "auth/users.h"
#include "server/base/text.h"
#include "server/ctl.h"
#include "server/ctl_password.h"

struct request {
	const char *file, *conf, *name, *uid, *gid, *home, *gecos;
	const char *expires, *protocols, *networks, *hours; /* limits.h */
	const char *check;				    /* auth.password-check */
};

static int
fail(const struct request *r, const char *what, int err)
{
	if (err == -EPERM)
		fprintf(
		    stderr,
		    "cofferctl: %s: the file must belong to root or to you, and nobody else may "
		    "write it\n",
		    r->file);
	else
		fprintf(stderr, "cofferctl: %s: %s: %s\n", r->file, what, strerror(-err));
	return 1;
}

static int
no_such_user(const struct request *r)
{
	fprintf(stderr, "cofferctl: there is no user \"%s\" in %s\n", r->name, r->file);
	return 1;
}

/* The user that is to be changed. Complains and returns -errno when he cannot be. */
static int
find_user(const struct request *r, bool to_change, struct user *user)
{
	int err = to_change ? lines_hold(r->file) : 0;

	if (err < 0) {
		fail(r, "cannot be locked for editing", err);
		return err;
	}
	err = users_find(r->file, r->name, user);
	if (err == -ENOENT)
		no_such_user(r);
	else if (err < 0)
		fail(r, "cannot be read", err);
	return err;
}

/* Writes him back, and wipes him. Returns the exit status. */
static int
write_user(const struct request *r, struct user *user)
{
	int err = users_set(r->file, user);

	mem_wipe(user, sizeof(*user));
	return err < 0 ? fail(r, "not changed", err) : 0;
}

/*
 * Asks for a new password, lets the administrator's program judge it, and puts its hash into the
 * user.
 */
static int
ask_hash(const struct request *r, struct user *user)
{
	char password[CTL_PASSWORD_MAX];
	int err = ctl_password(user->name, password, sizeof(password));

	if (err == 0 && r->check)
		err = ctl_password_check(r->check, user->name, password);
	if (err == 0)
		err = users_hash(password, user->hash, sizeof(user->hash));
	mem_wipe(password, sizeof(password));
	if (err < 0)
		fprintf(stderr, "cofferctl: no password was set: %s\n", strerror(-err));
	return err;
}

/* A number, or a name of the system. */
static int
find_uid(const char *word, uid_t *ret_uid)
{
	const struct passwd *pw;
	uint64_t number;

	if (num_u64(word, UINT32_MAX - 1, &number) == 0) {
		*ret_uid = (uid_t)number;
		return 0;
	}
	pw = getpwnam(word);
	if (!pw) {
		fprintf(stderr, "cofferctl: there is no account \"%s\"\n", word);
		return -ENOENT;
	}
	*ret_uid = pw->pw_uid;
	return 0;
}

static int
find_gid(const char *word, gid_t *ret_gid)
{
	const struct group *gr;
	uint64_t number;

	if (num_u64(word, UINT32_MAX - 1, &number) == 0) {
		*ret_gid = (gid_t)number;
		return 0;
	}
	gr = getgrnam(word);
	if (!gr) {
		fprintf(stderr, "cofferctl: there is no group \"%s\"\n", word);
		return -ENOENT;
	}
	*ret_gid = gr->gr_gid;
	return 0;
}

/* Which files are the new user's? The default is whoever calls us, unless he is root. */
static int
fill_identity(const struct request *r, struct user *user)
{
	const struct passwd *pw;

	user->uid = getuid();
	if (r->uid && find_uid(r->uid, &user->uid) < 0)
		return -ENOENT;
	pw = getpwuid(user->uid);
	user->gid = pw ? pw->pw_gid : (gid_t)user->uid;
	if (r->gid && find_gid(r->gid, &user->gid) < 0)
		return -ENOENT;
	if (user->uid == 0 && !r->uid) {
		fputs("cofferctl: as whom does this user work on files? say it with --uid\n",
		      stderr);
		return -EINVAL;
	}
	/* Personal mode of root does not use the number; a test server in a container is that. */
	if (user->uid == 0 || user->gid == 0)
		fputs("cofferctl: note: in system mode nobody logs in with the uid or group of "
		      "root\n",
		      stderr);
	if (text_copy(user->home, sizeof(user->home),
		      r->home ? r->home
		      : pw    ? pw->pw_dir
			      : "") < 0 ||
	    (user->home[0] != '\0' && user->home[0] != '/')) {
		fputs("cofferctl: --home takes an absolute path\n", stderr);
		return -EINVAL;
	}
	return text_copy(user->gecos, sizeof(user->gecos), r->gecos ? r->gecos : "");
}

static int
set_limits(const struct request *r, struct user *user)
{
	const struct {
		const char *name, *list;
	} all[] = {
		{ "expires", r->expires },
		{ "protocols", r->protocols },
		{ "networks", r->networks },
		{ "hours", r->hours },
	};

	for (size_t i = 0; i < COUNT_OF(all); i++) {
		int err = all[i].list ? limits_set(user->limits, sizeof(user->limits), all[i].name,
						   all[i].list)
				      : 0;

		if (err < 0) {
			fprintf(stderr, "cofferctl: --%s cannot be \"%s\"%s\n", all[i].name,
				all[i].list,
				err == -ENOSPC ? ": that is too long"
				: i == 0       ? "; a day such as 2027-01-31"
				: i == 1       ? "; ftps or sftp"
				: i == 2       ? "; networks such as 192.0.2.0/24,2001:db8::/32"
					       : "; times such as \"Mon-Fri 08:00-18:00\"");
			return err;
		}
	}
	return 0;
}

static int
user_add(const struct request *r)
{
	struct user user;
	int err = users_find(r->file, r->name, &user);

	if (err == 0) {
		mem_wipe(&user, sizeof(user));
		fprintf(stderr, "cofferctl: \"%s\" is in %s already; see cofferctl user passwd\n",
			r->name, r->file);
		return 1;
	}
	if (err != -ENOENT)
		return fail(r, "cannot be read", err);
	user = (struct user) { 0 };
	if (!users_name_ok(r->name) || text_copy(user.name, sizeof(user.name), r->name) < 0) {
		fputs("cofferctl: a name has 1 to 64 letters, digits and _ . @ + -\n", stderr);
		return 1;
	}
	if (fill_identity(r, &user) < 0 || set_limits(r, &user) < 0 || ask_hash(r, &user) < 0)
		return 1;
	return write_user(r, &user);
}

static int
user_passwd(const struct request *r)
{
	struct user user;

	char hash[USERS_HASH_MAX];
	bool locked;

	if (find_user(r, false, &user) < 0 || ask_hash(r, &user) < 0)
		return 1;
	/* Typing takes time, and nobody is kept from editing by it: the user is looked up again. */
	memcpy(hash, user.hash, sizeof(hash));
	if (find_user(r, true, &user) < 0)
		return 1;
	locked = users_locked(&user);
	if (snprintf(user.hash, sizeof(user.hash), "%s%s", locked ? "!" : "", hash) >=
	    (int)sizeof(user.hash))
		return fail(r, "not changed", -ENOSPC);
	mem_wipe(hash, sizeof(hash));
	if (locked)
		fprintf(stderr,
			"cofferctl: \"%s\" is locked, and stays so until cofferctl user unlock\n",
			r->name);
	return write_user(r, &user);
}

/* Everything but the password; what is not named stays. */
static int
user_set(const struct request *r)
{
	struct user user;

	if (find_user(r, true, &user) < 0 || (r->uid && find_uid(r->uid, &user.uid) < 0) ||
	    (r->gid && find_gid(r->gid, &user.gid) < 0) || set_limits(r, &user) < 0)
		return 1;
	if ((r->home &&
	     (*r->home != '/' || text_copy(user.home, sizeof(user.home), r->home) < 0)) ||
	    (r->gecos && text_copy(user.gecos, sizeof(user.gecos), r->gecos) < 0)) {
		fputs("cofferctl: --home takes an absolute path, and neither it nor --gecos is "
		      "endless\n",
		      stderr);
		return 1;
	}
	return write_user(r, &user);
}

/* A locked hash has a '!' in front and can be given back as it was. */
static int
set_lock(const struct request *r, bool lock)
{
	struct user user;
	size_t len;

	if (find_user(r, true, &user) < 0)
		return 1;
	len = strlen(user.hash);
	if (lock && user.hash[0] != '!' && len + 1 < sizeof(user.hash)) {
		memmove(user.hash + 1, user.hash, len + 1);
		user.hash[0] = '!';
	} else if (!lock && user.hash[0] == '!') {
		memmove(user.hash, user.hash + 1, len);
	}
	return write_user(r, &user);
}

static int
user_lock(const struct request *r)
{
	return set_lock(r, true);
}

static int
user_unlock(const struct request *r)
{
	return set_lock(r, false);
}

static int
user_del(const struct request *r)
{
	int err = users_delete(r->file, r->name);

	if (err == -ENOENT)
		return no_such_user(r);
	return err < 0 ? fail(r, "not changed", err) : 0;
}

static void
print_user(void *ctx, const struct user *user)
{
	(void)ctx;
	printf("%-20s uid=%lu gid=%lu home=%s%s%s%s%s%s\n", user->name, (unsigned long)user->uid,
	       (unsigned long)user->gid, user->home[0] ? user->home : "-",
	       users_locked(user)			? " locked"
	       : user->hash[0] == '*' || !user->hash[0] ? " no-password"
							: "",
	       user->limits[0] ? " " : "", user->limits, user->gecos[0] ? " # " : "", user->gecos);
}

static int
user_list(const struct request *r)
{
	return users_each(r->file, print_user, ctl_complain, NULL) < 0 ? 1 : 0;
}

static const struct action {
	const char *name;
	int (*run)(const struct request *r);
	bool wants_name;
} actions[] = {
	{ "add", user_add, true },    { "passwd", user_passwd, true }, { "set", user_set, true },
	{ "lock", user_lock, true },  { "unlock", user_unlock, true }, { "del", user_del, true },
	{ "list", user_list, false },
};

/* The file is named, or it is the configuration's, which then has its program for passwords too. */
static int
find_file(struct request *r)
{
	struct conf *conf;

	if (r->file)
		return 0;
	r->file = ctl_file(r->conf, offsetof(struct conf, auth.users_file), "auth.users-file");
	if (!r->file || conf_load(r->conf, ctl_complain, NULL, &conf) < 0)
		return -ENOENT;
	r->check = mem_dup(conf->auth.password_check);
	conf_free(conf);
	return 0;
}

int
ctl_user(int argc, char *argv[])
{
	struct request r = { .conf = CTL_CONF };
	const struct ctl_option options[] = {
		{ "file", 'f', &r.file },	{ "config", 'c', &r.conf },
		{ "uid", 0, &r.uid },		{ "gid", 0, &r.gid },
		{ "home", 0, &r.home },		{ "gecos", 0, &r.gecos },
		{ "expires", 0, &r.expires },	{ "protocols", 0, &r.protocols },
		{ "networks", 0, &r.networks }, { "hours", 0, &r.hours },
	};
	const struct action *action = NULL;

	if (!ctl_options(argc, argv, options, COUNT_OF(options)))
		return ctl_usage("user");
	for (size_t i = 0; optind < argc && i < COUNT_OF(actions); i++) {
		if (strcmp(argv[optind], actions[i].name) == 0)
			action = &actions[i];
	}
	if (!action || argc - optind != (action->wants_name ? 2 : 1))
		return ctl_usage("user");
	if (action->wants_name)
		r.name = argv[optind + 1];
	if (find_file(&r) < 0)
		return 1;
	return action->run(&r);
}
