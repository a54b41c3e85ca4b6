/* SPDX-License-Identifier: ISC */
/*
 * listener.c - the door. Accepts connections, counts them per address and user, forks a monitor for
 * each, and kills a monitor that does not get its client logged in.
 * Must not: read a byte of a client, or block. Allocates nothing after it has begun to listen, but for
 * a new configuration.
 */
#include "server/listener.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/auth.h"
#include "protocols/sftp/sftp.h"
#include "protocols/tls/tls.h"
#include "server/admin.h"
#include "server/base/clock.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/net.h"
#include "server/base/notify.h"
#include "server/base/text.h"
#include "server/conns.h"
#include "server/control.h"
#include "server/doors.h"
#include "server/handover.h"
#include "server/listen_msg.h"
#include "server/monitor.h"
#include "server/penalty.h"
#include "server/process.h"
#include "server/signer.h"
#include "server/source.h"

/* Connections taken off one door before the others are looked at again. */
#define ACCEPT_BATCH 16
/* Monitor ends itself at the deadline; PAM can hang it. */
#define KILL_GRACE_MS 10000
/* Without descriptors or processes, accepting waits this long. */
#define PAUSE_MS 100
/* A burst of crashes is one reason for one new image, and an attacker must not keep us busy with it. */
#define RENEW_DELAY_MS 200
#define RENEW_PAUSE_MS 10000
/* At the end, sessions have this long to go before they are killed. */
#define STOP_MS 3000
/* Percent that are turned away at limits.waiting-drop-from. */
#define DROP_FIRST 30u

static struct {
	struct conf *conf;
	struct wire_servers servers;
	struct doors doors;
	struct conns conns;
	struct pollfd *polls;
	int signals;
	bool stopping, once;
	uint64_t pause_until_ms;
	pid_t checker;	       /* tries a new configuration or image; 0: none */
	bool checks_image;     /* it tries an image */
	uint64_t renew_ms;     /* when to become a new image; CLOCK_NEVER: not wanted */
	uint64_t renewed_ms;   /* when we became this one; 0: by a normal start */
} us = { .renew_ms = CLOCK_NEVER };

/* Who wire and signer are. In personal mode they are who we are. */
static int
find_ids(const struct conf *conf, conf_complain_fn *complain, void *ctx, struct sandbox_ids *ret)
{
	struct conf_place place = { .file = conf->file };

	if (conf->mode == CONF_PERSONAL)
		return 0;
	if (account_ids(conf->wire_user, &ret->wire_uid, &ret->wire_gid) < 0 || ret->wire_uid == 0) {
		complain(ctx, &place, "wire-user is not an unprivileged user of this system");
		return -EINVAL;
	}
	if (account_ids(conf->keys_user, &ret->keys_uid, &ret->keys_gid) < 0 || ret->keys_uid == 0 ||
	    ret->keys_uid == ret->wire_uid) {
		complain(ctx, &place,
			 "keys-user is not an unprivileged user of this system, apart from wire-user");
		return -EINVAL;
	}
	return 0;
}

static int
start_signer(const struct conf *conf, conf_complain_fn *complain, void *ctx,
	     struct wire_servers *made)
{
	int ends[2];
	pid_t pid;

	if (ipc_pair(ends) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		process_keep(&ends[1], 1, true);
		signer_run(conf, &made->ids, ends[1]);
	}
	fd_close(&ends[1]);
	made->signer = ends[0];
	made->signer_pid = pid;
	if (pid > 0 && signer_hello(made->signer, complain, ctx, &made->keys) == 0)
		return 0;
	fd_close(&made->signer);
	return -EINVAL;
}

int
listener_prepare(const struct conf *conf, conf_complain_fn *complain, void *ctx,
		 struct wire_servers *ret_servers)
{
	struct wire_servers made = { .signer = -1 };
	FD_OWN int sign = -1;
	int err = -EINVAL;

	if (find_ids(conf, complain, ctx, &made.ids) < 0 || start_signer(conf, complain, ctx, &made) < 0)
		return -EINVAL;
	/* Both prove their keys by a handshake with themselves. */
	if (signer_connect(made.signer, &sign) == 0) {
		sign_use(sign);
		err = tls_server_new_remote(conf, &made.keys, complain, ctx, &made.tls);
		if (err == 0)
			err = ssh_server_new_remote(conf, &made.keys, complain, ctx, &made.ssh);
		sign_use(-1);
	}
	if (err < 0) {
		listener_discard(&made);
		return -EINVAL;
	}
	*ret_servers = made;
	return 0;
}

