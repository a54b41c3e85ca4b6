/* SPDX-License-Identifier: ISC */
/* admin.c - bans, and who is here. Runs in the listener; every loop is as long as a table. */
#include "server/admin.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/cluster.h"
#include "server/penalty.h"
#include "server/unbound.h"

static void
put_time(struct text *t, uint64_t ms)
{
	if (ms == CLOCK_NEVER)
		text_puts(t, "for good");
	else
		text_printf(t, "%llu s", (unsigned long long)((ms + 999) / 1000));
}

static void
ban(const struct admin *a, char **words, struct text *t)
{
	struct source source;
	uint64_t ms;
	char shown[SOURCE_TEXT_MAX];

	if (!source_parse(words[1], &source) || num_u64(words[2], UINT64_MAX, &ms) < 0) {
		text_puts(t, "error: a ban takes an IPv4 or IPv6 address or a network of /24 or "
			     "/48, and a time\n");
		return;
	}
	penalty_ban(&source, ms == 0 ? CLOCK_NEVER : ms, clock_ms());
	cluster_tell_ban(&source, ms == 0 ? CLOCK_NEVER : ms);
	penalty_save(a->state_dir);
	source_print(&source, shown);
	log_notice("ban", "addr=%s ms=%llu", shown, (unsigned long long)ms);
	text_printf(t, "%s is banned ", shown);
	put_time(t, ms == 0 ? CLOCK_NEVER : ms);
	text_puts(t, "\n");
}

static void
unban(const struct admin *a, char **words, struct text *t)
{
	struct source source;
	char shown[SOURCE_TEXT_MAX];

	if (!source_parse(words[1], &source)) {
		text_puts(t, "error: that is no IPv4 or IPv6 address\n");
		return;
	}
	source_print(&source, shown);
	cluster_tell_ban(&source, 0); /* another node may hold something against it */
	if (!penalty_forgive(&source)) {
		text_printf(t, "error: nothing is held against %s\n", shown);
		return;
	}
	penalty_save(a->state_dir);
	log_notice("unban", "addr=%s", shown);
	text_printf(t, "%s may come again\n", shown);
}

static void
put_ban(void *ctx, const struct penalty_entry *e)
{
	struct text *t = ctx;
	char shown[SOURCE_TEXT_MAX];

	source_print(&e->source, shown);
	text_printf(t, "%-24s %s ", shown, e->by_hand ? "banned " : "penalty");
	put_time(t, e->left_ms);
	text_puts(t, "\n");
}

static void
bans(const struct admin *a, char **words, struct text *t)
{
	(void)a, (void)words;
	penalty_each(clock_ms(), put_ban, t);
}

static void
who(const struct admin *a, char **words, struct text *t)
{
	uint64_t now = clock_ms();

	(void)words;
	for (size_t i = 0; i < a->conns->max; i++) {
		const struct conn *c = &a->conns->at[i];
		char shown[SOURCE_TEXT_MAX];

		if (!c->pid)
			continue;
		source_print(&c->source, shown);
		text_printf(
		    t, "%-8d %-24s %-24s %s %llu s\n", c->pid, c->logged_in ? c->user : "-", shown,
		    c->is_sftp ? "sftp" : "ftps",
		    (unsigned long long)(now > c->since_ms ? (now - c->since_ms) / 1000 : 0));
	}
}

/* What the word of a kick can name. A user may be called like the other two: see kick(). */
struct kicked {
	pid_t pid; /* 0: it is no number */
	bool is_source;
	struct source source;
	const char *user;
};

static bool
is_process(const struct conn *c, const struct kicked *k)
{
	return k->pid && c->pid == k->pid;
}

static bool
is_from(const struct conn *c, const struct kicked *k)
{
	return k->is_source && source_equal(&c->source, &k->source);
}

static bool
is_user(const struct conn *c, const struct kicked *k)
{
	return c->logged_in && strcmp(c->user, k->user) == 0;
}

/* Ends one kind of what the word may mean: the first of which there is one. */
static void
kick(const struct admin *a, char **words, struct text *t)
{
	static bool (*const meanings[])(const struct conn *c,
					const struct kicked *k) = { is_process, is_from, is_user };
	struct kicked k = { .user = words[1] };
	uint64_t pid = 0;
	unsigned int count = 0;

	k.is_source = source_parse(words[1], &k.source);
	k.pid = num_u64(words[1], INT32_MAX, &pid) < 0 ? 0 : (pid_t)pid;
	for (size_t m = 0; m < COUNT_OF(meanings) && count == 0; m++) {
		for (size_t i = 0; i < a->conns->max; i++) {
			struct conn *c = &a->conns->at[i];

			if (!c->pid || !meanings[m](c, &k))
				continue;
			log_notice("kick", "pid=%d", c->pid);
			conns_stop(c);
			count++;
		}
	}
	if (count)
		text_printf(t, "%u ended\n", count);
	else
		text_puts(t, "error: nobody like that is here\n");
}

static void
unbound(const struct admin *a, char **words, struct text *t)
{
	(void)a, (void)words;
	unbound_print(t);
}

void
admin_answer(void *ctx, char *question, struct text *t)
{
	static const struct {
		const char *word;
		size_t count;
		void (*answer)(const struct admin *a, char **words, struct text *t);
	} table[] = {
		{ "ban", 3, ban }, { "unban", 2, unban }, { "bans", 1, bans },
		{ "who", 1, who }, { "kick", 2, kick },	  { "unbound", 1, unbound },
	};
	char *words[4] = { NULL }, *rest = question;
	size_t n = 0;

	while (n < COUNT_OF(words) && (words[n] = strsep(&rest, " ")) != NULL)
		n++;
	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (n == table[i].count && strcmp(words[0], table[i].word) == 0) {
			table[i].answer(ctx, words, t);
			if (t->cut) {
				/* The last line may be half of one. */
				t->len -= 64;
				t->cut = false;
				while (t->len > 0 && t->at[t->len - 1] != '\n')
					t->len--;
				text_puts(t, "... and more\n");
			}
			if (t->len == 0)
				text_puts(t, "nobody\n");
			return;
		}
	text_puts(t, "error: that is no question for this server\n");
}
