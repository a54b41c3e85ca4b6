/* SPDX-License-Identifier: ISC */
/*
 * auth_serve.c - decides who the client is. Runs in monitor, as root.
 * Distrusts: wire, in every byte; it may be the client's by now. So names are checked before
 * anything sees them, guesses are counted here, and what is not in the table for this state ends
 * the session. Invariants: (1) no answer to a refusal leaves before the attempt is failure-delay
 * old, whatever its reason; (2) at most `tries` guesses reach PAM or a hash; (3) a password is
 * wiped before its answer.
 */
#include "auth/auth_serve.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "auth/auth_msg.h"
#include "auth/factor.h"
#include "auth/keys.h"
#include "auth/pam.h"
#include "auth/totp.h"
#include "auth/users.h"
#include "auth/verify.h"
#include "server/base/clock.h"
#include "server/base/ipc.h"
#include "server/base/log.h"
#include "server/base/text.h"

/* Public keys that may be shown without a signature: agents hold many, a scanner shows more. */
#define PROBES_MAX 32
/* Right factors that were not yet enough. */
#define PARTIALS_MAX 8
/* What a probe takes at least, so that its time does not tell whether there is such a user. */
#define PROBE_MS 20
/* Nobody types longer than this, and PAM must not be kept waiting for ever. */
#define ANSWER_MS 120000

enum source { SOURCE_NONE, SOURCE_FILE, SOURCE_PAM };

struct auth_serve {
	const struct conf *conf;
	const struct conf_listener *listener;
	const struct auth_host *host;
	const char *addr;
	int sock;
	uint32_t tries_left, probes_left;
	const char *talk_reason; /* why the conversation ended; PAM knows only that it did */
	bool expired;		 /* the password was right and too old */
	bool decided;		 /* LOGGED_IN was returned: nothing more is served */
	uint64_t started_ms, release_ms; /* of the attempt */
	const char *method, *reason;
	uint32_t have; /* enum factor that were right, all of this name: */
	char for_user[AUTH_NAME_MAX];
	uint32_t partials_left;
	struct account account;
	struct pam_login *pam;
	const char *password;	       /* for the first echo-off prompt; NULL once given */
	char shown[2048];	       /* words of a module that wait for its next prompt */
	uint8_t room[IPC_MESSAGE_MAX]; /* answers, or the prompts of a round */
};

struct auth_serve *
auth_serve_new(const struct conf *conf, const struct conf_listener *listener, int wire_sock,
	       const char *addr, const struct auth_host *host)
{
	struct auth_serve *s = mem_new(1, sizeof(*s));

	s->conf = conf;
	s->listener = listener;
	s->sock = wire_sock;
	s->addr = addr;
	s->host = host;
	s->tries_left = conf->auth.tries;
	s->probes_left = PROBES_MAX;
	s->partials_left = PARTIALS_MAX;
	return s;
}

void
auth_serve_free(struct auth_serve *s)
{
	pam_login_free(s->pam);
	account_clear(&s->account);
	mem_wipe(s->room, sizeof(s->room));
	free(s);
}

const struct account *
auth_serve_account(const struct auth_serve *s)
{
	return &s->account;
}

const char *
auth_serve_method(const struct auth_serve *s)
{
	return s->method;
}

/* Which methods bring what is still missing; only SSH asks. */
static uint32_t
methods(const struct auth_serve *s)
{
	if (s->listener->protocol != CONF_SFTP)
		return AUTH_PASSWORD;
	return factor_methods(s->conf, factor_missing(s->conf, s->have));
}

/* ---- answers ---- */

static int
send_verdict(struct auth_serve *s, enum auth_answer answer, int worker_fd)
{
	uint8_t room[512];
	struct buf b;

	ipc_begin(&b, room, sizeof(room), AUTH_MSG_VERDICT, 0);
	buf_put_u8(&b, (uint8_t)answer);
	buf_put_u32(&b, methods(s));
	buf_put_cstring(&b, answer == AUTH_OK ? s->account.name : "");
	buf_put_cstring(&b, answer == AUTH_OK ? "/" : "");
	return ipc_send(s->sock, &b, worker_fd);
}