void
listener_discard(struct wire_servers *servers)
{
	tls_server_free(servers->tls);
	ssh_server_free(servers->ssh);
	fd_close(&servers->signer); /* it ends with its last connection */
}

void
listener_complain(void *ctx, const struct conf_place *place, const char *text)
{
	bool warning = strncmp(text, "warning: ", strlen("warning: ")) == 0;
	struct log_value file, words;

	(void)ctx;
	log_event(warning ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "config", "at=%s:%u:%u text=%s",
		  log_q(&file, place->file ? place->file : ""), place->line, place->column,
		  log_q(&words, text));
}

/* ---- counting ---- */

/* Is the administrator sure of this address? */
static bool
is_exempt(const char *addr)
{
	for (size_t i = 0; i < us.conf->penalties.exempt.count; i++)
		if (net_has(us.conf->penalties.exempt.at[i], addr))
			return true;
	return false;
}

/* As sshd's MaxStartups: the fuller the waiting room, the likelier that one more is turned away. */
static bool
drop_at_random(unsigned int waiting)
{
	uint32_t from = us.conf->limits.waiting_drop_from, full = us.conf->limits.waiting, random;

	if (waiting < from || full <= from)
		return false;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		return false; /* the limit itself still holds */
	return random % 100 < DROP_FIRST + (100 - DROP_FIRST) * (waiting - from) / (full - from);
}

static void
punish(const struct conn *c, enum penalty what)
{
	if (us.conf->penalties.enabled && !us.stopping && !c->exempt)
		penalty_add(&c->source, what, clock_ms());
}

/* May this address open one more connection? NULL, or why not. */
static const char *
refusal(const struct source *source, const char *addr)
{
	bool by_hand = !us.conf->penalties.enabled || is_exempt(addr);
	unsigned int waiting;

	if (penalty_left(source, by_hand, clock_ms()) > 0)
		return "penalties";
	if (conns_count(&us.conns, source, NULL, false) >= us.conf->limits.waiting_per_address)
		return "limits.waiting-per-address";
	waiting = conns_count(&us.conns, NULL, NULL, false);
	if (waiting >= us.conf->limits.waiting)
		return "limits.waiting";
	if (drop_at_random(waiting))
		return "limits.waiting-drop-from";
	if (conns_count(&us.conns, source, NULL, true) >= us.conf->limits.sessions_per_address)
		return "limits.sessions-per-address";
	if (conns_count(&us.conns, NULL, NULL, true) >= us.conf->limits.sessions)
		return "limits.sessions";
	return NULL;
}

/* ---- a new connection ---- */

