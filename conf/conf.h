/* SPDX-License-Identifier: ISC */
/*
 * conf.h - the configuration as one read-only struct. Made by conf_load() in the listener,
 * inherited by fork, never changed: a reload makes a new one for new connections.
 *
 * Every key that an administrator can write is a row of the schema table (schema.c), which is where
 * its name, type, default, range and help stand; the fields here carry the same names.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/base/log.h"
#include "server/base/mem.h"

/* Where a thing was written, for messages such as "coffer.yaml:12:3" and for cofferctl explain. */
struct conf_place {
	const char *file;
	unsigned int line, column; /* from 1; line 0: nowhere, it is the built-in default */
};

/* A list of strings. */
struct conf_list {
	char **at;
	size_t count;
};

enum conf_mode {
	CONF_SYSTEM,   /* started by root: every process gets its own uid and root directory */
	CONF_PERSONAL, /* one uid for all, users from the users file */
};

enum conf_protocol { CONF_FTPS, CONF_FTPS_IMPLICIT, CONF_SFTP };

enum conf_tls_version { CONF_TLS_1_2, CONF_TLS_1_3 };
enum conf_policy { CONF_POLICY_MODERN, CONF_POLICY_COMPATIBLE };

enum conf_enforce { CONF_ENFORCE_LATER, CONF_ENFORCE_NOW };
/* A TLS client asks for a name that no certificate has. */
enum conf_names { CONF_NAMES_DEFAULT, CONF_NAMES_REFUSE };

enum conf_binding { CONF_BINDING_REQUIRED, CONF_BINDING_PREFERRED, CONF_BINDING_LISTENER };

/* One entry of `listeners`, of which there may be so many. */
#define CONF_LISTENERS_MAX 32
struct conf_listener {
	char *name;
	struct conf_place place;
	enum conf_protocol protocol;
	char *address; /* "*" (both families), or an IPv4 or IPv6 address */
	uint16_t port;
	char *pam_service;	   /* NULL: auth.pam-service */
	struct conf_list proxies;  /* networks whose connections begin with a PROXY header */
	bool proxy_data;	   /* FTPS: those to passive ports as well */
	enum conf_binding binding; /* FTPS: must a data connection resume this session's TLS? */
};

/* One entry of `ftps.external`. */
struct conf_external {
	struct conf_place place;
	char *address;		   /* IPv4, a name, or an interface */
	struct conf_list networks; /* of clients; empty: all */
	/* What the listener found (server/resolve.h); the one thing here that changes. */
	bool known;
	uint8_t ip[4];
};

/* One pair of files in `tls.certificates`. */
struct conf_certificate {
	struct conf_place place;
	char *certificate; /* PEM: the server's certificate first, then its chain */
	char *key;	   /* PEM, without a passphrase */
};

/* What a session may do in a share or below a path of it. */
enum conf_right {
	RIGHT_LIST = 1 << 0,
	RIGHT_READ = 1 << 1,
	RIGHT_CREATE = 1 << 2,
	RIGHT_OVERWRITE = 1 << 3,
	RIGHT_APPEND = 1 << 4,
	RIGHT_RENAME = 1 << 5,
	RIGHT_DELETE = 1 << 6,
	RIGHT_MKDIR = 1 << 7,
	RIGHT_RMDIR = 1 << 8,
	RIGHT_CHMOD = 1 << 9,
	RIGHT_TIMES = 1 << 10,
	RIGHT_SYMLINK = 1 << 11,
	RIGHT_LINK = 1 << 12,
	RIGHT_TRASH = 1 << 13, /* see and restore what was deleted and replaced */
};
#define RIGHT_NONE 0u
#define RIGHTS_READ_ONLY (RIGHT_LIST | RIGHT_READ)
#define RIGHTS_READ_WRITE                                                                  \
	(RIGHTS_READ_ONLY | RIGHT_CREATE | RIGHT_OVERWRITE | RIGHT_APPEND | RIGHT_RENAME | \
	 RIGHT_DELETE | RIGHT_MKDIR | RIGHT_RMDIR | RIGHT_CHMOD | RIGHT_TIMES | RIGHT_SYMLINK)
#define RIGHTS_DROP_BOX RIGHT_CREATE
#define RIGHTS_APPEND_ONLY (RIGHTS_READ_ONLY | RIGHT_CREATE | RIGHT_APPEND)

