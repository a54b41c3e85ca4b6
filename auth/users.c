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
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/account.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/text.h"

/* Bytes of the largest file: about fifty thousand users. */
#define USERS_FILE_MAX ((size_t)8 * 1024 * 1024)
#define USERS_LINE_MAX 2048
/* Somebody else edits: so often and so long it is waited for him. */
#define LOCK_TRIES 50
#define LOCK_WAIT_US 100000

/* What an unknown user is weighed against: yescrypt at its usual cost. No password has this hash.
 */
static const char nobody_salt[] = "$y$j9T$cOffErcOffErcOffErcOf.";

/* Reads the file when it can be trusted. The bytes are the caller's, to be wiped and freed. */
static int
open_file(const char *file, char **ret_bytes, size_t *ret_len, struct stat *ret_st)
{
	FD_OWN int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	if (!S_ISREG(ret_st->st_mode) || (ret_st->st_mode & (S_IWGRP | S_IWOTH)) ||
	    (ret_st->st_uid != 0 && ret_st->st_uid != geteuid()))
		return -EPERM;
	return fd_read_file(fd, USERS_FILE_MAX, ret_bytes, ret_len);
}

/* Cuts the next line off *rest, which is NULL behind the last. An ending '\r' is cut off too. */
static char *
next_line(char **rest)
{
	char *line = strsep(rest, "\n");
	size_t len = line ? strlen(line) : 0;

	if (len > 0 && line[len - 1] == '\r')
		line[len - 1] = '\0';
	return line;
}

static int
get_text(char *room, size_t size, const char *field)
{
	if (!field)
		return -EINVAL;
	for (const char *p = field; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return -EINVAL;
	}
	return text_copy(room, size, field);
}

static int
get_id(const char *field, uint32_t *ret_id)
{
	uint64_t value;

	/* The largest number is -1, which means "unchanged" to the kernel. */
	if (!field || num_u64(field, UINT32_MAX - 1, &value) < 0)
		return -EINVAL;
	*ret_id = (uint32_t)value;
	return 0;
}

/* Takes a line apart, which is changed. Returns NULL, or what is wrong (never its content). */
static const char *
parse_line(char *line, struct user *ret_user)
{
	char *rest = line;
	const char *fault = NULL;
	struct user u = { 0 };

	/* The fields in their order; strsep gives NULL behind the last. */
	if (get_text(u.name, sizeof(u.name), strsep(&rest, ":")) < 0 || !users_name_ok(u.name))
		fault = "the name is not one that a user can have";
	else if (get_text(u.hash, sizeof(u.hash), strsep(&rest, ":")) < 0)
		fault = "there is no hash, or it is too long";
	else if (get_id(strsep(&rest, ":"), &u.uid) < 0)
		fault = "the uid (third field) is not a number";
	else if (get_id(strsep(&rest, ":"), &u.gid) < 0)
		fault = "the gid (fourth field) is not a number";
	else if (get_text(u.gecos, sizeof(u.gecos), strsep(&rest, ":")) < 0)
		fault = "the fifth field is missing or too long";
	else if (get_text(u.home, sizeof(u.home), strsep(&rest, ":")) < 0 ||
		 (u.home[0] != '\0' && u.home[0] != '/'))
		fault = "the home directory (sixth field) is missing or not absolute";
	else if (strsep(&rest, ":") && rest)
		fault = "there are more than seven fields";
	if (!fault)
		*ret_user = u;
	mem_wipe(&u, sizeof(u));
	return fault;
}

