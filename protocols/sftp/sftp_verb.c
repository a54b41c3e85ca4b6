/* SPDX-License-Identifier: ISC */
/*
 * sftp_verb.c - see sftp_verb.h. Owns: the table of commands. Must not: start anything, or read a
 * file that worker has not opened: rights are those of SFTP requests.
 */
#include "protocols/sftp/sftp_verb.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/sftp/sftp_channel.h"
#include "protocols/sftp/sftp_scp.h"
#include "protocols/sftp/sftp_words.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/vfs/path.h"

/* Bytes and words of a command. */
#define COMMAND_MAX 32768
#define WORDS_MAX 1024

typedef void verb_fn(struct sftp_channel *ch);

struct verb_row {
	const char *name;
	verb_fn *step;	     /* goes on, once nothing is under way */
	const char *options; /* letters that change nothing here */
	enum digest_kind kind;
};

struct sftp_verb {
	const struct verb_row *row; /* NULL: refused */
	char *line, *words[WORDS_MAX];
	size_t count, next;
	struct digest *input; /* of standard input; NULL: it is of no interest */
	struct scp *scp;
	int status;
	bool done;
	struct text errors;
	char room[1024]; /* of errors: what is more is not said */
};

static const char refusal[] =
    "This is a file server. It runs no commands: use sftp, scp or another SFTP client.\n";

static const char no_scp[] =
    "This server speaks SFTP, not the old protocol of scp: use scp without -O, or pscp -sftp. (The "
    "administrator can switch it on: sftp.scp)\n";

static void
print(struct sftp_channel *ch, const char *text, size_t len)
{
	buf_put_bytes(sftp_room(ch, len), text, len);
}

/* "md5sum: name: words" for the client. */
static void
complain(struct sftp_channel *ch, const char *name, const char *why, int err)
{
	struct sftp_verb *v = ch->verb;

	v->status = 1;
	text_printf(&v->errors, "%s: %s: %s\n", v->row->name, name,
		    why && *why ? why : sftp_reply_words(err));
}

/* ---- md5sum and its like ---- */

/* As coreutils: what would break the line is hidden by a backslash, which the first byte tells. */
static void
print_sum(struct sftp_channel *ch, const uint8_t *bytes, size_t len, const char *name)
{
	size_t size = 2 * len + 2 * strlen(name) + 8;
	char *line = mem_new(size, 1);
	struct text t;

	text_init(&t, line, size);
	if (strpbrk(name, "\\\n"))
		text_putc(&t, '\\');
	for (size_t i = 0; i < len; i++)
		text_printf(&t, "%02x", (unsigned int)bytes[i]);
	text_puts(&t, "  ");
	for (; *name; name++) {
		if (*name == '\\' || *name == '\n')
			text_putc(&t, '\\');
		text_putc(&t, *name == '\n' ? 'n' : *name);
	}
	text_putc(&t, '\n');
	print(ch, t.at, t.len);
	free(line);
}

static void
sum_done(struct sftp_channel *ch, struct sftp_sum *sum, int err, const char *why)
{
	struct sftp_verb *v = ch->verb;
	const char *name = v->words[v->next++];

	if (err < 0)
		complain(ch, name, why, err);
	else
		print_sum(ch, sum->found.at, sum->found.end, name);
}

static void
step_sum(struct sftp_channel *ch)
{
	struct sftp_verb *v = ch->verb;
	struct sftp_sum wish = {
		.kind = v->row->kind, .end = INT64_MAX, .block = UINT64_MAX, .done = sum_done
	};
	uint8_t bytes[DIGEST_BYTES_MAX];
	char path[VFS_PATH_MAX];
	int err;

	if (v->count == 1) { /* rclone tries this, to see whether there is such a command */
		if (!ssh_pipe_is_ended(ch->pipe))
			return;
		print_sum(ch, bytes, digest_bytes(v->input, bytes), "-");
		v->done = true;
		return;
	}
	if (v->next == v->count) {
		v->done = true;
		return;
	}
	err = path_join(ch->f->s->start_dir, v->words[v->next], path, sizeof(path));
	if (err == 0)
		err = sftp_sum_open(ch, &wish, path);
	if (err < 0)
		complain(ch, v->words[v->next++], NULL, err);
}

