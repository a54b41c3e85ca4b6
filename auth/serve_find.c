/* SPDX-License-Identifier: ISC */
/*
 * serve_find.c - a name becomes an account: of the users file, or of the system by PAM. And the
 * rules that hold for every account, however it proved itself.
 */
#include "auth/serve_in.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "auth/lookup.h"

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
	return policy_account(s->conf, a, &s->reason);
}

static bool
has_pam(const struct auth_serve *s)
{
	return pam_service(s) && s->conf->mode == CONF_SYSTEM;
}

int
serve_look_up(struct auth_serve *s, const char *name, struct account *ret)
{
	return lookup_account(s->conf, has_pam(s), name, ret);
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
	err = lookup_system(s->conf, name, &found);
	if (err < 0) {
		s->reason =
		    err == -EPERM
			? "PAM or the system's database put a user of the users file in his place"
			: "PAM knows the user, the system's database does not";
		return -EACCES;
	}
	account_clear(&s->account);
	s->account = found;
	return 0;
}

/*
 * The password is right and too old. Who may not come whatever it is changes nothing, and hears no
 * more than with a wrong one.
 */
static int
renew_password(struct auth_serve *s, pam_talk_fn *talk)
{
	const struct policy_case c = serve_case(s);
	int err = take_pam_account(s);

	if (err == 0)
		err = check_account(s);
	if (err == 0)
		err = policy_check(&c, &s->account, &s->reason);
	if (err < 0)
		return err;
	if (talk == serve_talk_client)
		return pam_login_change(s->pam, &s->reason);
	s->expired = true;
	return -EKEYEXPIRED;
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
	if (err == -EKEYEXPIRED)
		err = renew_password(s, talk);
	if (err == 0)
		err = take_pam_account(s);
	if (err < 0) {
		pam_login_free(s->pam);
		s->pam = NULL;
	}
	return err;
}

/* The one place where a guess is weighed. */
int
serve_check_password(struct auth_serve *s, const char *name, const char *password)
{
	char room[AUTH_PASSWORD_MAX];
	struct user user;
	enum lookup source;
	int err = 0;

	s->reason =
	    account_name_ok(name) ? "no such user" : "the name is not one that a user can have";
	source = lookup_name(s->conf, has_pam(s), name, &s->account, &user);
	if (source == LOOKUP_ANONYMOUS)
		return check_account(s);
	if (source == LOOKUP_SYSTEM) {
		s->password = password;
		err = check_with_pam(s, name, password ? serve_talk_password : serve_talk_client);
		s->password = NULL;
		return err < 0 ? err : check_account(s);
	}
	if (!password) {
		err = serve_ask(s, "Password: ", room, sizeof(room));
		password = room;
	}
	/* An unknown user costs a hash as well. */
	if (err == 0 && !users_verify(source == LOOKUP_FILE ? &user : NULL, password)) {
		if (source == LOOKUP_FILE)
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

static int
search_by_command(void *arg)
{
	return keys_find_by_command(arg);
}

/* Asks the administrator's program, as its own user. */
static int
check_by_command(struct auth_serve *s, struct keys_question *q)
{
	struct account runs_as;
	int err;

	if (s->conf->mode == CONF_PERSONAL)
		return keys_find_by_command(q);
	if (account_find(s->conf->sftp.authorized_keys_command_user, &runs_as) < 0 ||
	    runs_as.uid == 0) {
		log_warn("key-command", "problem=\"sftp.authorized-keys-command-user is no user "
					"that it could run as\"");
		return -ENOENT;
	}
	err = s->host->as_user(s->host->ctx, &runs_as, search_by_command, q);
	account_clear(&runs_as);
	return err;
}

/* Nobody's keys take as long as somebody's: a probe costs nothing, and must tell nothing. */
static void
ask_in_vain(struct auth_serve *s, const char *name, struct keys_question *q)
{
	struct account nobody = { 0 };

	if (!s->conf->sftp.authorized_keys_command ||
	    text_copy(nobody.name, sizeof(nobody.name), name) < 0)
		return;
	q->conf = s->conf;
	q->account = &nobody;
	q->addr = s->addr;
	ignore_result(check_by_command(s, q));
}

int
serve_check_key(struct auth_serve *s, const char *name, struct keys_question *q)
{
	int err;

	s->reason = "no such user";
	if (!account_name_ok(name) || !keys_algorithm_ok(q->algorithm, q->blob, q->blob_len))
		return -EACCES;
	err = serve_look_up(s, name, &s->account) < 0 ? -EACCES : check_account(s);
	if (err < 0) {
		ask_in_vain(s, name, q);
		return err;
	}
	q->conf = s->conf;
	q->account = &s->account;
	q->addr = s->addr;
	s->reason = "not a key of this user";
	if (s->conf->mode == CONF_PERSONAL)
		err = keys_find(q);
	else
		err = s->host->as_user(s->host->ctx, &s->account, search_keys, q);
	if (err < 0 && s->conf->sftp.authorized_keys_command)
		err = check_by_command(s, q);
	return err;
}

int
serve_check_certificate(struct auth_serve *s, const char *name)
{
	s->reason = "no such user";
	if (!account_name_ok(name) || serve_look_up(s, name, &s->account) < 0)
		return -EACCES;
	s->reason = "not a certificate of this user";
	if (!s->certified || !certificate_is_of(s->conf, &s->certificate, name))
		return -EACCES;
	return check_account(s);
}

int
serve_check_rules(struct auth_serve *s)
{
	const struct policy_case c = serve_case(s);
	bool with_pam = !s->account.is_virtual && has_pam(s);
	int err = 0;

	if (policy_check(&c, &s->account, &s->reason) < 0)
		return -EACCES;
	if (!with_pam || s->pam) /* PAM has looked at the account with the password */
		return 0;
	err = start_pam(s, s->account.name, serve_talk_password);
	return err < 0 ? err : pam_login_account(s->pam, &s->reason);
}

int
auth_serve_again(const struct conf *conf, const struct conf_listener *listener, const char *addr,
		 const char *name, const char **ret_reason)
{
	struct auth_serve s = { .conf = conf, .listener = listener, .addr = addr };
	int err;

	s.reason = "no such user";
	err = serve_look_up(&s, name, &s.account);
	if (err == 0)
		err = check_account(&s);
	if (err == 0)
		err = serve_check_rules(&s);
	*ret_reason = s.reason;
	pam_login_free(s.pam);
	account_clear(&s.account);
	return err;
}