/* Nothing is proven any more. */
static void
start_over(struct auth_serve *s)
{
	pam_login_free(s->pam);
	s->pam = NULL;
	account_clear(&s->account);
	s->have = 0;
}

/* Draws the moment before which a refusal does not leave: before anything is looked up. */
static void
begin_attempt(struct auth_serve *s, const char *user, const char *method, uint64_t floor_ms)
{
	uint32_t random = 0;

	/* Without randomness the floor alone still holds. */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = 0;
	/* What one name has proven is worth nothing for another (RFC 4252 section 5). */
	if (s->have == 0 || strcmp(user, s->for_user) != 0)
		start_over(s);
	ignore_result(text_copy(s->for_user, sizeof(s->for_user), user)); /* same size */
	s->shown[0] = '\0';
	s->password = NULL;
	s->expired = false;
	s->talk_reason = NULL;
	s->method = method;
	s->reason = "unknown";
	s->started_ms = clock_ms();
	s->release_ms = s->started_ms + floor_ms + (floor_ms ? random % (floor_ms / 8 + 1) : 0);
}

/* Waits for the moment of release. Returns false when wire is gone meanwhile. */
static bool
wait_for_release(const struct auth_serve *s)
{
	while (clock_ms() < s->release_ms) {
		struct pollfd wire = { .fd = s->sock, .events = 0 };

		if (poll(&wire, 1, clock_poll(s->release_ms)) < 0 && errno != EINTR)
			return false;
		if (wire.revents)
			return false;
	}
	return true;
}

/* A name that nobody has may be a password typed into the wrong field: only its length is written.
 */
static void
log_failure(const struct auth_serve *s, const char *user, bool known)
{
	struct log_value name, reason;

	if (known)
		log_notice("login-failed", "user=%s method=%s reason=%s tries_left=%u",
			   log_q(&name, user), s->method, log_q(&reason, s->reason), s->tries_left);
	else
		log_notice("login-failed",
			   "user=<unknown> length=%zu method=%s reason=%s tries_left=%u",
			   strlen(user), s->method, log_q(&reason, s->reason), s->tries_left);
}

static enum auth_step
refuse(struct auth_serve *s, const char *user)
{
	bool known = s->account.name[0] != '\0', last;
	enum auth_answer answer;

	if (s->talk_reason)
		s->reason = s->talk_reason;
	/* Known or not: a name that somebody has must not be the one that takes longer. */
	if (s->host->failed)
		s->release_ms += s->host->failed(s->host->ctx, user);
	s->tries_left -= s->tries_left > 0;
	last = s->tries_left == 0;
	log_failure(s, user, known);
	if (s->have == 0)
		start_over(s);
	answer = last ? AUTH_LAST : s->expired ? AUTH_EXPIRED : AUTH_NO;
	if (!wait_for_release(s) || send_verdict(s, answer, -1) < 0)
		return AUTH_STEP_END;
	return last ? AUTH_STEP_END : AUTH_STEP_GO_ON;
}

enum auth_step
auth_serve_refuse(struct auth_serve *s, const char *reason)
{
	char name[ACCOUNT_NAME_MAX];

	ignore_result(text_copy(name, sizeof(name), s->account.name)); /* same size */
	s->reason = reason;
	s->decided = false;
	s->have = 0;
	return refuse(s, name);
}

int
auth_serve_accept(struct auth_serve *s, int worker_fd)
{
	return send_verdict(s, AUTH_OK, worker_fd);
}

/* ---- prompts of PAM ---- */

/* FTP, and SSH's password method: the password answers the first echo-off prompt, and no other. */
static int
talk_password(void *ctx, const char *info, const struct pam_prompt *prompts, size_t count,
	      char **answers)
{
	struct auth_serve *s = ctx;

	(void)info; /* there is nobody to show it to */
	for (size_t i = 0; i < count; i++) {
		if (prompts[i].echo || !s->password) {
			s->talk_reason = "PAM asked for more than a password";
			return -EINVAL;
		}
		answers[i] = mem_dup(s->password);
		s->password = NULL;
	}
	return 0;
}

