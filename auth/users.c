/* SPDX-License-Identifier: ISC */
/*
 * users.c - the users file: reading it, weighing a password against it (monitor and cofferctl), and
 * changing it (cofferctl only). Distrusts the file's owner and mode, and every line of it. A change
 * is a new file beside the old one that takes its name, so a login at any moment sees one or the
 * other.
 */
#include "auth/users.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/account.h"
#include "auth/lines.h"
#include "server/base/log.h"
#include "server/base/text.h"

/*
 * What an unknown user is weighed against: yescrypt at its usual cost. No password has this hash.
 */
static const char nobody_salt[] = "$y$j9T$cOffErcOffErcOffErcOf.";

/* Takes a line apart, which is changed. Returns NULL, or what is wrong (never its content). */
static const char *
parse_line(char *line, struct user *ret_user)
{
	char *rest = line;
	const char *fault = NULL;
	struct user u = { 0 };

	/* The fields in their order; strsep gives NULL behind the last. */
	if (lines_text(u.name, sizeof(u.name), strsep(&rest, ":")) < 0 || !users_name_ok(u.name))
		fault = "the name is not one that a user can have";
	else if (lines_text(u.hash, sizeof(u.hash), strsep(&rest, ":")) < 0)
		fault = "there is no hash, or it is too long";
	else if (lines_id(strsep(&rest, ":"), &u.uid) < 0)
		fault = "the uid (third field) is not a number";
	else if (lines_id(strsep(&rest, ":"), &u.gid) < 0)
		fault = "the gid (fourth field) is not a number";
	else if (lines_text(u.gecos, sizeof(u.gecos), strsep(&rest, ":")) < 0)
		fault = "the fifth field is missing or too long";
	else if (lines_text(u.home, sizeof(u.home), strsep(&rest, ":")) < 0 ||
		 (u.home[0] != '\0' && u.home[0] != '/'))
		fault = "the home directory (sixth field) is missing or not absolute";
	else if (strsep(&rest, ":") && rest &&
		 (lines_text(u.limits, sizeof(u.limits), rest) < 0 || limits_fault(u.limits)))
		fault = limits_fault(rest) ? limits_fault(rest)
					   : "the limits (last field) are too long";
	if (!fault)
		*ret_user = u;
	mem_wipe(&u, sizeof(u));
	return fault;
}

bool
users_locked(const struct user *user)
{
	return user->hash[0] == '!';
}

bool
users_name_ok(const char *name)
{
	return account_name_ok(name);
}

int
users_find(const char *file, const char *name, struct user *ret_user)
{
	int err = -ENOENT;
	struct log_value quoted;
	char *bytes, *rest, *line;
	struct stat st;
	size_t len;
	int found;

	if (!users_name_ok(name))
		return -ENOENT;
	found = lines_read(file, &bytes, &len, &st);
	if (found < 0) {
		/*
		 * Whoever asks treats this as "no such user", so it would otherwise pass in
		 * silence.
		 */
		if (found != -ENOENT)
			log_error("users-file", "path=%s result=%s", log_q(&quoted, file),
				  found == -EPERM ? "not-trusted" : strerrorname_np(-found));
		return found;
	}
	rest = bytes;
	while (err == -ENOENT && (line = lines_next(&rest))) {
		if (lines_are(line, name))
			err = parse_line(line, ret_user) ? -EBADMSG : 0;
	}
	mem_wipe(bytes, len);
	free(bytes);
	return err;
}

int
users_totp(const char *file, const char *name, char *room, size_t size)
{
	char path[4096], *bytes, *rest, *line;
	struct log_value quoted;
	struct stat st;
	struct text t;
	size_t len;
	int err, found;

	text_init(&t, path, sizeof(path));
	text_printf(&t, "%s.totp", file);
	found = t.cut ? -ENAMETOOLONG : lines_read(path, &bytes, &len, &st);
	if (found < 0)
		return found;
	err = st.st_mode & 0077 ? -EPERM : -ENOENT;
	if (err == -EPERM)
		log_error("totp-file", "path=%s result=not-trusted", log_q(&quoted, path));
	rest = bytes;
	while (err == -ENOENT && (line = lines_next(&rest)))
		if (lines_are(line, name))
			err = text_copy(room, size, line + strlen(name) + 1);
	mem_wipe(bytes, len);
	free(bytes);
	return err;
}