static bool
line_is(const char *line, const char *name)
{
	size_t len = strlen(name);

	return strncmp(line, name, len) == 0 && line[len] == ':';
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
	found = open_file(file, &bytes, &len, &st);
	if (found < 0) {
		/* Whoever asks treats this as "no such user", so it would otherwise pass in
		 * silence. */
		if (found != -ENOENT)
			log_error("users-file", "path=%s result=%s", log_q(&quoted, file),
				  found == -EPERM ? "not-trusted" : strerrorname_np(-found));
		return found;
	}
	rest = bytes;
	while (err == -ENOENT && (line = next_line(&rest))) {
		if (line_is(line, name) && !parse_line(line, ret_user))
			err = 0;
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
	found = t.cut ? -ENAMETOOLONG : open_file(path, &bytes, &len, &st);
	if (found < 0)
		return found;
	err = st.st_mode & 0077 ? -EPERM : -ENOENT;
	if (err == -EPERM)
		log_error("totp-file", "path=%s result=not-trusted", log_q(&quoted, path));
	rest = bytes;
	while (err == -ENOENT && (line = next_line(&rest)))
		if (line_is(line, name))
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
	int err = open_file(file, &bytes, &len, &st);

	if (err < 0) {
		tell(complain, ctx, file, 0,
		     err == -EPERM
			 ? "the file must belong to root or to you, and nobody else may write it"
			 : strerror(-err));
		return err;
	}
	rest = bytes;
	while ((line = next_line(&rest))) {
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

static bool
is_field(const char *text)
{
	for (; *text; text++) {
		if (*text == ':' || (unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	}
	return true;
}

static int
put_line(const struct user *user, struct text *t)
{
	if (!users_name_ok(user->name) || !is_field(user->hash) || !is_field(user->gecos) ||
	    !is_field(user->home))
		return -EINVAL;
	text_printf(t, "%s:%s:%lu:%lu:%s:%s:/usr/sbin/nologin\n", user->name, user->hash,
		    (unsigned long)user->uid, (unsigned long)user->gid, user->gecos, user->home);
	return t->cut ? -EINVAL : 0;
}

/* Opens the file's directory and keeps others from editing in it. *ret_name is the file's own name.
 */
static int
lock_directory(const char *file, const char **ret_name, int *ret_fd)
{
	const char *slash = strrchr(file, '/');
	char *dir = slash ? strndup(file, (size_t)(slash - file + 1)) : strdup(".");
	FD_OWN int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int err = fd < 0 ? -errno : -EAGAIN;

	free(dir);
	for (int i = 0; fd >= 0 && err == -EAGAIN && i < LOCK_TRIES; i++) {
		err = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
		if (err == -EAGAIN)
			usleep(LOCK_WAIT_US);
	}
	if (err < 0)
		return err;
	*ret_name = slash ? slash + 1 : file;
	*ret_fd = fd_give(&fd);
	return 0;
}

/* Puts old, with name's line replaced by line (NULL: left out), into fd. *ret_found: it was there.
 */
static int
write_changed(int fd, char *old, const char *name, const struct text *line, bool *ret_found)
{
	char *at = old;
	int err = 0;

	while (*at && err == 0) {
		size_t len = strcspn(at, "\n");
		bool ended = at[len] == '\n';

		if (!line_is(at, name))
			err = fd_write_full(fd, at, len);
		else if (line && !*ret_found)
			err = fd_write_full(fd, line->at, line->len - 1);
		/* A last line without its end gets one: another could follow. */
		if (err == 0 && (!line_is(at, name) || (line && !*ret_found)))
			err = fd_write_full(fd, "\n", 1);
		*ret_found |= line_is(at, name);
		at += len + ended;
	}
	if (err == 0 && line && !*ret_found)
		err = fd_write_full(fd, line->at, line->len);
	return err;
}

/* Makes what was written to temp the file, on the disk. */
static int
publish(int dir, int *fd, const char *temp, const char *name, const struct stat *old)
{
	int err = 0;

	if (old->st_nlink > 0 &&
	    (fchown(*fd, old->st_uid, old->st_gid) < 0 || fchmod(*fd, old->st_mode & 0644) < 0))
		return -errno;
	if (fsync(*fd) < 0)
		return -errno;
	err = fd_close_check(fd);
	if (err == 0 && renameat(dir, temp, dir, name) < 0)
		err = -errno;
	if (err == 0 && fsync(dir) < 0)
		err = -errno;
	return err;
}

/* line NULL: the user is taken out. */
static int
change(const char *file, const char *name, const struct text *line)
{
	char *real = realpath(file, NULL), *old = NULL, temp[300];
	FD_OWN int dir = -1, fd = -1;
	const char *own_name = "";
	struct stat st = { 0 };
	bool found = false;
	size_t len = 0;
	int err = lock_directory(real ? real : file, &own_name, &dir);

	if (err == 0)
		err = open_file(real ? real : file, &old, &len, &st);
	if (err == -ENOENT && line && dir >= 0) {
		old = mem_dup("");
		err = 0;
	}
	if (err < 0)
		goto out;
	snprintf(temp, sizeof(temp), ".%.255s.new", own_name);
	unlinkat(dir, temp, 0); /* of an edit that was killed; we hold the lock */
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	err = fd < 0 ? -errno : write_changed(fd, old, name, line, &found);
	if (err == 0 && !line && !found)
		err = -ENOENT;
	if (err == 0)
		err = publish(dir, &fd, temp, own_name, &st);
	if (err < 0)
		unlinkat(dir, temp, 0);
out:
	if (old)
		mem_wipe(old, len);
	free(old);
	free(real);
	return err;
}

int
users_set(const char *file, const struct user *user)
{
	char storage[USERS_LINE_MAX];
	struct text line;
	int err;

	text_init(&line, storage, sizeof(storage));
	err = put_line(user, &line);
	if (err == 0)
		err = change(file, user->name, &line);
	mem_wipe(storage, sizeof(storage));
	return err;
}

int
users_delete(const char *file, const char *name)
{
	return users_name_ok(name) ? change(file, name, NULL) : -ENOENT;
}