static int
ask_wire(struct auth_serve *s, const struct pam_prompt *prompts, size_t count)
{
	struct buf b;

	ipc_begin(&b, s->room, sizeof(s->room), AUTH_MSG_ASK, 0);
	buf_put_cstring(&b, "");
	buf_put_cstring(&b, s->shown);
	buf_put_u32(&b, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		if (strlen(prompts[i].text) >= AUTH_PROMPT_TEXT_MAX)
			return -EMSGSIZE;
		buf_put_u8(&b, prompts[i].echo);
		buf_put_cstring(&b, prompts[i].text);
	}
	s->shown[0] = '\0';
	return ipc_send(s->sock, &b, -1);
}

static int
take_answers(struct buf *b, size_t count, char **answers)
{
	char room[AUTH_PASSWORD_MAX];

	if (buf_get_u32(b) != count)
		return -EBADMSG;
	for (size_t i = 0; i < count; i++)
		answers[i] = mem_dup(buf_get_cstring(b, room, sizeof(room)));
	mem_wipe(room, sizeof(room));
	return buf_done(b);
}

/* Waits for ANSWERS or CANCEL; log records may come between. */
static int
wait_for_answers(struct auth_serve *s, size_t count, char **answers)
{
	uint64_t deadline = clock_after(ANSWER_MS);

	for (;;) {
		struct pollfd wire = { .fd = s->sock, .events = POLLIN };
		struct buf b;
		uint16_t type;
		uint32_t id;
		int err;

		if (poll(&wire, 1, clock_poll(deadline)) < 0 && errno != EINTR)
			return -errno;
		if (clock_ms() >= deadline)
			return -ETIMEDOUT;
		err =
		    ipc_recv(s->sock, MSG_DONTWAIT, s->room, sizeof(s->room), &b, &type, &id, NULL);
		if (err == -EAGAIN)
			continue;
		if (err < 0)
			return err;
		if (type == AUTH_MSG_LOG || type == AUTH_MSG_CLIENT)
			continue; /* manners, not worth an interruption */
		err = type == AUTH_MSG_ANSWERS ? take_answers(&b, count, answers) : -ECANCELED;
		mem_wipe(s->room, sizeof(s->room));
		return err;
	}
}

static int
talk_interactive(void *ctx, const char *info, const struct pam_prompt *prompts, size_t count,
		 char **answers)
{
	struct auth_serve *s = ctx;
	struct text t;
	int err;

	if (*info) {
		size_t len = strlen(s->shown);

		text_init(&t, s->shown + len, sizeof(s->shown) - len);
		text_printf(&t, "%s%s", len ? "\n" : "", info);
	}
	if (count == 0)
		return 0; /* shown with the next prompt */
	err = ask_wire(s, prompts, count);
	if (err == 0)
		err = wait_for_answers(s, count, answers);
	if (err < 0)
		s->talk_reason = "the conversation was broken off";
	return err;
}

/* ---- who is it ---- */

static const char *
pam_service(const struct auth_serve *s)
{
	return s->listener->pam_service ? s->listener->pam_service : s->conf->auth.pam_service;
}

/* Rules that hold for every account, however it proved itself. */
static int
check_account(struct auth_serve *s)
{
	struct account *a = &s->account;

	if (s->conf->mode == CONF_PERSONAL) {
		a->uid = geteuid();
		a->gid = getegid();
		a->group_count = 0;
		return 0;
	}
	if (a->uid == 0 || a->gid == 0) {
		s->reason = "root does not log in";
		return -EACCES;
	}
	if (a->uid < s->conf->auth.min_uid) {
		s->reason = "uid below auth.min-uid";
		return -EACCES;
	}
	return 0;
}

static int
take_user(struct auth_serve *s, const struct user *u)
{
	struct account *a = &s->account;
	int err = text_copy(a->name, sizeof(a->name), u->name);

	a->uid = u->uid;
	a->gid = u->gid;
	a->home = mem_dup(u->home);
	a->is_virtual = true;
	return err < 0 ? err : account_find_groups(a);
}

/* Where would this name be decided? Fills the account. */
static enum source
find_source(struct auth_serve *s, const char *name, struct user *ret_user)
{
	const char *file = s->conf->auth.users_file;

	if (file && users_find(file, name, ret_user) == 0)
		return take_user(s, ret_user) == 0 ? SOURCE_FILE : SOURCE_NONE;
	if (pam_service(s) && s->conf->mode == CONF_SYSTEM)
		return SOURCE_PAM;
	return SOURCE_NONE;
}

