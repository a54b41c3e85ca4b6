/* SPDX-License-Identifier: ISC */
/*
 * ftp_site.c - SITE: what servers do beyond the standards and clients came to expect.
 */
#include "protocols/ftp/ftp_verb.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "protocols/ftp/ftp_copy.h"
#include "protocols/ftp/ftp_fact.h"
#include "protocols/ftp/ftp_in.h"
#include "protocols/ftp/ftp_reply.h"

/* RFC 959, section 5.4: 200, and clients such as PHP's ftp_chmod() take nothing else. */
static void
site_done(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	ftp_answered(f);
	if (reply->err < 0)
		ftp_reply_error(f, reply->err, reply->why);
	else
		ftp_reply(f, 200, "Done.");
}

/* Cuts the first word off; NULL when nothing follows it. */
static char *
cut_word(char *arg)
{
	char *blank = strchr(arg, ' ');

	if (!blank || blank[1] == '\0')
		return NULL;
	*blank = '\0';
	return blank + 1;
}

static bool
site_chmod(struct ftp *f, char *arg)
{
	struct vfs_change change = { .set = VFS_SET_MODE };
	char *path = cut_word(arg);
	uint32_t mode;

	if (!path || num_octal(arg, 07777, &mode) < 0)
		return false;
	change.mode = mode & 0777;
	if (ftp_take_path(f, path))
		ftp_asked(f, vfs_setattr(f->s->vfs, f->path, 0, &change, site_done, f));
	return true;
}

/* YYYYMMDDhhmm[ss], as every dialect of UTIME has them. */
static int
utime_seconds(const char *word, int64_t *ret_seconds)
{
	char digits[] = "00000000000000";
	size_t len = strspn(word, "0123456789");

	if (word[len] != '\0' || (len != 12 && len != 14))
		return -EINVAL;
	memcpy(digits, word, len);
	return ftp_fact_time(digits, ret_seconds);
}

/*
 * Two dialects: "YYYYMMDDhhmm[ss] path", which sets both times as touch(1) does, and "path atime
 * mtime ctime UTC", whose times are read from the end since a path may have blanks.
 */
static bool
site_utime(struct ftp *f, char *arg)
{
	struct vfs_change change = { .set = VFS_SET_TIMES };
	size_t len = strspn(arg, "0123456789");
	char *words[4], *path = arg;

	if ((len == 12 || len == 14) && arg[len] == ' ' && arg[len + 1]) {
		path = cut_word(arg);
		if (utime_seconds(arg, &change.mtime) < 0)
			return false;
		change.atime = change.mtime;
	} else {
		for (size_t i = COUNT_OF(words); i-- > 0;) {
			words[i] = strrchr(arg, ' ');
			if (!words[i] || words[i] == arg)
				return false;
			*words[i]++ = '\0';
		}
		if (strcasecmp(words[3], "UTC") != 0 ||
		    utime_seconds(words[0], &change.atime) < 0 ||
		    utime_seconds(words[1], &change.mtime) < 0)
			return false;
	}
	if (ftp_take_path(f, path))
		ftp_asked(f, vfs_setattr(f->s->vfs, f->path, 0, &change, site_done, f));
	return true;
}

/* A target has no blanks: what stands behind the first one is the path of the link. */
static bool
site_symlink(struct ftp *f, char *arg)
{
	char *path = cut_word(arg);

	if (!path || *arg == '\0')
		return false;
	if (ftp_take_path(f, path))
		ftp_asked(f, vfs_symlink(f->s->vfs, arg, f->path, site_done, f));
	return true;
}

/* A client may wish to be forgotten sooner than the administrator would; not later. */
static bool
site_idle(struct ftp *f, char *arg)
{
	const uint64_t most = f->s->conf->limits.idle_ms;
	uint64_t seconds;

	if (*arg && (num_u64(arg, UINT32_MAX, &seconds) < 0 || seconds == 0))
		return false;
	if (*arg) {
		f->idle_ms = seconds * 1000;
		if (most != 0 && f->idle_ms > most)
			f->idle_ms = most;
	}
	if (f->idle_ms == 0)
		ftp_reply(f, 200, "Idle sessions are not ended.");
	else
		ftp_reply(f, 200, "Sessions end after %" PRIu64 " idle seconds.",
			  f->idle_ms / 1000);
	return true;
}

static bool
site_cpfr(struct ftp *f, char *arg)
{
	if (*arg && ftp_take_path(f, arg))
		ftp_copy_from(f);
	return *arg != '\0';
}

static bool
site_cpto(struct ftp *f, char *arg)
{
	const bool has_from = f->has_copy_from;

	f->has_copy_from = false;
	if (*arg == '\0')
		return false;
	if (!has_from)
		ftp_reply(f, 503, "Send SITE CPFR first.");
	else if (ftp_take_path(f, arg))
		ftp_copy_to(f);
	return true;
}

static bool site_help(struct ftp *f, char *arg);

static const struct {
	const char *name, *syntax;
	bool (*run)(struct ftp *f, char *arg); /* false: the syntax was wrong */
} commands[] = {
	{ "CHMOD", "CHMOD mode path", site_chmod },
	{ "UTIME", "UTIME YYYYMMDDhhmmss path", site_utime },
	{ "SYMLINK", "SYMLINK target path", site_symlink },
	{ "CPFR", "CPFR path", site_cpfr },
	{ "CPTO", "CPTO path", site_cpto },
	{ "IDLE", "IDLE [seconds]", site_idle },
	{ "HELP", "HELP [command]", site_help },
};

/*
 * Each name stands alone on its line: gvfs looks for a line "CHMOD" before it dares to change
 * modes. What stands behind a name is shown by SITE HELP NAME.
 */
static bool
site_help(struct ftp *f, char *arg)
{
	for (size_t i = 0; *arg && i < COUNT_OF(commands); i++) {
		if (strcasecmp(arg, commands[i].name) != 0)
			continue;
		ftp_reply(f, 214, "Syntax: SITE %s", commands[i].syntax);
		return true;
	}
	if (*arg)
		return false;
	ftp_reply_first(f, 214, "SITE commands:");
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		ftp_reply_more(f, "%s", commands[i].name);
	ftp_reply(f, 214, "SITE HELP with a command shows its syntax.");
	return true;
}

void
ftp_site(struct ftp *f, char *arg)
{
	size_t len = strcspn(arg, " ");
	char *rest = arg[len] ? arg + len + 1 : arg + len;

	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		if (strlen(commands[i].name) != len || strncasecmp(arg, commands[i].name, len) != 0)
			continue;
		if (commands[i].run != site_cpto)
			f->has_copy_from = false;
		if (!commands[i].run(f, rest))
			ftp_reply(f, 501, "Syntax: SITE %s", commands[i].syntax);
		return;
	}
	f->has_copy_from = false;
	ftp_reply(f, 504, "Unknown; SITE HELP lists what there is.");
}