/* An FTP client is told in the words of its protocol; SSH has none before the key exchange. */
static void
turn_away(int fd, const struct door *door, const char *addr, const char *limit)
{
	static const char words[] = "421 Too many connections; try again later.\r\n";

	if (door->listener->protocol == CONF_FTPS)
		(void)send(fd, words, sizeof(words) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	log_notice("turned-away", "addr=%s listener=%s limit=%s", addr, door->listener->name, limit);
}

NORETURN static void
become_monitor(int client_fd, int sock, int signer, const struct door *door,
	       const struct sockaddr_storage *peer, const struct sockaddr_storage *local)
{
	struct monitor m = {
		.conf = us.conf,
		.listener = door->listener,
		.servers = &us.servers,
		.client_fd = client_fd,
		.listener_sock = sock,
		.signer_sock = signer,
		.peer = *peer,
		.local = *local,
		.login_deadline_ms = clock_after(us.conf->limits.login_ms),
	};
	sigset_t none;

	process_keep((int[]){ client_fd, sock, signer }, 3, true);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* ^C on a terminal reaches every process; only the listener decides what it means. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	monitor_run(&m);
}

static void
start_monitor(struct conn *c, int client_fd, const struct door *door,
	      const struct sockaddr_storage *peer, const struct sockaddr_storage *local)
{
	FD_OWN int signer = -1;
	int ends[2];
	pid_t pid;

	if (signer_connect(us.servers.signer, &signer) < 0 || ipc_pair(ends) < 0) {
		us.pause_until_ms = clock_ms() + PAUSE_MS;
		return;
	}
	pid = fork();
	if (pid == 0)
		become_monitor(client_fd, ends[1], signer, door, peer, local);
	fd_close(&ends[1]);
	if (pid < 0) {
		log_error("fork", "reason=\"%s\"", strerror(errno));
		us.pause_until_ms = clock_ms() + PAUSE_MS;
		fd_close(&ends[0]);
		return;
	}
	c->pid = pid;
	c->sock = ends[0];
	c->source = source_of(peer);
	c->logged_in = c->failed = c->stopped = false;
	c->is_sftp = door->listener->protocol == CONF_SFTP;
	c->since_ms = clock_ms();
	c->user[0] = '\0';
	c->kill_ms = us.conf->limits.login_ms ? clock_after(us.conf->limits.login_ms + KILL_GRACE_MS)
					      : CLOCK_NEVER;
}

static void
greet(int fd, const struct door *door, struct sockaddr_storage *peer)
{
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);
	char addr[SESSION_ADDR_MAX];
	struct source source;
	const char *limit;
	struct conn *c;

	memset(&local, 0, sizeof(local));
	if (getsockname(fd, (struct sockaddr *)&local, &len) < 0)
		return; /* it is gone already */
	source_unmap(peer);
	source_unmap(&local);
	source_text(peer, addr);
	source = source_of(peer);
	limit = refusal(&source, addr);
	c = conns_free(&us.conns);
	if (limit || !c) {
		turn_away(fd, door, addr, limit ? limit : "limits.sessions");
		return;
	}
	start_monitor(c, fd, door, peer, &local);
	c->exempt = c->pid && is_exempt(addr);
}

static void
accept_some(const struct door *door)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		FD_OWN int fd = -1;

		memset(&peer, 0, sizeof(peer));
		fd = accept4(door->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
				log_warn("accept", "reason=\"%s\" pause_ms=%d", strerror(errno),
					 PAUSE_MS);
				us.pause_until_ms = clock_ms() + PAUSE_MS;
			}
			return;
		}
		greet(fd, door, &peer);
	}
}

/* ---- monitors ---- */

static const char *
claim_refusal(const struct conn *c, const char *user)
{
	if (conns_count(&us.conns, NULL, user, true) >= us.conf->limits.sessions_per_user)
		return "limits.sessions-per-user";
	if (conns_count(&us.conns, &c->source, NULL, true) >= us.conf->limits.sessions_per_address)
		return "limits.sessions-per-address";
	if (conns_count(&us.conns, NULL, NULL, true) >= us.conf->limits.sessions)
		return "limits.sessions";
	return NULL;
}

static void
answer_claim(struct conn *c, struct buf *question)
{
	uint8_t room[256];
	char user[ACCOUNT_NAME_MAX];
	const char *limit;
	struct buf b;

	buf_get_cstring(question, user, sizeof(user));
	limit = buf_done(question) < 0 ? "bad-message" : claim_refusal(c, user);
	ipc_begin(&b, room, sizeof(room), LISTEN_MSG_GRANTED, 0);
	buf_put_u8(&b, limit == NULL);
	buf_put_cstring(&b, limit);
	if (ipc_send_now(c->sock, &b, -1) < 0)
		return; /* it is going */
	if (!limit) {
		c->logged_in = true;
		c->kill_ms = CLOCK_NEVER;
		ignore_result(text_copy(c->user, sizeof(c->user), user)); /* same size */
	}
}

/* A wrong login costs its source something, and the name's next refusal comes later. */
static void
answer_failed(struct conn *c, struct buf *question)
{
	char user[AUTH_NAME_MAX];
	uint8_t room[64];
	uint64_t delay = 0;
	struct buf b;

	buf_get_cstring(question, user, sizeof(user));
	if (buf_done(question) == 0) {
		c->failed = true;
		punish(c, PENALTY_FAILURE);
		if (us.conf->penalties.enabled)
			delay = penalty_name(user, clock_ms());
	}
	ipc_begin(&b, room, sizeof(room), LISTEN_MSG_DELAY, 0);
	buf_put_u32(&b, (uint32_t)delay);
	ignore_result(ipc_send_now(c->sock, &b, -1)); /* it is going, then */
}