static int
start_pam(struct auth_serve *s, const char *name, pam_talk_fn *talk)
{
	const char *tty = s->listener->protocol == CONF_SFTP ? "sftp" : "ftps";

	return pam_login_new(pam_service(s), name, s->addr, tty, talk, s, &s->pam);
}

/* PAM has said yes to this name, or to another one that a module put in its place. */
static int
take_pam_account(struct auth_serve *s)
{
	const char *name = pam_login_user(s->pam);
	struct account found;
	int err;

	if (!account_name_ok(name)) {
		s->reason = "PAM changed the user to a name that is not allowed";
		return -EACCES;
	}
	err = account_find(name, &found);
	if (err < 0) {
		s->reason = "PAM knows the user, the system's database does not";
		return -EACCES;
	}
	account_clear(&s->account);
	s->account = found;
	return 0;
}

static int
check_with_pam(struct auth_serve *s, const char *name, pam_talk_fn *talk)
{
	struct account known;
	int err;

	/* For the log only: is it a name that somebody has? */
	if (account_find(name, &known) == 0)
		s->account = known;
	err = start_pam(s, name, talk);
	if (err < 0) {
		s->reason = "PAM could not be started";
		return err;
	}
	err = pam_login_authenticate(s->pam, &s->reason);
	if (err == 0)
		err = pam_login_account(s->pam, &s->reason);
	if (err == -EKEYEXPIRED && talk == talk_interactive)
		err = pam_login_change(s->pam, &s->reason);
	else if (err == -EKEYEXPIRED)
		s->expired = true;
	if (err == 0)
		err = take_pam_account(s);
	if (err < 0) {
		pam_login_free(s->pam);
		s->pam = NULL;
	}
	return err;
}

/* One prompt, for accounts of the users file under keyboard-interactive. */
static int
ask_password(struct auth_serve *s, char *room, size_t size)
{
	const struct pam_prompt prompt = { .echo = false, .text = "Password: " };
	char *answer = NULL;
	int err = talk_interactive(s, "", &prompt, 1, &answer);

	if (err == 0)
		err = text_copy(room, size, answer);
	if (answer)
		mem_wipe(answer, strlen(answer));
	free(answer);
	return err;
}

/* password NULL: it is asked for. Fills the account; the one place where a guess is weighed. */
static int
check_password(struct auth_serve *s, const char *name, const char *password)
{
	char room[AUTH_PASSWORD_MAX];
	struct user user;
	enum source source;
	int err = 0;

	if (!account_name_ok(name)) {
		s->reason = "the name is not one that a user can have";
		source = SOURCE_NONE;
	} else {
		source = find_source(s, name, &user);
		s->reason = "no such user";
	}
	if (source == SOURCE_PAM) {
		s->password = password;
		err = check_with_pam(s, name, password ? talk_password : talk_interactive);
		s->password = NULL;
		return err < 0 ? err : check_account(s);
	}
	if (!password) {
		err = ask_password(s, room, sizeof(room));
		password = room;
	}
	/* An unknown user costs a hash as well. */
	if (err == 0 && !users_verify(source == SOURCE_FILE ? &user : NULL, password)) {
		if (source == SOURCE_FILE)
			s->reason = "wrong password";
		err = -EACCES;
	}
	mem_wipe(room, sizeof(room));
	mem_wipe(&user, sizeof(user));
	return err < 0 ? err : check_account(s);
}

static int
search_keys(void *arg)
{
	return keys_find(arg);
}

/* Is this a key of this name? Fills the account. */
static int
check_key(struct auth_serve *s, const char *name, struct keys_question *q)
{
	struct user user;
	enum source source;
	int err = 0;

	s->reason = "no such user";
	if (!account_name_ok(name) || !keys_algorithm_ok(q->algorithm, q->blob, q->blob_len))
		return -EACCES;
	source = find_source(s, name, &user);
	mem_wipe(&user, sizeof(user));
	if (source == SOURCE_NONE || (source == SOURCE_PAM && account_find(name, &s->account) < 0))
		return -EACCES;
	err = check_account(s);
	if (err < 0)
		return err;
	q->conf = s->conf;
	q->account = &s->account;
	q->addr = s->addr;
	s->reason = "not a key of this user";
	if (s->conf->mode == CONF_PERSONAL)
		return keys_find(q);
	return s->host->as_user(s->host->ctx, &s->account, search_keys, q);
}