enum conf_symlinks { CONF_SYMLINKS_INSIDE, CONF_SYMLINKS_NEVER };
enum conf_upload { CONF_UPLOAD_ATOMIC, CONF_UPLOAD_DIRECT };
enum conf_mode_requests { CONF_MODES_APPLY, CONF_MODES_IGNORE, CONF_MODES_REFUSE };
enum conf_owners { CONF_OWNERS_SHOWN, CONF_OWNERS_HIDDEN };

/* Rights below a path of a share; the longest matching prefix wins. */
struct conf_rule {
	struct conf_place place;
	char *path;	 /* inside the share, "/in/archive" */
	uint32_t rights; /* enum conf_right */
};

/*
 * One entry of `auth.rules`: the first whose conditions all fit decides. Empty lists fit
 * everything.
 */
struct conf_auth_rule {
	struct conf_place place;
	struct conf_list users;	    /* names and @groups */
	struct conf_list networks;  /* of the client */
	struct conf_list listeners; /* their names */
	struct conf_list protocols; /* "ftps", "sftp" */
	struct conf_list hours;	    /* hours.h, in the time zone of the machine */
	bool allow;
	struct conf_list factors;  /* empty: auth.factors */
	enum conf_binding binding; /* LISTENER: as it has it */
	uint32_t sessions;	   /* of one user; 0: limits.sessions-per-user */
};

/* One entry of `shares`. */
struct conf_share {
	char *name;
	struct conf_place place, rights_place;
	char *path;		 /* real directory; %u is the user's name, %h his home */
	char *mount;		 /* virtual path, "/" or "/name"; default "/" + name */
	struct conf_list users;	 /* names and @groups; empty: every user */
	uint32_t rights;	 /* enum conf_right */
	struct conf_rule *rules; /* `paths` */
	size_t rule_count;
	bool create; /* make the directory when it is missing */
	enum conf_symlinks symlinks;
	enum conf_upload upload;
	bool durable;
	uint64_t partial_keep_ms;
	uint32_t file_mode, dir_mode; /* masks for modes that clients send, and the modes of new
					 things; files get x only when it is asked for */
	uint32_t chmod_mode;	      /* for what is there; 0: those two */
	enum conf_mode_requests mode_requests;
	char *force_group; /* NULL: the user's */
	enum conf_owners owners;
	struct conf_list hide, deny; /* fnmatch patterns of names */
	uint64_t quota_bytes, quota_files, max_file_bytes, min_free_bytes; /* 0: none */
	uint64_t rate_up, rate_down; /* bytes a second of all its sessions together; 0: none */
	uint64_t trash_ms; /* how long what clients delete and replace is kept; 0: not at all */
	uint32_t versions; /* of one file: how many that were replaced; 0: no limit but trash_ms */
};

struct conf {
	const char *file; /* the main file, for messages */
	enum conf_mode mode;
	char *state_dir; /* what must survive a restart: /var/lib/coffer */
	char *run_dir;	 /* sockets and the empty root: /run/coffer */
	char *wire_user; /* name or number of the uid that parses the network, in system mode */
	char *keys_user; /* the same for the process that holds the private keys */

	struct conf_listener *listeners;
	size_t listener_count;

