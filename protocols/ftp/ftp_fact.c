/* SPDX-License-Identifier: ISC */
/*
 * ftp_fact.c - facts of files as RFC 3659 says them (MLST MLSD SIZE MDTM), and the commands that
 * set them (MFMT MFF, MDTM with two arguments).
 */
#include "protocols/ftp/ftp_in.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "protocols/common/utc.h"
#include "server/vfs/path.h"

#define TIME_DIGITS 14

enum {
	FACT_TYPE,
	FACT_SIZE,
	FACT_MODIFY,
	FACT_PERM,
	FACT_UNIQUE,
	FACT_MODE,
	FACT_OWNER,
	FACT_GROUP
};

static const char *const names[] = {
	[FACT_TYPE] = "type",	     [FACT_SIZE] = "size",	  [FACT_MODIFY] = "modify",
	[FACT_PERM] = "perm",	     [FACT_UNIQUE] = "unique",	  [FACT_MODE] = "UNIX.mode",
	[FACT_OWNER] = "UNIX.owner", [FACT_GROUP] = "UNIX.group",
};
_Static_assert((1u << COUNT_OF(names)) - 1 == FTP_FACTS_ALL, "a bit for each fact");

void
ftp_fact_names(struct text *t, uint32_t facts, const char *mark, bool others)
{
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		bool on = (facts & (1u << i)) != 0;

		if (!on && !others)
			continue;
		text_puts(t, names[i]);
		if (on)
			text_puts(t, mark);
		text_putc(t, ';');
	}
}

uint32_t
ftp_fact_parse(const char *list)
{
	uint32_t facts = 0;

	while (*list) {
		size_t len = strcspn(list, ";");

		for (size_t i = 0; i < COUNT_OF(names); i++)
			if (strlen(names[i]) == len && strncasecmp(list, names[i], len) == 0)
				facts |= 1u << i;
		list += len;
		if (*list)
			list++;
	}
	return facts;
}

/* Listings of large directories are made of these, so numbers are written by hand. */
static void
put_number(struct text *t, uint64_t v, unsigned int base)
{
	char room[24];
	size_t at = sizeof(room);

	do {
		room[--at] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	text_putn(t, room + at, sizeof(room) - at);
}

static void
put_time(struct text *t, int64_t seconds)
{
	struct utc utc;
	unsigned int parts[6];
	char room[TIME_DIGITS];
	size_t at = 0;

	utc_from_seconds(seconds, &utc);
	parts[0] = utc.year / 100;
	parts[1] = utc.year % 100 * 100 + utc.month;
	parts[2] = utc.day;
	parts[3] = utc.hour;
	parts[4] = utc.minute;
	parts[5] = utc.second;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		if (i == 1) {
			room[at++] = (char)('0' + parts[1] / 1000);
			room[at++] = (char)('0' + parts[1] / 100 % 10);
		}
		room[at++] = (char)('0' + parts[i] / 10 % 10);
		room[at++] = (char)('0' + parts[i] % 10);
	}
	text_putn(t, room, at);
}

/* RFC 3659, section 7.5.5: what this user may do with it. */
static void
put_perm(struct text *t, const struct vfs_attr *attr)
{
	static const struct {
		uint32_t right;
		char file, dir;
	} letters[] = {
		{ RIGHT_APPEND, 'a', 0 },   { RIGHT_CREATE, 0, 'c' },	 { RIGHT_LIST, 0, 'l' },
		{ RIGHT_READ, 'r', 0 },	    { RIGHT_OVERWRITE, 'w', 0 }, { RIGHT_MKDIR, 0, 'm' },
		{ RIGHT_RENAME, 'f', 'f' }, { RIGHT_DELETE, 'd', 'p' },	 { RIGHT_RMDIR, 0, 'd' },
	};
	const bool is_dir = attr->type == VFS_DIR;

	if (is_dir)
		text_putc(t, 'e');
	for (size_t i = 0; i < COUNT_OF(letters); i++) {
		char c = is_dir ? letters[i].dir : letters[i].file;

		if ((attr->rights & letters[i].right) && c)
			text_putc(t, c);
	}
}

/* An owner in a fact: what would end the fact is replaced. */
static void
put_word(struct text *t, const char *word)
{
	for (; *word; word++) {
		unsigned char c = (unsigned char)*word;

		text_putc(t, c <= 0x20 || c == 0x7f || c == ';' || c == '=' ? '_' : (char)c);
	}
}