/* ---- messages ---- */

/* Every factor is there. May he come, then? */
static int
check_rules(struct auth_serve *s)
{
	bool with_pam = !s->account.is_virtual && pam_service(s) && s->conf->mode == CONF_SYSTEM;
	int err = 0;

	if (s->conf->auth.allow_users.count > 0 &&
	    !account_listed(&s->account, &s->conf->auth.allow_users)) {
		s->reason = "not in auth.allow-users";
		return -EACCES;
	}
	if (account_listed(&s->account, &s->conf->auth.deny_users)) {
		s->reason = "in auth.deny-users";
		return -EACCES;
	}
	if (!with_pam || s->pam) /* PAM has looked at the account with the password */
		return 0;
	err = start_pam(s, s->account.name, talk_password);
	return err < 0 ? err : pam_login_account(s->pam, &s->reason);
}

static enum auth_step
decide(struct auth_serve *s, const char *user, int err)
{
	if (err < 0)
		return refuse(s, user);
	if (!factor_enough(s->conf, s->have)) {
		if (s->partials_left == 0 || send_verdict(s, AUTH_PARTIAL, -1) < 0)
			return AUTH_STEP_END;
		s->partials_left--;
		log_info("login-partial", "method=%s", s->method);
		return AUTH_STEP_GO_ON;
	}
	if (check_rules(s) < 0) {
		s->have = 0;
		return refuse(s, user);
	}
	s->decided = true;
	return AUTH_STEP_LOGGED_IN;
}

/* What a check of one factor works with. */
struct proof {
	const char *name;
	const char *password; /* NULL: it is asked for */
	struct keys_question *key;
	const uint8_t *signature;
	size_t signature_len;
};

/*
 * Runs the check of one factor. It fills s->account, which must be the one that the factors before
 * it named; when it fails, they still stand.
 */
static int
prove(struct auth_serve *s, enum factor factor, int (*check)(struct auth_serve *s, struct proof *p),
      struct proof *p)
{
	struct account before = s->account;
	int err;

	if (!(factor_missing(s->conf, s->have) & factor)) {
		s->reason = "auth.factors does not want this factor here";
		return -EACCES;
	}
	if (s->have)
		memset(&s->account, 0, sizeof(s->account));
	err = check(s, p);
	if (s->have && err == 0 &&
	    (strcmp(before.name, s->account.name) != 0 || before.uid != s->account.uid)) {
		s->reason = "two factors name two accounts";
		err = -EACCES;
	}
	if (s->have && err < 0) {
		account_clear(&s->account);
		s->account = before;
	} else if (s->have) {
		account_clear(&before);
	}
	if (err == 0)
		s->have |= factor;
	return err;
}

static int
prove_password(struct auth_serve *s, struct proof *p)
{
	return check_password(s, p->name, p->password);
}

/* The code of the account that the factors before it named. */
static int
check_code(struct auth_serve *s, const char *code)
{
	const char *file = s->conf->auth.users_file;
	uint8_t secret[TOTP_SECRET_MAX];
	uint64_t step;
	char text[128];
	size_t len;
	int err;

	if (!(factor_missing(s->conf, s->have) & FACTOR_CODE)) {
		s->reason = "auth.factors does not want a code here";
		return -EACCES;
	}
	s->reason = "no secret for one-time codes";
	err = file ? users_totp(file, s->account.name, text, sizeof(text)) : -ENOENT;
	if (err == 0)
		err = totp_secret(text, secret, &len);
	if (err == 0) {
		s->reason = "wrong code";
		err = totp_check(secret, len, code, (uint64_t)time(NULL), &step);
	}
	mem_wipe(text, sizeof(text));
	mem_wipe(secret, sizeof(secret));
	if (err == 0 &&
	    (!s->host->use_code || !s->host->use_code(s->host->ctx, s->account.name, step))) {
		s->reason = "this code was used already";
		err = -EACCES;
	}
	if (err == 0)
		s->have |= FACTOR_CODE;
	return err;
}