	struct {
		struct conf_certificate *certificates;
		size_t certificate_count;
		enum conf_policy policy;
		enum conf_tls_version minimum_version;
		enum conf_names unknown_names;
		char *client_ca, *client_crl; /* NULL: no client is asked for a certificate */
		uint64_t check_files_ms;      /* 0: never */
	} tls;
	struct {
		char *banner; /* text of the 220 greeting; no product name by default */
		uint16_t passive_first, passive_last;
		struct conf_external *externals; /* for some networks; the first that fits */
		size_t external_count;
		char *external_address; /* IPv4 address for PASV, or NULL: the one the client
					   reached */
		bool active;		/* PORT and EPRT */
		bool recursive_lists;	/* LIST -R means what it says */
	} ftps;
	struct {
		struct conf_list host_keys; /* files */
		char *banner;		    /* shown before login, or NULL */
		enum conf_policy policy;
		struct conf_list authorized_keys;   /* files; %u and %h */
		char *authorized_keys_command;	    /* a program that prints more lines, or NULL */
		char *authorized_keys_command_user; /* as whom it runs */
		struct conf_list trusted_user_ca_keys; /* files with keys of authorities */
		uint64_t rekey_bytes, rekey_ms;
		uint32_t max_channels, max_handles;
		bool scp;	       /* the old protocol of scp is served too */
		uint64_t window_bytes; /* towards clients, per channel */
	} sftp;
	struct {
		char *pam_service;    /* NULL: no PAM, the users file only */
		char *users_file;     /* NULL: no users file, PAM only */
		char *groups_file;    /* of the users file's users; NULL: none */
		char *anonymous_user; /* account of those who come without a password; NULL: nobody
					 does */
		bool require_shell;
		enum conf_enforce enforce;
		char *password_check; /* a program for cofferctl user; NULL: none */
		uint32_t min_uid;
		uint32_t tries;		   /* per connection, over all methods */
		uint64_t failure_delay_ms; /* every refusal takes this long, plus a random part */
		struct conf_list methods;  /* SFTP: password, publickey, keyboard-interactive */
		struct conf_list certificate_names;	  /* cn, email, dns */
		char *certificate_file;			  /* fingerprints, or NULL */
		struct conf_list factors;		  /* empty: password, or publickey */
		struct conf_list allow_users, deny_users; /* names and @groups; allow empty: all */
		struct conf_auth_rule *rules;
		size_t rule_count;
	} auth;
	struct {
		uint64_t login_ms;	  /* from accept to a good login, all together */
		uint64_t idle_ms;	  /* neither a command nor progress of data */
		uint64_t stall_ms;	  /* a transfer without progress */
		uint64_t data_connect_ms; /* until the client's data connection is there */
		uint32_t sessions, sessions_per_user, sessions_per_address;
		uint32_t waiting, waiting_per_address,
		    waiting_drop_from;	     /* connections that are not logged in yet */
		uint64_t rate_up, rate_down; /* bytes a second per session; 0: none */
		uint64_t rate_up_per_user, rate_down_per_user; /* of all his sessions together */
	} limits;
	struct {
		bool enabled;
		bool networks;		 /* the /24 or /48 around a source pays too */
		struct conf_list exempt; /* networks */
	} penalties;
	struct {
		char *spool; /* directory for events; NULL: no hooks */
		struct conf_list events;
		char *user;	     /* who writes there and runs the program, in system mode */
		char *program;	     /* NULL: somebody else looks into the directory */
		uint64_t program_ms; /* its time */
		uint32_t queue;	     /* events that may wait */
	} hooks;
	struct {
		char *redis; /* address:port; NULL: this node is alone */
		char *name, *password_file, *user;
	} cluster;
	struct {
		enum log_format format;
		enum log_level level;
		char *file; /* NULL: standard error */
	} log;

	struct conf_share *shares;
	size_t share_count;

	/* Kept by load.c: where each value was written, and the names of the files. */
	struct conf_origin *origins;
	size_t origin_count;
	char **files;
	size_t file_count;
};

/* Takes one complaint: where, and a sentence for the administrator (no newline). */
typedef void conf_complain_fn(void *ctx, const struct conf_place *place, const char *text);

/*
 * Reads file and its drop-in directory conf.d beside it (*.yaml in name order, merged over it:
 * mappings deep, lists and scalars replaced). All errors are reported, each once, before it
 * returns. Returns 0 and a new configuration, or -EINVAL after at least one complaint. complain is
 * also called for warnings (text begins with "warning: "), which do not make it fail.
 */
int conf_load(const char *file, conf_complain_fn *complain, void *ctx,
	      struct conf **ret_conf) MUST_CHECK;

/*
 * Knows what no single key can know: listeners that collide, shares on one mount, files that are
 * missing, unreadable, or too open. Returns 0 or -EINVAL after at least one complaint.
 */
int conf_check(const struct conf *conf, conf_complain_fn *complain, void *ctx) MUST_CHECK;

/* The part of it that is about the files of certificates and keys. */
int conf_check_keys(const struct conf *conf, conf_complain_fn *complain, void *ctx) MUST_CHECK;

/*
 * conf_load() of bytes that are in memory, without drop-ins and without looking at any file; name
 * stands for the file in complaints. For tests and fuzzers.
 */
int conf_load_text(const char *name, const char *bytes, size_t len, conf_complain_fn *complain,
		   void *ctx, struct conf **ret_conf) MUST_CHECK;

void conf_free(struct conf *conf);

/*
 * Where a value was written: field points to a member of conf, of one of its elements, or to an
 * item of one of its lists. What was not written has the main file and line 0. Lives as long as
 * conf.
 */
struct conf_place conf_place_of(const struct conf *conf, const void *field);

/*
 * Names of rights and presets, also for messages: "read-only", "drop-box", or "list, read, create".
 */
int conf_rights_parse(const char *word, uint32_t *ret_rights) MUST_CHECK;
const char *conf_right_name(enum conf_right one);

#endif
