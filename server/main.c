/* SPDX-License-Identifier: ISC */
/* main.c - arguments, configuration, and the beginning of the listener. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "server/base/fail.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/handover.h"
#include "server/listener.h"
#include "server/log_file.h"
#include "server/process.h"
#include "server/sandbox.h"
#include "server/servers.h"

#define DEFAULT_CONF "/etc/coffer/coffer.yaml"

static const char usage[] =
    "usage: cofferd [-c FILE] [-d] [-t] [-V]\n"
    "  -c FILE  the configuration (default " DEFAULT_CONF ")\n"
    "  -d       debug: serve one connection, say everything, then stop\n"
    "  -t       check the configuration and the keys, then stop (status 0: good)\n"
    "  -V       print the version\n";

struct options {
	const char *conf;
	bool debug, test;
	int resume_fd; /* from the last image of ourselves; -1: none */
};

static void
complain(void *ctx, const struct conf_place *place, const char *text)
{
	(void)ctx;
	if (place->line)
		fprintf(stderr, "%s:%u:%u: %s\n", place->file, place->line, place->column, text);
	else
		fprintf(stderr, "%s: %s\n", place->file ? place->file : "cofferd", text);
}

static void
parse(int argc, char *argv[], struct options *ret)
{
	static const struct option longer[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "debug", no_argument, NULL, 'd' },
		{ "test", no_argument, NULL, 't' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ "resume", required_argument, NULL, 'r' },
		{ "takes-over", required_argument, NULL, 'T' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t fd;
	int c;

	while ((c = getopt_long(argc, argv, "c:dtVh", longer, NULL)) != -1) {
		switch (c) {
		case 'c':
			ret->conf = optarg;
			break;
		case 'd':
			ret->debug = true;
			break;
		case 't':
			ret->test = true;
			break;
		case 'V':
			puts("cofferd " COFFER_VERSION);
			exit(0);
		case 'r': /* not for people: handover.c */
			if (num_u64(optarg, INT_MAX, &fd) < 0)
				exit(2);
			ret->resume_fd = (int)fd;
			break;
		case 'T': /* the same */
			if (num_u64(optarg, UINT32_MAX, &fd) < 0 || fd != HANDOVER_VERSION) {
				fputs("cofferd: this version cannot take over from the running "
				      "one; restart it\n",
				      stderr);
				exit(1);
			}
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		exit(2);
	}
}

static int
open_log(const struct conf *conf)
{
	int fd = log_file_open(conf);

	if (fd < 0)
		fprintf(stderr, "%s: cannot write the log: %s\n", conf->log.file, strerror(-fd));
	return fd;
}

/* The directory for sockets, and in it the empty one that wires have as their root. */
static int
make_run_dir(const struct conf *conf)
{
	char empty[4096];
	struct text t;

	text_init(&t, empty, sizeof(empty));
	text_printf(&t, "%s/empty", conf->run_dir);
	if (t.cut || (mkdir(conf->run_dir, 0755) < 0 && errno != EEXIST) ||
	    (mkdir(empty, 0555) < 0 && errno != EEXIST)) {
		fprintf(stderr, "%s: cannot be made: %s\n", conf->run_dir, strerror(errno));
		return -errno;
	}
	return 0;
}

/* For cofferctl. A personal daemon may have no place for it, and goes on without. */
static void
write_pid(const struct conf *conf)
{
	char path[4096], pid[16];
	struct log_value quoted;
	FD_OWN int fd = -1;
	struct text t;
	int err = 0;

	text_init(&t, path, sizeof(path));
	text_printf(&t, "%s/cofferd.pid", conf->run_dir);
	if (t.cut)
		return;
	ignore_result(mkdir(conf->run_dir, 0755));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	text_init(&t, pid, sizeof(pid));
	text_printf(&t, "%d\n", getpid());
	if (fd >= 0)
		err = fd_write_full(fd, pid, t.len);
	if (err < 0)
		log_warn("pid-file", "path=%s reason=\"%s\"", log_q(&quoted, path), strerror(-err));
}

int
main(int argc, char *argv[], char *envp[])
{
	struct options options = { .conf = DEFAULT_CONF, .resume_fd = -1 };
	struct wire_servers servers;
	struct conf *conf;
	bool trial;
	int log_fd;

	process_titles(argc, argv, envp);
	parse(argc, argv, &options);
	if (handover_init() < 0) {
		fputs(
		    "cofferd: /proc is not there; it is needed to start a fresh image of itself\n",
		    stderr);
		return 1;
	}
	umask(077);
	if (conf_load(options.conf, complain, NULL, &conf) < 0 ||
	    conf_check(conf, complain, NULL) < 0)
		return 1;
	if (conf->mode == CONF_SYSTEM && geteuid() != 0) {
		fputs("cofferd: system mode needs root; for a server of your own set `mode: "
		      "personal`\n",
		      stderr);
		return 1;
	}
	trial = options.test && options.resume_fd >= 0; /* handover.c: all but serving */
	log_fd = options.test && !trial ? STDERR_FILENO : open_log(conf);
	if (log_fd < 0 || (conf->mode == CONF_SYSTEM && make_run_dir(conf) < 0))
		return 1;
	if (trial)
		log_fd = STDERR_FILENO; /* the log of the image that runs */
	log_file_use(log_fd, conf, options.debug);
	sandbox_daemon(conf, options.resume_fd >= 0);
	if (servers_make(conf, complain, NULL, &servers) < 0)
		return 1;
	if (options.test)
		return trial && !listener_would_run(conf, options.resume_fd);
	write_pid(conf);
	process_stdio();
	servers_start_hooks(conf, &servers);
	process_name("listener", "coffer-listen", "%s", options.conf);
	return listener_run(conf, &servers, options.debug, options.resume_fd);
}