static int
ask_code(struct auth_serve *s)
{
	const struct pam_prompt prompt = { .echo = false, .text = "Verification code: " };
	char *code = NULL;
	int err = talk_interactive(s, "", &prompt, 1, &code);

	if (err == 0)
		err = check_code(s, code);
	if (code)
		mem_wipe(code, strlen(code));
	free(code);
	return err;
}

/* FTPS has one line for everything: the digits stand behind the password. */
static int
prove_glued(struct auth_serve *s, const char *user, char *password)
{
	struct proof p = { .name = user, .password = password };
	char code[TOTP_DIGITS + 1] = "";
	size_t len = strlen(password);
	int err;

	if (factor_enough(s->conf, FACTOR_PASSWORD))
		return prove(s, FACTOR_PASSWORD, prove_password, &p);
	if (!factor_enough(s->conf, FACTOR_PASSWORD | FACTOR_CODE)) {
		s->reason = "auth.factors has nothing that FTPS can bring";
		return -EACCES;
	}
	if (len >= TOTP_DIGITS) {
		memcpy(code, password + len - TOTP_DIGITS, sizeof(code));
		mem_wipe(password + len - TOTP_DIGITS, TOTP_DIGITS);
	}
	err = prove(s, FACTOR_PASSWORD, prove_password, &p);
	if (err == 0)
		err = check_code(s, code);
	if (err < 0)
		s->have = 0; /* there is no half of a line */
	mem_wipe(code, sizeof(code));
	return err;
}

static enum auth_step
on_password(struct auth_serve *s, struct buf *b)
{
	char user[AUTH_NAME_MAX], password[AUTH_PASSWORD_MAX];
	struct proof p = { .name = user, .password = password };
	int err;

	buf_get_cstring(b, user, sizeof(user));
	buf_get_cstring(b, password, sizeof(password));
	mem_wipe(b->at, b->end);
	if (buf_done(b) < 0) {
		mem_wipe(password, sizeof(password));
		return AUTH_STEP_END;
	}
	begin_attempt(s, user, "password", s->conf->auth.failure_delay_ms);
	if (s->listener->protocol == CONF_SFTP)
		err = prove(s, FACTOR_PASSWORD, prove_password, &p);
	else
		err = prove_glued(s, user, password);
	mem_wipe(password, sizeof(password));
	return decide(s, user, err);
}

static enum auth_step
on_interactive(struct auth_serve *s, struct buf *b)
{
	char user[AUTH_NAME_MAX];
	struct proof p = { .name = user };
	uint32_t missing;
	int err = 0;

	buf_get_cstring(b, user, sizeof(user));
	if (buf_done(b) < 0)
		return AUTH_STEP_END;
	begin_attempt(s, user, "keyboard-interactive", s->conf->auth.failure_delay_ms);
	missing = factor_missing(s->conf, s->have);
	if (!(missing & (FACTOR_PASSWORD | FACTOR_CODE))) {
		s->reason = "auth.factors wants nothing that can be asked for";
		return decide(s, user, -EACCES);
	}
	if (missing & FACTOR_PASSWORD)
		err = prove(s, FACTOR_PASSWORD, prove_password, &p);
	/* The code in the same conversation, when nothing else could come next. */
	if (err == 0 && !factor_enough(s->conf, s->have) &&
	    factor_missing(s->conf, s->have) == FACTOR_CODE)
		err = ask_code(s);
	return decide(s, user, err);
}

/* A probe is no guess: a public key is no secret. It is bounded all the same. */
static enum auth_step
answer_probe(struct auth_serve *s, int err)
{
	if (s->probes_left == 0)
		return AUTH_STEP_END;
	s->probes_left--;
	if (err < 0 && !wait_for_release(s))
		return AUTH_STEP_END;
	return send_verdict(s, err < 0 ? AUTH_NO : AUTH_KEY_OK, -1) < 0 ? AUTH_STEP_END
									: AUTH_STEP_GO_ON;
}

