/* SPDX-License-Identifier: ISC */
/*
 * ctl_ban.c - cofferctl ban, unban, bans, who, kick, unbound: asks the running listener
 * (control.h).
 */
#include "server/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf/schema.h"
#include "conf/value.h"
#include "server/base/fd.h"
#include "server/base/text.h"
#include "server/control.h"

static int
find_socket(const char *conf_file, struct sockaddr_un *ret_addr)
{
	struct conf *conf;
	struct text t;

	if (conf_load(conf_file, ctl_complain, NULL, &conf) < 0)
		return -EINVAL;
	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->sun_family = AF_UNIX;
	text_init(&t, ret_addr->sun_path, sizeof(ret_addr->sun_path));
	text_printf(&t, "%s/" CONTROL_NAME, conf->run_dir);
	if (t.cut)
		fprintf(stderr, "cofferctl: run-dir (%s) is too long for a socket in it\n",
			conf->run_dir);
	conf_free(conf);
	return t.cut ? -ENAMETOOLONG : 0;
}

/* Prints the answer. Returns the exit status. */
static int
ask(const struct sockaddr_un *addr, const struct text *question)
{
	FD_OWN int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct timeval wait = { .tv_sec = 10 };
	char packet[CONTROL_PACKET];
	bool first = true, bad = true;
	ssize_t n;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
	    connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ||
	    send(fd, question->at, question->len, MSG_NOSIGNAL) < 0) {
		fprintf(stderr, "cofferctl: %s: %s (is the server running, and are you root?)\n",
			addr->sun_path, strerror(errno));
		return 1;
	}
	while ((n = recv(fd, packet, sizeof(packet), 0)) > 0) {
		if (first)
			bad = n >= 7 && memcmp(packet, "error: ", 7) == 0;
		first = false;
		fwrite(packet, 1, (size_t)n, bad ? stderr : stdout);
	}
	if (first)
		fputs("cofferctl: the server did not answer\n", stderr);
	return bad ? 1 : 0;
}

static int
put_question(const char *command, int count, char *args[], struct text *t)
{
	static const struct schema_key as_time = { .key = "", .type = SCHEMA_TIME };
	char storage[256];
	uint64_t ms = 3600 * 1000;
	struct text why;

	if (count > 0 && strpbrk(args[0], " \n"))
		return -EINVAL;
	text_puts(t, command);
	if (count > 0)
		text_printf(t, " %s", args[0]);
	if (strcmp(command, "ban") != 0)
		return 0;
	text_init(&why, storage, sizeof(storage));
	if (count == 2 && strcmp(args[1], "forever") == 0)
		ms = 0;
	else if (count == 2 && (value_read(&as_time, args[1], &ms, &why) < 0 || ms == 0))
		return -EINVAL;
	text_printf(t, " %llu", (unsigned long long)ms);
	return 0;
}

int
ctl_ban(int argc, char *argv[])
{
	static const struct {
		const char *command;
		int least, most;
	} table[] = { { "ban", 1, 2 }, { "unban", 1, 1 },   { "bans", 0, 0 },
		      { "who", 0, 0 }, { "unbound", 0, 0 }, { "kick", 1, 1 } };
	const char *file = CTL_CONF, *command = argv[0];
	const struct ctl_option option = { "config", 'c', &file };
	char storage[CONTROL_QUESTION_MAX];
	struct sockaddr_un addr;
	struct text question;
	int n;

	if (!ctl_options(argc, argv, &option, 1))
		return ctl_usage(command);
	n = argc - optind;
	text_init(&question, storage, sizeof(storage));
	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (strcmp(table[i].command, command) == 0 &&
		    (n < table[i].least || n > table[i].most))
			return ctl_usage(command);
	if (put_question(command, n, argv + optind, &question) < 0 || question.cut)
		return ctl_usage(command);
	return find_socket(file, &addr) < 0 ? 1 : ask(&addr, &question);
}