static void
answer_code(struct conn *c, struct buf *question)
{
	char user[ACCOUNT_NAME_MAX];
	uint8_t room[128];
	uint64_t step;
	struct buf b;
	bool yes;

	buf_get_cstring(question, user, sizeof(user));
	step = buf_get_u64(question);
	yes = buf_done(question) == 0 && penalty_code(user, step, clock_ms());
	ipc_begin(&b, room, sizeof(room), LISTEN_MSG_GRANTED, 0);
	buf_put_u8(&b, yes);
	buf_put_cstring(&b, yes ? "" : "the code was used already");
	ignore_result(ipc_send_now(c->sock, &b, -1));
}

static void
hear_monitor(struct conn *c)
{
	uint8_t room[512];
	struct buf b;
	uint16_t type;
	uint32_t id;
	int err;

	err = ipc_recv(c->sock, MSG_DONTWAIT, room, sizeof(room), &b, &type, &id, NULL);
	if (err == 0 && type == LISTEN_MSG_CLAIM)
		answer_claim(c, &b);
	else if (err == 0 && type == LISTEN_MSG_FAILED)
		answer_failed(c, &b);
	else if (err == 0 && type == LISTEN_MSG_CODE)
		answer_code(c, &b);
	else if (err != -EAGAIN)
		fd_close(&c->sock); /* its exit status follows */
}

static void
kill_late(void)
{
	uint64_t now = clock_ms();

	for (size_t i = 0; i < us.conns.max; i++) {
		struct conn *c = &us.conns.at[i];

		if (!c->pid || now < c->kill_ms)
			continue;
		log_warn("login-deadline", "pid=%d action=killed", c->pid);
		kill(c->pid, SIGKILL);
		c->kill_ms = CLOCK_NEVER;
	}
}

/* ---- reload ---- */

/* A child reads the new configuration first: what harms a parser harms only the child. */
static void
start_reload(void)
{
	struct wire_servers servers;
	struct conf *conf;

	if (us.checker)
		return; /* one is on its way; its result is as new */
	notify_send("RELOADING=1");
	us.checker = fork();
	if (us.checker < 0) {
		log_error("reload", "result=failed reason=\"%s\"", strerror(errno));
		us.checker = 0;
	}
	if (us.checker != 0)
		return;
	process_name("reload", "coffer-reload", "%s", "");
	if (conf_load(us.conf->file, listener_complain, NULL, &conf) < 0 ||
	    conf_check(conf, listener_complain, NULL) < 0 ||
	    listener_prepare(conf, listener_complain, NULL, &servers) < 0)
		_exit(1);
	_exit(0);
}

static void
quiet(void *ctx, const struct conf_place *place, const char *text)
{
	(void)ctx, (void)place, (void)text; /* the checker has said it all */
}

static void
swap_configuration(void)
{
	struct wire_servers servers;
	struct doors doors;
	struct conf *conf;

	if (conf_load(us.conf->file, quiet, NULL, &conf) < 0) {
		log_error("reload", "result=failed reason=\"the file changed while it was read\"");
		return;
	}
	if (conf->mode != us.conf->mode || listener_prepare(conf, quiet, NULL, &servers) < 0) {
		log_error("reload", "result=failed reason=\"%s\"",
			  conf->mode != us.conf->mode ? "mode cannot change while running" : "keys");
		conf_free(conf);
		return;
	}
	if (doors_open(conf, &us.doors, &doors) < 0) {
		log_error("reload", "result=failed reason=ports");
		listener_discard(&servers);
		conf_free(conf);
		return;
	}
	listener_discard(&us.servers);
	conf_free(us.conf);
	us.conf = conf;
	us.servers = servers;
	us.doors = doors;
	log_notice("reload", "result=ok listeners=%zu shares=%zu", conf->listener_count,
		   conf->share_count);
}

static void
reload_checked(bool good)
{
	if (good)
		swap_configuration();
	else
		log_error("reload", "result=failed reason=\"see above; the old configuration stays\"");
	notify_send("READY=1");
}

/* ---- a new image ---- */