/* ---- df ---- */

static void
answer_df(void *ctx, struct vfs_reply *reply)
{
	struct sftp_ask *a = ctx;
	struct sftp_channel *ch = sftp_ask_done(a);
	const struct vfs_space *s = &reply->space;
	uint64_t all, used, left, percent;
	char room[256 + VFS_PATH_MAX];
	struct text t;

	if (!ch)
		return;
	if (reply->err < 0) {
		complain(ch, ch->verb->words[ch->verb->next++], reply->why, reply->err);
		return;
	}
	all = sftp_kib(s->blocks, s->fragment_size);
	left = sftp_kib(s->blocks_avail, s->fragment_size);
	used = all - sftp_kib(s->blocks_free, s->fragment_size);
	percent = used + left > 0 ? (used * 100 + used + left - 1) / (used + left) : 0;
	text_init(&t, room, sizeof(room));
	text_printf(&t, "share %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "%% ", all, used, left,
		    percent);
	text_printable(&t, ch->verb->words[ch->verb->next++]);
	text_putc(&t, '\n');
	print(ch, t.at, t.len);
}

static void
step_df(struct sftp_channel *ch)
{
	static const char head[] = "Filesystem 1K-blocks Used Available Use% Mounted on\n";
	static char here[] = ".";
	struct sftp_verb *v = ch->verb;
	char path[VFS_PATH_MAX];
	struct sftp_ask *a;
	int err;

	if (v->count == 1)
		v->words[v->count++] = here;
	if (v->next == 1)
		print(ch, head, sizeof(head) - 1);
	if (v->next == v->count) {
		v->done = true;
		return;
	}
	err = path_join(ch->f->s->start_dir, v->words[v->next], path, sizeof(path));
	if (err == 0) {
		a = sftp_ask_new(ch, 0, NULL);
		err = sftp_asked(a, vfs_statvfs(ch->f->s->vfs, path, answer_df, a));
	}
	if (err < 0)
		complain(ch, v->words[v->next++], NULL, err);
}

/* ---- scp ---- */

static void
step_scp(struct sftp_channel *ch)
{
	struct scp *s = ch->verb->scp;

	if (s->step && !(s->waits && !s->sink)) {
		s->step(ch, s);
	} else if (ssh_pipe_is_ended(ch->pipe)) {
		ch->verb->done = true;
		if (s->handle || s->depth > 0) /* it is abandoned with the channel */
			ch->verb->status = 1;
	}
}

struct scp *
sftp_verb_scp(const struct sftp_channel *ch)
{
	return ch->verb->scp;
}

void
sftp_verb_failed(struct sftp_channel *ch)
{
	ch->verb->status = 1;
}

void
sftp_verb_end(struct sftp_channel *ch)
{
	ch->verb->done = true;
}

static const struct verb_row rows[] = {
	{ "scp", step_scp, NULL, 0 },
	{ "md5sum", step_sum, "bt", DIGEST_MD5 },
	{ "sha1sum", step_sum, "bt", DIGEST_SHA1 },
	{ "sha256sum", step_sum, "bt", DIGEST_SHA256 },
	{ "sha512sum", step_sum, "bt", DIGEST_SHA512 },
	{ "df", step_df, "kP", 0 },
};

/* ---- the beginning ---- */

/* Drops options that say nothing new. Returns false when there is another one. */
static bool
take_options(struct sftp_verb *v)
{
	size_t kept = 1;
	bool names = false;

	for (size_t i = 1; i < v->count; i++) {
		char *word = v->words[i];

		if (names || word[0] != '-' || word[1] == '\0')
			v->words[kept++] = word;
		else if (strcmp(word, "--") == 0)
			names = true;
		else if (word[1 + strspn(word + 1, v->row->options)] != '\0')
			return false;
	}
	v->count = kept;
	return true;
}

