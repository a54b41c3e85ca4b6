/* SPDX-License-Identifier: ISC */
/*
 * pam.c - the only PAM of the program.
 * The conversation relays what a module says; it never makes up an answer. Answers are wiped.
 */
#include "auth/pam.h"

#include <errno.h>
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/text.h"

#define PROMPTS_MAX 32 /* ledger AU08 */

struct pam_login {
	pam_handle_t *pam;
	struct pam_conv conv;
	pam_talk_fn *talk;
	void *ctx;
	bool session, cred;
	int last;
};

static void
wipe_answers(char **answers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (answers[i])
			mem_wipe(answers[i], strlen(answers[i]));
		free(answers[i]);
		answers[i] = NULL;
	}
}

/* Sorts a module's messages into prompts and words to show. Returns 0 or -EINVAL. */
static int
sort_messages(int count, const struct pam_message **messages, struct pam_prompt *prompts,
	      size_t *ret_prompts, struct text *info)
{
	size_t n = 0;

	for (int i = 0; i < count; i++) {
		const char *words = messages[i]->msg ? messages[i]->msg : "";

		switch (messages[i]->msg_style) {
		case PAM_PROMPT_ECHO_ON:
		case PAM_PROMPT_ECHO_OFF:
			prompts[n].echo = messages[i]->msg_style == PAM_PROMPT_ECHO_ON;
			prompts[n++].text = words;
			break;
		case PAM_ERROR_MSG:
		case PAM_TEXT_INFO:
			text_printf(info, "%s%s", info->len ? "\n" : "", words);
			break;
		default:
			return -EINVAL;
		}
	}
	*ret_prompts = n;
	return 0;
}

/* pam_conv(3). The responses are freed by the module, with free(3). */
static int
converse(int count, const struct pam_message **messages, struct pam_response **ret_responses,
	 void *ctx)
{
	struct pam_prompt prompts[PROMPTS_MAX] = { 0 };
	char *answers[PROMPTS_MAX] = { 0 }, room[4096];
	struct pam_response *responses;
	struct pam_login *p = ctx;
	struct text info;
	size_t n, next = 0;

	if (count <= 0 || count > PROMPTS_MAX)
		return PAM_CONV_ERR;
	text_init(&info, room, sizeof(room));
	if (sort_messages(count, messages, prompts, &n, &info) < 0 ||
	    p->talk(p->ctx, room, prompts, n, answers) < 0) {
		wipe_answers(answers, PROMPTS_MAX);
		return PAM_CONV_ERR;
	}
	responses = calloc((size_t)count, sizeof(*responses));
	if (!responses) {
		wipe_answers(answers, PROMPTS_MAX);
		return PAM_BUF_ERR;
	}
	for (int i = 0; i < count; i++)
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_ON ||
		    messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			responses[i].resp = answers[next++];
	*ret_responses = responses;
	return PAM_SUCCESS;
}

/*
 * Our own floor under the time of a refusal is elsewhere; a module's delay would show who exists.
 */
static void
no_delay(int status, unsigned int microseconds, void *ctx)
{
	(void)status;
	(void)microseconds;
	(void)ctx;
}

static int
set_item(struct pam_login *p, int item, const void *value)
{
	return pam_set_item(p->pam, item, value) == PAM_SUCCESS ? 0 : -EIO;
}

int
pam_login_new(const char *service, const char *user, const char *rhost, const char *tty,
	      pam_talk_fn *talk, void *ctx, struct pam_login **ret_login)
{
	struct pam_login *p = mem_new(1, sizeof(*p));
	union {
		void (*fn)(int, unsigned int, void *);
		const void *item;
	} delay = { .fn = no_delay };

	p->talk = talk;
	p->ctx = ctx;
	p->conv.conv = converse;
	p->conv.appdata_ptr = p;
	if (pam_start(service, user, &p->conv, &p->pam) != PAM_SUCCESS) {
		free(p);
		return -EIO;
	}
	if (set_item(p, PAM_RHOST, rhost) < 0 || set_item(p, PAM_TTY, tty) < 0 ||
	    set_item(p, PAM_RUSER, "") < 0 || set_item(p, PAM_FAIL_DELAY, delay.item) < 0) {
		pam_login_free(p);
		return -EIO;
	}
	*ret_login = p;
	return 0;
}

static int
verdict(struct pam_login *p, int status, const char **ret_reason)
{
	p->last = status;
	if (status == PAM_SUCCESS)
		return 0;
	*ret_reason = pam_strerror(p->pam, status);
	return -EACCES;
}

int
pam_login_authenticate(struct pam_login *p, const char **ret_reason)
{
	return verdict(p, pam_authenticate(p->pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK),
		       ret_reason);
}

int
pam_login_account(struct pam_login *p, const char **ret_reason)
{
	int err =
	    verdict(p, pam_acct_mgmt(p->pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK), ret_reason);

	return p->last == PAM_NEW_AUTHTOK_REQD ? -EKEYEXPIRED : err;
}

int
pam_login_change(struct pam_login *p, const char **ret_reason)
{
	return verdict(p, pam_chauthtok(p->pam, PAM_CHANGE_EXPIRED_AUTHTOK), ret_reason);
}

int
pam_login_open(struct pam_login *p, const char **ret_reason)
{
	int err = verdict(p, pam_setcred(p->pam, PAM_ESTABLISH_CRED | PAM_SILENT), ret_reason);

	if (err < 0)
		return err;
	p->cred = true;
	err = verdict(p, pam_open_session(p->pam, PAM_SILENT), ret_reason);
	p->session = err == 0;
	return err;
}

const char *
pam_login_user(struct pam_login *p)
{
	const void *user = NULL;

	if (pam_get_item(p->pam, PAM_USER, &user) != PAM_SUCCESS || !user)
		return "";
	return user;
}

void
pam_login_free(struct pam_login *p)
{
	if (!p)
		return;
	if (p->session)
		pam_close_session(p->pam, PAM_SILENT);
	if (p->cred)
		pam_setcred(p->pam, PAM_DELETE_CRED | PAM_SILENT);
	pam_end(p->pam, p->last);
	free(p);
}