/* A child tries whether the program and its configuration would start; only then we become it. */
static void
start_renewal(void)
{
	us.renew_ms = CLOCK_NEVER;
	if (us.checker || us.stopping)
		return;
	us.checker = fork();
	if (us.checker == 0) {
		process_keep(NULL, 0, true);
		handover_try(us.conf->file);
	}
	us.checks_image = us.checker > 0;
	if (us.checker < 0)
		us.checker = 0;
}

static void
renew(void)
{
	int err;

	log_notice("renew", "sessions=%u", conns_count(&us.conns, NULL, NULL, true));
	err = handover_exec(us.conf->file, &us.doors, &us.conns);
	log_error("renew", "result=failed reason=\"%s\"", strerror(-err));
}

static void
checked(int status)
{
	bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	us.checker = 0;
	if (!us.checks_image) {
		reload_checked(good);
		return;
	}
	us.checks_image = false;
	if (good)
		renew();
	else
		log_error("renew", "result=failed reason=\"see above; this image stays\"");
}

/* ---- signals ---- */

/* A process of ours died in a way that an attacker may have caused. */
static void
crashed(void)
{
	uint64_t soonest = us.renewed_ms ? us.renewed_ms + RENEW_PAUSE_MS : 0;
	uint64_t now = clock_ms() + RENEW_DELAY_MS;

	if (us.renew_ms == CLOCK_NEVER)
		us.renew_ms = now > soonest ? now : soonest;
}

/* Without it nobody new gets in; running transfers do not notice. */
static void
restart_signer(int status)
{
	log_error("crash", "process=signer signal=%d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	crashed();
	fd_close(&us.servers.signer);
	if (start_signer(us.conf, listener_complain, NULL, &us.servers) < 0)
		us.pause_until_ms = clock_ms() + PAUSE_MS;
}

/* What the end of a connection costs its source. */
static void
punish_end(const struct conn *c, int status)
{
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (c->stopped)
		return;
	if (code == MONITOR_EXIT_CRASH || (WIFSIGNALED(status) && !killed))
		punish(c, PENALTY_CRASH);
	else if (!c->logged_in && (code == MONITOR_EXIT_LATE || killed))
		punish(c, PENALTY_LATE);
	else if (!c->logged_in && !c->failed && code == MONITOR_EXIT_NO_LOGIN)
		punish(c, PENALTY_NO_LOGIN);
}

static void
monitor_ended(pid_t pid, int status)
{
	struct conn *c = conns_find(&us.conns, pid);

	if (!c)
		return;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
		log_error("crash", "process=monitor signal=%d name=%s", WTERMSIG(status),
			  sigabbrev_np(WTERMSIG(status)));
		crashed();
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == MONITOR_EXIT_CRASH)
		crashed();
	punish_end(c, status);
	fd_close(&c->sock);
	c->pid = 0;
	us.stopping |= us.once;
}

static void
reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == us.checker) {
			checked(status);
			continue;
		}
		if (pid == us.servers.signer_pid && !us.stopping) {
			restart_signer(status);
			continue;
		}
		monitor_ended(pid, status);
	}
}

static void
hear_signals(void)
{
	struct signalfd_siginfo what;

	while (read(us.signals, &what, sizeof(what)) == sizeof(what)) {
		switch (what.ssi_signo) {
		case SIGCHLD:
			reap();
			break;
		case SIGHUP:
			start_reload();
			break;
		case SIGUSR2:
			start_renewal();
			break;
		default:
			us.stopping = true;
		}
	}
}

static void
catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	us.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (us.signals < 0)
		die("signalfd: %s", strerror(errno));
	(void)signal(SIGPIPE, SIG_IGN);
}

/* ---- the loop ---- */

static uint64_t
next_deadline(void)
{
	uint64_t first = us.pause_until_ms ? us.pause_until_ms : CLOCK_NEVER;

	first = clock_first(clock_first(first, us.renew_ms), conns_deadline(&us.conns));
	return clock_first(first, control_deadline());
}

static void
admin_serve(const struct pollfd *polls)
{
	struct admin a = { .conns = &us.conns, .state_dir = us.conf->state_dir };

	control_turn(polls, admin_answer, &a);
}

