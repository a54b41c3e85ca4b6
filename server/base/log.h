/* SPDX-License-Identifier: ISC */
/*
 * log.h - events. One record is one line: time, level, process, event, then key=value fields. The
 * session's id, protocol, address and user are put on every line of its processes by log_session().
 *
 *	struct log_value name;
 *	log_notice("transfer", "op=get path=%s bytes=%" PRIu64, log_q(&name, path), bytes);
 *
 * Every string that came from outside goes through log_q(). Secrets go nowhere.
 *
 * error: somebody must act. warn: odd, and we went on. notice: logins, logouts, transfers,
 * refusals. info: life of processes. debug: for us, cheap when off.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/mem.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Bytes of the longest record. Fields that do not fit are left out, and "cut=yes" says so. */
#define LOG_RECORD_MAX 4096
/* Bytes of log_session()'s fields, with their 0. */
#define LOG_SESSION_MAX 1024

struct log_value {
	char room[1024];
};

/*
 * What process writes its own records: to fd, from level on. fd stays the caller's. Called once per
 * process; a fork inherits it. process is a word such as "listener" that must stay valid.
 */
void log_init(int fd, enum log_level level, enum log_format format);
void log_process(const char *process);

/*
 * From now on records go to sink instead of the descriptor: for a process that may not be believed
 * (wire), whose records are stamped by another one. sink must not log.
 */
typedef void log_sink_fn(void *ctx, enum log_level level, const char *event, const char *fields);
void log_to(log_sink_fn *sink, void *ctx);

/* Fields that stand on every record from now on, such as "session=4f2a proto=sftp addr=::1". */
void log_session(const char *fields);

/* Is this level written? For work that only serves a debug line. */
bool log_wants(enum log_level level);

void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A record made elsewhere: fields must already be key=value with values from log_q(). */
void log_record(enum log_level level, const char *process, const char *event, const char *fields);

#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_event(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_notice(...) log_event(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                           \
	do {                                                     \
		if (log_wants(LOG_LEVEL_DEBUG))                  \
			log_event(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

/*
 * s as a value: bare when it is plain, else in double quotes with \" \\ and \xNN for control bytes
 * and for bytes that are not UTF-8. NULL is "-". What is too long ends in "...".
 */
const char *log_q(struct log_value *v, const char *s);

#endif