static void
put_mode(struct text *t, uint32_t mode)
{
	char room[4] = { '0', (char)('0' + (mode >> 6 & 7)), (char)('0' + (mode >> 3 & 7)),
			 (char)('0' + (mode & 7)) };

	text_putn(t, room, sizeof(room));
}

static void
put_value(struct text *t, const struct vfs_attr *attr, size_t fact)
{
	static const char *const types[] = { [0] = "OS.unix=other",
					     [VFS_FILE] = "file",
					     [VFS_DIR] = "dir",
					     [VFS_LINK] = "OS.unix=symlink",
					     [VFS_OTHER] = "OS.unix=other" };
	unsigned int type = (unsigned int)attr->type;

	switch (fact) {
	case FACT_TYPE:
		text_puts(t, types[type < COUNT_OF(types) ? type : 0]);
		break;
	case FACT_SIZE:
		put_number(t, attr->size, 10);
		break;
	case FACT_MODIFY:
		put_time(t, attr->mtime);
		break;
	case FACT_PERM:
		put_perm(t, attr);
		break;
	case FACT_UNIQUE:
		put_number(t, attr->dev, 16);
		text_putc(t, 'g');
		put_number(t, attr->ino, 16);
		break;
	case FACT_MODE:
		put_mode(t, attr->mode);
		break;
	case FACT_OWNER:
		put_word(t, attr->owner);
		break;
	case FACT_GROUP:
		put_word(t, attr->group);
		break;
	default:
		break;
	}
}

void
ftp_fact_put(struct text *t, const struct vfs_attr *attr, uint32_t facts)
{
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (!(facts & (1u << i)) || (i == FACT_SIZE && attr->type == VFS_DIR))
			continue;
		text_puts(t, names[i]);
		text_putc(t, '=');
		put_value(t, attr, i);
		text_putc(t, ';');
	}
	text_putc(t, ' ');
}

static unsigned int
digits(const char *s, size_t count)
{
	unsigned int v = 0;

	while (count-- > 0)
		v = v * 10 + (unsigned int)(*s++ - '0');
	return v;
}

int
ftp_fact_time(const char *s, int64_t *ret_seconds)
{
	struct utc utc;

	if (strspn(s, "0123456789") != TIME_DIGITS)
		return -EINVAL;
	/* RFC 3659, section 2.3: a fraction may follow. It is not kept. */
	if (s[TIME_DIGITS] == '.') {
		if (s[TIME_DIGITS + 1 + strspn(s + TIME_DIGITS + 1, "0123456789")] != '\0')
			return -EINVAL;
	} else if (s[TIME_DIGITS] != '\0') {
		return -EINVAL;
	}
	utc.year = digits(s, 4);
	utc.month = digits(s + 4, 2);
	utc.day = digits(s + 6, 2);
	utc.hour = digits(s + 8, 2);
	utc.minute = digits(s + 10, 2);
	utc.second = digits(s + 12, 2);
	return utc_to_seconds(&utc, ret_seconds);
}

static void
size_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	ftp_answered(f);
	if (reply->err < 0)
		ftp_reply_error(f, reply->err, reply->why);
	else if (reply->attr.type != VFS_FILE)
		ftp_reply(f, 550, "Only files have a size.");
	else
		ftp_reply(f, 213, "%" PRIu64, reply->attr.size);
}

void
ftp_size(struct ftp *f, char *arg)
{
	(void)arg;
	if (f->ascii)
		ftp_reply(f, 550, "Sizes are not computed for TYPE A; send TYPE I first.");
	else
		ftp_asked(f, vfs_stat(f->s->vfs, f->path, 0, size_answer, f));
}

static void
mdtm_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	char room[TIME_DIGITS + 2];
	struct text t;

	ftp_answered(f);
	if (reply->err < 0) {
		ftp_reply_error(f, reply->err, reply->why);
		return;
	}
	text_init(&t, room, sizeof(room));
	put_time(&t, reply->attr.mtime);
	ftp_reply(f, 213, "%s", room);
}

/*
 * Cuts "20261123194155 name" in two. False when it does not begin with a time; then it is a name,
 * and nothing was changed.
 */
static bool
cut_time(char *arg, int64_t *ret_seconds, char **ret_path)
{
	char *blank = strchr(arg, ' ');
	bool ok;

	if (!blank || blank[1] == '\0')
		return false;
	*blank = '\0';
	ok = ftp_fact_time(arg, ret_seconds) == 0;
	*blank = ' ';
	*ret_path = blank + 1;
	return ok;
}