/* Does the signature prove the key on this very connection? Nothing that wire says decides. */
static int
check_signature(struct auth_serve *s, const char *user, const struct keys_question *key,
		const uint8_t *signature, size_t len)
{
	struct verify_question q = { .user = user,
				     .algorithm = key->algorithm,
				     .blob = key->blob,
				     .blob_len = key->blob_len,
				     .signature = signature,
				     .signature_len = len };
	uint8_t blob[2200];
	const uint8_t *spki;
	size_t spki_len;

	q.session_id = s->host->session_id(s->host->ctx, &q.session_id_len);
	spki = s->host->host_key ? s->host->host_key(s->host->ctx, &spki_len) : NULL;
	if (spki && verify_blob(spki, spki_len, blob, sizeof(blob), &q.host_key_len) == 0)
		q.host_key = blob;
	s->reason = "the signature does not fit the key";
	return verify_signature(&q);
}

/* Without a signature: is it a key of his at all? */
static int
prove_key(struct auth_serve *s, struct proof *p)
{
	int err = check_key(s, p->name, p->key);

	if (err == 0 && p->signature_len > 0)
		err = check_signature(s, p->name, p->key, p->signature, p->signature_len);
	return err;
}

static enum auth_step
on_key(struct auth_serve *s, struct buf *b)
{
	char user[AUTH_NAME_MAX], algorithm[64];
	struct keys_question q = { .algorithm = algorithm };
	struct proof p = { .key = &q };
	const uint8_t *signature;
	uint32_t had;
	size_t signature_len;
	int err;

	buf_get_cstring(b, user, sizeof(user));
	buf_get_cstring(b, algorithm, sizeof(algorithm));
	q.blob = buf_get_string(b, &q.blob_len);
	signature = buf_get_string(b, &signature_len);
	buf_get_u8(b); /* what the transport thinks of it: nothing that decides */
	if (buf_done(b) < 0 || q.blob_len == 0 || q.blob_len > AUTH_KEY_MAX)
		return AUTH_STEP_END;
	begin_attempt(s, user, "publickey",
		      signature_len ? s->conf->auth.failure_delay_ms : PROBE_MS);
	p.name = user;
	p.signature = signature;
	p.signature_len = signature_len;
	if (signature_len > 0)
		return decide(s, user, prove(s, FACTOR_KEY, prove_key, &p));
	had = s->have;
	err = prove(s, FACTOR_KEY, prove_key, &p);
	s->have = had; /* a probe proves nothing */
	return answer_probe(s, err);
}

/* Every method that can ever be asked for here; one that does not fit now is a refusal like
 * another. */
static uint32_t
offered(const struct auth_serve *s)
{
	if (s->listener->protocol != CONF_SFTP)
		return AUTH_PASSWORD;
	return factor_methods(s->conf, FACTOR_PASSWORD | FACTOR_KEY | FACTOR_CODE);
}

enum auth_step
auth_serve_message(struct auth_serve *s, uint16_t type, struct buf *b)
{
	static const struct {
		uint16_t type;
		uint32_t method; /* must be one that the listener offers */
		enum auth_step (*handle)(struct auth_serve *s, struct buf *b);
	} table[] = {
		{ AUTH_MSG_PASSWORD, AUTH_PASSWORD, on_password },
		{ AUTH_MSG_INTERACTIVE, AUTH_INTERACTIVE, on_interactive },
		{ AUTH_MSG_KEY, AUTH_PUBLICKEY, on_key },
	};

	if (type == AUTH_MSG_CANCEL) /* the prompt it cancels was already answered with a refusal */
		return buf_done(b) < 0 ? AUTH_STEP_END : AUTH_STEP_GO_ON;
	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (table[i].type == type && (offered(s) & table[i].method) && !s->decided &&
		    s->tries_left > 0)
			return table[i].handle(s, b);
	log_error("bad-message", "from=wire type=%u", type);
	return AUTH_STEP_END;
}

int
auth_serve_open_session(struct auth_serve *s)
{
	int err;

	if (!s->pam)
		return 0;
	err = pam_login_open(s->pam, &s->reason);
	if (err == 0 && account_take_groups(&s->account) < 0) {
		s->reason = "a module of PAM gave him root's group";
		err = -EACCES;
	}
	return err;
}
