/* SPDX-License-Identifier: ISC */
/*
 * admit.c - who may come: limits per address, user and in all, and what bad behaviour costs. It
 * knows addresses and exit statuses, and never what a client said.
 */
#include "server/admit.h"

#include <signal.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/net.h"
#include "server/cluster.h"
#include "server/listen_msg.h"

/* Monitor ends a late login itself; PAM can hang it. */
#define KILL_GRACE_MS 10000
/* Percent that are turned away at limits.waiting-drop-from. */
#define DROP_FIRST 30u
/* Who gives his place up has this long to hear it. */
#define MAKE_ROOM_MS 2000

bool
admit_exempt(const struct listener *l, const char *addr)
{
	for (size_t i = 0; i < l->conf->penalties.exempt.count; i++)
		if (net_has(l->conf->penalties.exempt.at[i], addr))
			return true;
	return false;
}

/* As sshd's MaxStartups: the fuller the waiting room, the likelier that one more is turned away. */
static bool
drop_at_random(const struct listener *l, unsigned int waiting)
{
	uint32_t from = l->conf->limits.waiting_drop_from, full = l->conf->limits.waiting, random;

	if (waiting < from || full <= from)
		return false;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		return false; /* the limit itself still holds */
	return random % 100 < DROP_FIRST + (100 - DROP_FIRST) * (waiting - from) / (full - from);
}

void
admit_penalty(const struct listener *l, const struct source *source, enum penalty what)
{
	if (!l->conf->penalties.enabled)
		return;
	penalty_add(source, what, clock_ms());
	if (l->conf->penalties.networks)
		penalty_add_network(source, what, clock_ms());
}

void
admit_punish(const struct listener *l, const struct conn *c, enum penalty what)
{
	if (!l->conf->penalties.enabled || l->stopping || c->exempt)
		return;
	admit_penalty(l, &c->source, what);
	cluster_tell_penalty(&c->source, what);
}

/* Sessions on all nodes. */
static unsigned int
sessions(const struct listener *l, const struct source *source, const char *user)
{
	return conns_count(&l->conns, source, user, true) + cluster_count(source, user);
}

/*
 * The waiting room is full, or nearly: whoever has the most places in it gives one to somebody who
 * will have fewer. So a flood, from one address or fifty, keeps nobody out but itself.
 */
static bool
make_room(const struct listener *l, const struct source *source)
{
	struct conn *crowd =
	    conns_crowd(&l->conns, conns_count(&l->conns, source, NULL, false) + 1);

	if (!crowd)
		return false;
	log_info("made-room", "pid=%d addr=%s limit=limits.waiting", crowd->pid, crowd->addr);
	conns_stop(crowd);
	crowd->kill_ms = clock_after(MAKE_ROOM_MS);
	return true;
}

const char *
admit_connection(const struct listener *l, const struct source *source, const char *addr)
{
	bool by_hand = !l->conf->penalties.enabled || admit_exempt(l, addr);
	unsigned int waiting;

	if (penalty_left(source, by_hand, clock_ms()) > 0)
		return "penalties";
	if (conns_count(&l->conns, source, NULL, false) >= l->conf->limits.waiting_per_address)
		return "limits.waiting-per-address";
	waiting = conns_count(&l->conns, NULL, NULL, false);
	if (waiting >= l->conf->limits.waiting && !make_room(l, source))
		return "limits.waiting";
	if (waiting < l->conf->limits.waiting && drop_at_random(l, waiting) &&
	    !make_room(l, source))
		return "limits.waiting-drop-from";
	if (sessions(l, source, NULL) >= l->conf->limits.sessions_per_address)
		return "limits.sessions-per-address";
	if (sessions(l, NULL, NULL) >= l->conf->limits.sessions)
		return "limits.sessions";
	return NULL;
}

uint64_t
admit_login_deadline(const struct listener *l)
{
	return l->conf->limits.login_ms ? clock_after(l->conf->limits.login_ms + KILL_GRACE_MS)
					: CLOCK_NEVER;
}

const char *
admit_session(const struct listener *l, const struct conn *c, const char *user, uint32_t most)
{
	if (sessions(l, NULL, user) >= most)
		return "limits.sessions-per-user, or sessions in auth.rules";
	if (sessions(l, &c->source, NULL) >= l->conf->limits.sessions_per_address)
		return "limits.sessions-per-address";
	if (sessions(l, NULL, NULL) >= l->conf->limits.sessions)
		return "limits.sessions";
	return NULL;
}

void
admit_ended(const struct listener *l, const struct conn *c, int status)
{
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (c->stopped)
		return;
	if (code == MONITOR_EXIT_CRASH || (WIFSIGNALED(status) && !killed))
		admit_punish(l, c, PENALTY_CRASH);
	else if (!c->logged_in && (code == MONITOR_EXIT_LATE || killed))
		admit_punish(l, c, PENALTY_LATE);
	else if (!c->logged_in && !c->failed && code == MONITOR_EXIT_NO_LOGIN)
		admit_punish(l, c, PENALTY_NO_LOGIN);
}