/* Finds what to do. Returns NULL, or why it is not done. */
static const char *
understand(const struct conf *conf, struct sftp_verb *v, const char *command)
{
	static const char old_scp[] = "scp ";
	int err = -EINVAL;
	bool scp;

	if (!command)
		return refusal;
	/*
	 * Its clients send names as they were typed. That there is no such file says more to them
	 * than that this is no shell.
	 */
	scp = strncmp(command, old_scp, sizeof(old_scp) - 1) == 0;
	if (strlen(command) < COMMAND_MAX) {
		v->line = mem_dup(command);
		err = sftp_words(v->line, scp, v->words, WORDS_MAX - 1, &v->count);
	}
	for (size_t i = 0; err == 0 && v->count > 0 && i < COUNT_OF(rows); i++) {
		if (strcmp(rows[i].name, v->words[0]) == 0)
			v->row = &rows[i];
	}
	if (!v->row)
		return refusal;
	if (v->row->step == step_scp) {
		if (!conf->sftp.scp)
			return no_scp;
		v->scp = scp_new(v->words, v->count);
		return v->scp ? NULL : refusal;
	}
	return take_options(v) ? NULL : "This server knows no options of this command.\n";
}

void
sftp_verb_begin(struct sftp_channel *ch, const char *command)
{
	struct sftp_verb *v = mem_new(1, sizeof(*v));
	struct log_value quoted;
	const char *no;

	ch->verb = v;
	text_init(&v->errors, v->room, sizeof(v->room));
	no = understand(ch->f->s->conf, v, command);
	if (no) {
		log_info("command-refused", "command=%s",
			 log_q(&quoted, command ? command : "<shell>"));
		text_puts(&v->errors, no);
		v->status = 1;
		v->done = true;
		return;
	}
	log_info("command", "command=%s", log_q(&quoted, command));
	v->next = 1;
	if (v->scp)
		scp_begin(v->scp);
	if (v->row->step == step_sum && v->count == 1)
		v->input = digest_new(v->row->kind);
	if (v->row->step == step_sum && v->count == 1 && !v->input) {
		complain(ch, "-", NULL, -EOPNOTSUPP);
		v->done = true;
	}
}

size_t
sftp_verb_input(struct sftp_channel *ch, const uint8_t *at, size_t len)
{
	struct sftp_verb *v = ch->verb;
	size_t taken = 0, n;

	if (v->input)
		digest_add(v->input, at, len);
	if (!v->scp || v->done)
		return len;
	/* Not while a step is under way: what it comes to decides what the next byte means. */
	while (taken < len && !v->done && ch->asks == 0 && !(v->scp->sink && v->scp->step) &&
	       ask_open(ch->f->s->ask) < SFTP_ASKS_MAX) {
		n = scp_input(ch, v->scp, at + taken, len - taken);
		if (n == 0)
			break;
		taken += n;
	}
	return v->done ? len : taken;
}

bool
sftp_verb_step(struct sftp_channel *ch)
{
	struct sftp_verb *v = ch->verb;
	size_t next = v->next, said = ch->small.end;
	void (*step)(struct sftp_channel *, struct scp *) = v->scp ? v->scp->step : NULL;

	if (sftp_sum_step(ch))
		return true;
	if (v->errors.len > 0) {
		ssh_pipe_complain(ch->pipe, v->errors.at, v->errors.len);
		text_reset(&v->errors);
	}
	if (v->done || ch->sum || ch->asks > 0 || ask_open(ch->f->s->ask) >= SFTP_ASKS_MAX ||
	    ch->small.end > SFTP_SMALL_HIGH)
		return false;
	v->row->step(ch);
	return v->next != next || ch->small.end != said || v->done || ch->sum || ch->asks > 0 ||
	       (v->scp && v->scp->step != step);
}

bool
sftp_verb_is_done(const struct sftp_channel *ch, int *ret_status)
{
	*ret_status = ch->verb->status;
	return ch->verb->done && ch->verb->errors.len == 0;
}

void
sftp_verb_free(struct sftp_channel *ch)
{
	if (!ch->verb)
		return;
	digest_free(ch->verb->input);
	free(ch->verb->line);
	free(ch->verb->scp);
	free(ch->verb);
}