/* One round: signals, then monitors, then new connections. */
static void
turn(uint64_t deadline)
{
	size_t n = 0, conns_at, doors_at, control_at;
	bool paused = us.pause_until_ms != 0 || us.stopping;

	us.polls[n++] = (struct pollfd){ .fd = us.signals, .events = POLLIN };
	control_at = n;
	control_polls(&us.polls[n]);
	n += CONTROL_POLLS;
	conns_at = n;
	for (size_t i = 0; i < us.conns.max; i++)
		us.polls[n++] = (struct pollfd){ .fd = us.conns.at[i].pid ? us.conns.at[i].sock : -1,
						 .events = POLLIN };
	doors_at = n;
	for (size_t i = 0; i < us.doors.count && !paused; i++)
		us.polls[n++] = (struct pollfd){ .fd = us.doors.at[i].fd, .events = POLLIN };
	if (poll(us.polls, n, clock_poll(deadline)) < 0) {
		if (errno != EINTR)
			die("poll: %s", strerror(errno));
		return;
	}
	if (us.pause_until_ms && clock_ms() >= us.pause_until_ms)
		us.pause_until_ms = 0;
	for (size_t i = 0; i < us.conns.max; i++)
		if (us.polls[conns_at + i].revents && us.conns.at[i].pid)
			hear_monitor(&us.conns.at[i]);
	for (size_t i = 0; doors_at + i < n; i++)
		if (us.polls[doors_at + i].revents)
			accept_some(&us.doors.at[i]);
	admin_serve(&us.polls[control_at]);
	/* Last: a reload may replace the doors. */
	if (us.polls[0].revents)
		hear_signals();
	kill_late();
	if (clock_ms() >= us.renew_ms)
		start_renewal();
}

static void
stop(void)
{
	uint64_t deadline = clock_ms() + STOP_MS;

	notify_send("STOPPING=1");
	log_notice("stop", "sessions=%u", conns_count(&us.conns, NULL, NULL, true));
	doors_close(&us.doors);
	control_close(us.conf->run_dir);
	penalty_save(us.conf->state_dir);
	fd_close(&us.servers.signer);
	for (size_t i = 0; i < us.conns.max; i++)
		if (us.conns.at[i].pid)
			conns_stop(&us.conns.at[i]);
	while (conns_any(&us.conns)) {
		turn(deadline);
		if (clock_ms() < deadline)
			continue;
		for (size_t i = 0; i < us.conns.max; i++)
			if (us.conns.at[i].pid)
				kill(us.conns.at[i].pid, SIGKILL);
		deadline = CLOCK_NEVER;
	}
}

/* What the last image of us left, or nothing. Returns 0 or -errno. */
static int
open_doors(int resume_fd)
{
	struct handover left = { 0 };

	if (resume_fd < 0)
		return doors_open(us.conf, NULL, &us.doors);
	if (handover_resume(resume_fd, &us.conns, &left) < 0) {
		log_error("renew", "result=failed reason=\"what was handed over cannot be read\"");
		return -EBADMSG;
	}
	us.renewed_ms = left.last_ms;
	return doors_open(us.conf, &left.doors, &us.doors);
}

static void
say_ready(bool renewed)
{
	for (size_t i = 0; i < us.doors.count && !renewed; i++) {
		const struct conf_listener *l = us.doors.at[i].listener;
		struct log_value name;

		log_notice("listening", "listener=%s protocol=%s address=%s port=%u",
			   log_q(&name, l->name), l->protocol == CONF_SFTP ? "sftp" : "ftps",
			   l->address, l->port);
	}
	log_notice(renewed ? "renewed" : "ready", "version=" COFFER_VERSION " mode=%s shares=%zu",
		   us.conf->mode == CONF_SYSTEM ? "system" : "personal", us.conf->share_count);
	notify_send("READY=1");
}

int
listener_run(struct conf *conf, struct wire_servers *servers, bool once, int resume_fd)
{
	us.conf = conf;
	us.servers = *servers;
	us.once = once;
	conns_init(&us.conns, conf->limits.sessions + conf->limits.waiting);
	us.polls = mem_new(us.conns.max + DOORS_MAX + CONTROL_POLLS + 1, sizeof(*us.polls));
	catch_signals();
	penalty_init();
	if (resume_fd < 0)
		penalty_load(conf->state_dir);
	if (open_doors(resume_fd) < 0)
		return 1;
	control_open(conf->run_dir);
	say_ready(resume_fd >= 0);
	reap(); /* those who ended during the exec */
	while (!us.stopping)
		turn(next_deadline());
	stop();
	return 0;
}
