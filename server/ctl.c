/* SPDX-License-Identifier: ISC */
/*
 * ctl.c - cofferctl, the administrator's tool. Owns: the table of its sub-commands. It is not the
 * server and never becomes it: it reads the configuration, edits the files of users and groups,
 * counts quotas again, and sends a running server signals and questions.
 */
#include "server/ctl.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char *argv[]);
	const char *args, *help;
} commands[] = {
	{ "check", ctl_check, "[-c FILE]",
	  "read the configuration and say what is wrong with it, or what it means" },
	{ "user", ctl_user,
	  "add|set|passwd|lock|unlock|del|list [-f FILE | -c FILE] [--uid ID] [--gid ID] [--home "
	  "DIR]\n"
	  "                 [--gecos TEXT] [--expires DAY] [--protocols ftps,sftp] [--networks "
	  "LIST]\n"
	  "                 [--hours LIST] [NAME]",
	  "keep the users file; a password is asked for, or is one line of standard input" },
	{ "group", ctl_group,
	  "add|del|join|leave|list [-f FILE | -c FILE] [--gid ID] [NAME [USER]]",
	  "keep the groups file: groups of the users file's users" },
	{ "import", ctl_import,
	  "htpasswd|proftpd|pure-ftpd FILE [-f FILE | -c FILE] [--uid ID] [--gid ID] [--home DIR]",
	  "take users over into the users file, and say what does not come along" },
	{ "explain", ctl_explain,
	  "[-c FILE] --user NAME [--addr ADDRESS] [--proto ftps|sftp] [--path PATH [--op OP]]",
	  "say whether a user may log in and do something, and by which rule" },
	{ "quota", ctl_quota, "scan [-c FILE] [--user NAME] [--share NAME]",
	  "count what users have in shares with quotas, and write it down" },
	{ "hooks", ctl_hooks, "[-c FILE]", "say what became of events, and how many were lost" },
	{ "reload", ctl_signal, "[-c FILE]",
	  "let the daemon read its configuration again; its log says what came of it" },
	{ "upgrade", ctl_signal, "[-c FILE]",
	  "let the daemon become the program that is installed now; sessions go on" },
	{ "stop", ctl_signal, "[-c FILE]", "let the daemon end" },
	{ "ban", ctl_ban, "[-c FILE] ADDRESS [TIME | forever]",
	  "turn an address (IPv6: its /64) away for a time such as 30m; without one, an hour" },
	{ "unban", ctl_ban, "[-c FILE] ADDRESS", "forget what is held against an address" },
	{ "bans", ctl_ban, "[-c FILE]", "list the addresses that are turned away" },
	{ "who", ctl_ban, "[-c FILE]",
	  "list all connections: process, user, address, protocol, age" },
	{ "unbound", ctl_ban, "[-c FILE]",
	  "list clients whose data connections do not resume their TLS session: sessions, user, "
	  "address, TLS fingerprint (JA3), name" },
	{ "kick", ctl_ban, "[-c FILE] USER | PROCESS | ADDRESS", "end sessions" },
	{ "schema", ctl_schema, "[--text | --mdoc | --json]",
	  "list every key that the configuration may have" },
};

static void
print_usage(FILE *out, const struct command *only)
{
	if (!only)
		fputs("usage: cofferctl COMMAND ...\n\n", out);
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const struct command *c = &commands[i];

		if (only && only != c)
			continue;
		fprintf(out, "%scofferctl %s %s\n", only ? "usage: " : "  ", c->name, c->args);
		fprintf(out, "      %s\n", c->help);
	}
	if (!only)
		fputs("  cofferctl --help | --version\n"
		      "\nThe configuration is " CTL_CONF " unless -c names another.\n",
		      out);
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

int
ctl_usage(const char *command)
{
	print_usage(stderr, find_command(command));
	return 2;
}

void
ctl_complain(void *ctx, const struct conf_place *place, const char *text)
{
	(void)ctx;
	if (place->line)
		fprintf(stderr, "%s:%u:%u: %s\n", place->file, place->line, place->column, text);
	else
		fprintf(stderr, "%s: %s\n", place->file ? place->file : "cofferctl", text);
}

/* What our parts would log, the commands say themselves. */
static void
no_log(void *ctx, enum log_level level, const char *event, const char *fields)
{
	(void)ctx;
	(void)level;
	(void)event;
	(void)fields;
}

int
main(int argc, char *argv[])
{
	static const struct option longer[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const struct command *command;
	int c;

	umask(077);
	log_to(no_log, NULL);
	/* '+': what stands behind the command is the command's. */
	while ((c = getopt_long(argc, argv, "+hV", longer, NULL)) != -1) {
		if (c == 'V')
			return puts("cofferctl " COFFER_VERSION) < 0;
		print_usage(c == 'h' ? stdout : stderr, NULL);
		return c == 'h' ? 0 : 2;
	}
	if (optind == argc) {
		print_usage(stderr, NULL);
		return 2;
	}
	command = find_command(argv[optind]);
	if (!command) {
		fprintf(stderr, "cofferctl: there is no command \"%s\"; see cofferctl --help\n",
			argv[optind]);
		return 2;
	}
	argc -= optind;
	argv += optind;
	optind = 0; /* glibc: begin anew */
	return command->run(argc, argv);
}
