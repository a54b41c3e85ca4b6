/* SPDX-License-Identifier: ISC */
/*
 * pam_coffer_test.c - a PAM module that behaves as badly as it is told to. For tests only, never
 * installed.
 *
 *	auth required /.../pam_coffer_test.so mode=two count=/tmp/calls
 *
 * count=FILE gets one line for each call, with what PAM says about the client. Passwords are
 * "first" and, for a second prompt, "second".
 */
#define PAM_SM_AUTH
#define PAM_SM_ACCOUNT
#define PAM_SM_SESSION
#define PAM_SM_PASSWORD

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <security/pam_appl.h>
#include <security/pam_modules.h>

#define PROMPTS 33
#define LONG 3000

static const char *
option(int argc, const char **argv, const char *name)
{
	size_t len = strlen(name);

	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=')
			return argv[i] + len + 1;
	return "";
}

static const char *
item(pam_handle_t *pam, int which)
{
	const void *value = NULL;

	return pam_get_item(pam, which, &value) == PAM_SUCCESS && value ? value : "-";
}

static void
count(pam_handle_t *pam, int argc, const char **argv, const char *what)
{
	const char *file = option(argc, argv, "count");
	char line[512];
	int fd, len;

	if (!*file)
		return;
	len = snprintf(line, sizeof(line), "%s user=%s rhost=%s tty=%s ruser=%s service=%s\n", what,
		       item(pam, PAM_USER), item(pam, PAM_RHOST), item(pam, PAM_TTY),
		       item(pam, PAM_RUSER), item(pam, PAM_SERVICE));
	fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, line, (size_t)len) != len)
		_exit(9);
	close(fd);
}

/* Says all messages at once; do the answers to the prompts fit? */
static int
talk(pam_handle_t *pam, const struct pam_message *messages, int n, const char *const *want)
{
	const struct pam_message *pointers[PROMPTS];
	struct pam_response *got = NULL;
	const void *conv = NULL;
	bool good = true;

	for (int i = 0; i < n; i++)
		pointers[i] = &messages[i];
	if (pam_get_item(pam, PAM_CONV, &conv) != PAM_SUCCESS || !conv)
		return PAM_SYSTEM_ERR;
	if (((const struct pam_conv *)conv)
		->conv(n, pointers, &got, ((const struct pam_conv *)conv)->appdata_ptr) !=
	    PAM_SUCCESS)
		return PAM_CONV_ERR;
	for (int i = 0; i < n; i++) {
		if (want[i])
			good &= got[i].resp && strcmp(got[i].resp, want[i]) == 0;
		free(got[i].resp);
	}
	free(got);
	return good ? PAM_SUCCESS : PAM_AUTH_ERR;
}

#define OFF(text)                         \
	{                                 \
		PAM_PROMPT_ECHO_OFF, text \
	}
#define ON(text)                         \
	{                                \
		PAM_PROMPT_ECHO_ON, text \
	}

static int
ask_rounds(pam_handle_t *pam)
{
	static const struct pam_message one = OFF("First: "), two = OFF("Second: ");
	int status = talk(pam, &one, 1, (const char *const[]) { "first" });

	return status == PAM_SUCCESS ? talk(pam, &two, 1, (const char *const[]) { "second" })
				     : status;
}

static int
ask_many(pam_handle_t *pam, int n)
{
	struct pam_message all[PROMPTS];
	const char *want[PROMPTS];

	for (int i = 0; i < n; i++) {
		all[i] = (struct pam_message)OFF("Again: ");
		want[i] = "first";
	}
	return talk(pam, all, n, want);
}

static int
ask_long(pam_handle_t *pam, size_t len)
{
	struct pam_message one = OFF(NULL);
	char *text = malloc(len + 1);
	int status;

	memset(text, 'L', len);
	text[len] = '\0';
	one.msg = text;
	status = talk(pam, &one, 1, (const char *const[]) { "first" });
	free(text);
	return status;
}

int
pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	static const struct pam_message first = OFF("Password: "),
					pair[] = { OFF("First: "), OFF("Second: ") },
					echo = ON("Colour: "),
					words[] = { { PAM_TEXT_INFO, "Welcome to the test" },
						    { PAM_ERROR_MSG, "Mind the gap" },
						    OFF("Password: ") };
	const char *const want[] = { "first", "second" };
	const char *mode = option(argc, argv, "mode");

	(void)flags;
	count(pam, argc, argv, "auth");
	if (strcmp(mode, "two") == 0)
		return talk(pam, pair, 2, want);
	if (strcmp(mode, "rounds") == 0)
		return ask_rounds(pam);
	if (strcmp(mode, "echo") == 0)
		return talk(pam, &echo, 1, want);
	if (strcmp(mode, "words") == 0)
		return talk(pam, words, 3, (const char *const[]) { NULL, NULL, "first" });
	if (strcmp(mode, "32") == 0)
		return ask_many(pam, 32);
	if (strcmp(mode, "33") == 0)
		return ask_many(pam, 33);
	if (strcmp(mode, "long") == 0)
		return ask_long(pam, LONG);
	if (strcmp(mode, "toolong") == 0)
		return ask_long(pam, 100000);
	if (strcmp(mode, "hang") == 0)
		sleep(120);
	if (talk(pam, &first, 1, want) != PAM_SUCCESS)
		return PAM_AUTH_ERR;
	if (strcmp(mode, "rename") == 0)
		return pam_set_item(pam, PAM_USER, option(argc, argv, "to"));
	return PAM_SUCCESS;
}

int
pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)flags;
	count(pam, argc, argv, "setcred");
	return PAM_SUCCESS;
}

int
pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	const char *mode = option(argc, argv, "mode");

	(void)flags;
	count(pam, argc, argv, "account");
	if (strcmp(mode, "expired") == 0)
		return PAM_NEW_AUTHTOK_REQD;
	return strcmp(mode, "locked") == 0 ? PAM_ACCT_EXPIRED : PAM_SUCCESS;
}

int
pam_sm_chauthtok(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	static const struct pam_message again[] = { { PAM_TEXT_INFO, "Your password is too old" },
						    OFF("New password: "),
						    OFF("Once more: ") };

	if (flags & PAM_PRELIM_CHECK)
		return PAM_SUCCESS;
	count(pam, argc, argv, "chauthtok");
	return talk(pam, again, 3, (const char *const[]) { NULL, "newer", "newer" });
}

int
pam_sm_open_session(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)flags;
	count(pam, argc, argv, "open");
	if (strcmp(option(argc, argv, "mode"), "hang-open") == 0)
		sleep(120);
	return PAM_SUCCESS;
}

int
pam_sm_close_session(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)flags;
	count(pam, argc, argv, "close");
	if (strcmp(option(argc, argv, "mode"), "hang-close") == 0)
		sleep(120);
	return PAM_SUCCESS;
}