/* Cleans the path into f->path, or replies. */
static bool
take_path(struct ftp *f, const char *path)
{
	int err = path_join(f->cwd, path, f->path, VFS_PATH_MAX);

	if (err < 0)
		ftp_reply_error(f, err, "");
	return err == 0;
}

static void
mtime_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;

	ftp_answered(f);
	if (reply->err < 0)
		ftp_reply_error(f, reply->err, reply->why);
	else /* f->path2 is what was set, and on which path */
		ftp_reply(f, 213, "%s", f->path2);
}

static void
set_mtime(struct ftp *f, int64_t seconds, const char *path)
{
	struct vfs_change change = { .set = VFS_SET_TIMES,
				     .mtime = seconds,
				     .atime = VFS_TIME_KEEP };
	struct text t;

	if (!take_path(f, path))
		return;
	text_init(&t, f->path2, VFS_PATH_MAX);
	text_puts(&t, "Modify=");
	put_time(&t, seconds);
	text_puts(&t, "; ");
	text_puts(&t, path);
	ftp_asked(f, vfs_setattr(f->s->vfs, f->path, 0, &change, mtime_answer, f));
}

void
ftp_mdtm(struct ftp *f, char *arg)
{
	int64_t seconds;
	char *path;

	if (cut_time(arg, &seconds, &path))
		set_mtime(f, seconds, path);
	else if (take_path(f, arg))
		ftp_asked(f, vfs_stat(f->s->vfs, f->path, 0, mdtm_answer, f));
}

void
ftp_mfmt(struct ftp *f, char *arg)
{
	int64_t seconds;
	char *path;

	if (cut_time(arg, &seconds, &path))
		set_mtime(f, seconds, path);
	else
		ftp_reply(f, 501, "Syntax: MFMT YYYYMMDDhhmmss path");
}

/* One "fact=value" of MFF. Returns 0, or the code to refuse it with. */
static int
mff_fact(const char *fact, struct vfs_change *change)
{
	int64_t seconds;
	uint32_t mode;

	if (strncasecmp(fact, "modify=", 7) == 0) {
		if (ftp_fact_time(fact + 7, &seconds) < 0)
			return 501;
		change->set |= VFS_SET_TIMES;
		change->mtime = seconds;
		return 0;
	}
	if (strncasecmp(fact, "UNIX.mode=", 10) == 0) {
		if (num_octal(fact + 10, 07777, &mode) < 0)
			return 501;
		change->set |= VFS_SET_MODE;
		change->mode = mode & 0777;
		return 0;
	}
	return 504;
}

void
ftp_mff(struct ftp *f, char *arg)
{
	struct vfs_change change = { .atime = VFS_TIME_KEEP };
	char *path = strchr(arg, ' '), *at = arg;
	struct text t;
	int code = path && path > arg && path[1] ? 0 : 501;

	text_init(&t, f->path2, VFS_PATH_MAX);
	if (code == 0) {
		*path++ = '\0';
		text_puts(&t, arg);
		text_putc(&t, ' ');
		text_puts(&t, path);
	}
	while (code == 0 && *at) {
		size_t len = strcspn(at, ";");
		char *next = at[len] ? at + len + 1 : at + len;

		at[len] = '\0';
		code = mff_fact(at, &change);
		at = next;
	}
	if (code != 0)
		ftp_reply(f, code, "Syntax: MFF Modify=YYYYMMDDhhmmss;UNIX.mode=0644; path");
	else if (take_path(f, path))
		ftp_asked(f, vfs_setattr(f->s->vfs, f->path, 0, &change, mtime_answer, f));
}

static void
mlst_answer(void *ctx, struct vfs_reply *reply)
{
	struct ftp *f = ctx;
	char room[512];
	struct text t;

	ftp_answered(f);
	if (reply->err < 0) {
		ftp_reply_error(f, reply->err, reply->why);
		return;
	}
	text_init(&t, room, sizeof(room));
	ftp_fact_put(&t, &reply->attr, f->facts);
	ftp_reply_first(f, 250, "Facts:");
	ftp_reply_more(f, "%s%s", room, f->path);
	ftp_reply(f, 250, "End");
}

void
ftp_mlst(struct ftp *f, char *arg)
{
	if (take_path(f, *arg ? arg : "."))
		ftp_asked(f, vfs_stat(f->s->vfs, f->path, 0, mlst_answer, f));
}