/* Equal? The time says nothing about where they differ. */
static bool
same_text(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char differs = 0;

	if (strlen(b) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		differs |= (unsigned char)(a[i] ^ b[i]);
	return differs == 0;
}

/* A hash that crypt(3) can compute. Others are not handed to it: it would answer at once. */
static bool
can_fit(const struct user *user)
{
	if (!user || user->hash[0] == '\0' || user->hash[0] == '!' || user->hash[0] == '*')
		return false;
	return crypt_checksalt(user->hash) != CRYPT_SALT_INVALID &&
	       crypt_checksalt(user->hash) != CRYPT_SALT_METHOD_DISABLED;
}

bool
users_verify(const struct user *user, const char *password)
{
	struct crypt_data *data = mem_new(1, sizeof(*data));
	const char *against = can_fit(user) ? user->hash : nobody_salt;
	const char *made = crypt_r(password, against, data);
	bool fits = made && made[0] != '*' && against != nobody_salt && same_text(made, against);

	mem_wipe(data, sizeof(*data));
	free(data);
	return fits;
}

int
users_hash(const char *password, char *room, size_t size)
{
	struct crypt_data *data = mem_new(1, sizeof(*data));
	char *salt = crypt_gensalt_ra("$y$", 0, NULL, 0);
	int err = salt ? 0 : -errno;

	if (err == 0) {
		const char *made = crypt_r(password, salt, data);

		err = made && made[0] != '*' ? text_copy(room, size, made) : -EINVAL;
	}
	free(salt);
	mem_wipe(data, sizeof(*data));
	free(data);
	return err;
}

struct listed {
	char name[65];
	unsigned int line;
};

static int
compare_listed(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static void
tell(conf_complain_fn *complain, void *ctx, const char *file, unsigned int line, const char *text)
{
	const struct conf_place place = { .file = file, .line = line, .column = line ? 1 : 0 };

	if (complain)
		complain(ctx, &place, text);
}

static void
complain_of_twins(struct listed *all, size_t count, const char *file, conf_complain_fn *complain,
		  void *ctx)
{
	qsort(all, count, sizeof(*all), compare_listed);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(all[i].name, all[i - 1].name) == 0)
			tell(complain, ctx, file, all[i].line,
			     "this user is there twice; the first line counts");
	}
}

int
users_each(const char *file, users_each_fn *each, conf_complain_fn *complain, void *ctx)
{
	char *bytes, *rest, *line;
	struct listed *all = NULL;
	unsigned int number = 0;
	size_t len, count = 0;
	struct stat st;
	int err = lines_read(file, &bytes, &len, &st);

	if (err < 0) {
		tell(complain, ctx, file, 0,
		     err == -EPERM
			 ? "the file must belong to root or to you, and nobody else may write it"
			 : strerror(-err));
		return err;
	}
	rest = bytes;
	while ((line = lines_next(&rest))) {
		const char *fault;
		struct user user;

		number++;
		if (*line == '\0' || *line == '#')
			continue;
		fault = parse_line(line, &user);
		if (!fault && crypt_checksalt(user.hash) == CRYPT_SALT_METHOD_LEGACY)
			tell(complain, ctx, file, number,
			     "warning: the hash is of a weak kind; cofferctl user passwd makes a "
			     "new one");
		if (fault) {
			tell(complain, ctx, file, number, fault);
			continue;
		}
		all = mem_grow(all, count + 1, sizeof(*all));
		all[count] = (struct listed) { .line = number };
		if (text_copy(all[count].name, sizeof(all[count].name), user.name) == 0)
			count++;
		each(ctx, &user);
		mem_wipe(&user, sizeof(user));
	}
	complain_of_twins(all, count, file, complain, ctx);
	free(all);
	mem_wipe(bytes, len);
	free(bytes);
	return 0;
}

/* ---- changing it ---- */

static int
put_line(const struct user *user, struct text *t)
{
	if (!users_name_ok(user->name) || !lines_field_ok(user->hash) ||
	    !lines_field_ok(user->gecos) || !lines_field_ok(user->home))
		return -EINVAL;
	if (limits_fault(user->limits))
		return -EINVAL;
	text_printf(t, "%s:%s:%lu:%lu:%s:%s:/usr/sbin/nologin", user->name, user->hash,
		    (unsigned long)user->uid, (unsigned long)user->gid, user->gecos, user->home);
	text_printf(t, "%s%s\n", *user->limits ? ":" : "", user->limits);
	return t->cut ? -EINVAL : 0;
}

int
users_set(const char *file, const struct user *user)
{
	char storage[LINES_MAX];
	struct text line;
	int err;

	text_init(&line, storage, sizeof(storage));
	err = put_line(user, &line);
	if (err == 0)
		err = lines_change(file, user->name, &line);
	mem_wipe(storage, sizeof(storage));
	return err;
}

int
users_delete(const char *file, const char *name)
{
	return users_name_ok(name) ? lines_change(file, name, NULL) : -ENOENT;
}
