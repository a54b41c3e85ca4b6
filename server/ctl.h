/* SPDX-License-Identifier: ISC */
/*
 * ctl.h - cofferctl's rooms: a sub-command is a function and a row in ctl.c. It gets its own argv
 * (argv[0] is its name) and returns the exit status: 0 done, 1 could not, 2 used wrongly.
 */
#ifndef SERVER_CTL_H
#define SERVER_CTL_H

#include "auth/account.h"
#include "conf/conf.h"

#define CTL_CONF "/etc/coffer/coffer.yaml"

int ctl_check(int argc, char *argv[]);
int ctl_ban(int argc, char *argv[]); /* ban, unban, bans, who, kick, unbound */
int ctl_user(int argc, char *argv[]);
int ctl_group(int argc, char *argv[]);
int ctl_import(int argc, char *argv[]);
int ctl_schema(int argc, char *argv[]);
int ctl_hooks(int argc, char *argv[]);
int ctl_quota(int argc, char *argv[]);
int ctl_explain(int argc, char *argv[]);
int ctl_signal(int argc, char *argv[]);

/*
 * Prints for each listener (of this protocol, NULL: all) whether the account may log in from addr
 * (NULL: from nowhere that a rule names), and with what. Returns whether it may on all of them.
 */
bool ctl_explain_login(const struct conf *conf, const struct account *account, const char *protocol,
		       const char *addr);

/* Warns of listeners at which nobody can bring what auth.factors and auth.rules want. */
void ctl_check_logins(const struct conf *conf);

/* "SFTP" or "FTPS", implicit or not. */
const char *ctl_protocol(const struct conf_listener *listener);

/* Who the name is, by the users file or the system. Complains and returns -errno when nobody. */
int ctl_account(const struct conf *conf, const char *name, struct account *ret_account) MUST_CHECK;

/*
 * The path that the configuration has at this offset of struct conf, under the name key: for
 * commands that edit a file. Returns it, which lives until we exit, or NULL after a complaint.
 */
const char *ctl_file(const char *conf_file, size_t offset, const char *key);

/* A conf_complain_fn that writes "file:line:column: text" to standard error. */
void ctl_complain(void *ctx, const struct conf_place *place, const char *text);

/* An option with a value: --NAME, and -LETTER where there is one. */
struct ctl_option {
	const char *name;
	char letter;
	const char **value;
};
/*
 * Puts the values of a command's options where they belong. Then optind is the first word that is
 * none. False: it was called wrongly (ctl_usage()).
 */
bool ctl_options(int argc, char *argv[], const struct ctl_option *options, size_t count) MUST_CHECK;

/* Complains about how a command was called, with its usage from the table. Returns 2. */
int ctl_usage(const char *command);

#endif
