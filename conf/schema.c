/* SPDX-License-Identifier: ISC */
/*
 * schema.c - the table of all keys. Owns: names, types, defaults, ranges and help of everything
 * that an administrator can write. Invariant: there is no key that lets a login or a file travel
 * unencrypted, and none may be added.
 *
 * Longer than our files are, and on purpose: it is the one list of all that can be written, without
 * any code. Cut by sections it would need a list of lists, and a key would have to be looked for.
 */
#include "conf/schema.h"

#define SECOND ((uint64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define ANY_SIZE ((uint64_t)INT64_MAX)

static const struct schema_word modes[] = {
	{ "system", CONF_SYSTEM },
	{ "personal", CONF_PERSONAL },
	{ NULL, 0 },
};
static const struct schema_word protocols[] = {
	{ "ftps", CONF_FTPS },
	{ "ftps-implicit", CONF_FTPS_IMPLICIT },
	{ "sftp", CONF_SFTP },
	{ NULL, 0 },
};
static const struct schema_word bindings[] = {
	{ "required", CONF_BINDING_REQUIRED },
	{ "preferred", CONF_BINDING_PREFERRED },
	{ NULL, 0 },
};
static const struct schema_word rule_bindings[] = {
	{ "listener", CONF_BINDING_LISTENER },
	{ "required", CONF_BINDING_REQUIRED },
	{ "preferred", CONF_BINDING_PREFERRED },
	{ NULL, 0 },
};
static const struct schema_word names[] = {
	{ "default", CONF_NAMES_DEFAULT },
	{ "refuse", CONF_NAMES_REFUSE },
	{ NULL, 0 },
};
static const struct schema_word tls_versions[] = {
	{ "1.2", CONF_TLS_1_2 },
	{ "1.3", CONF_TLS_1_3 },
	{ NULL, 0 },
};
static const struct schema_word policies[] = {
	{ "modern", CONF_POLICY_MODERN },
	{ "compatible", CONF_POLICY_COMPATIBLE },
	{ NULL, 0 },
};
static const struct schema_word methods[] = {
	{ "password", 0 },
	{ "publickey", 0 },
	{ "keyboard-interactive", 0 },
	{ NULL, 0 },
};
static const struct schema_word enforcements[] = {
	{ "at-login", CONF_ENFORCE_LATER },
	{ "now", CONF_ENFORCE_NOW },
	{ NULL, 0 },
};
static const struct schema_word rule_protocols[] = {
	{ "ftps", 0 },
	{ "sftp", 0 },
	{ NULL, 0 },
};
static const struct schema_word events[] = {
	{ "login", 0 }, { "upload", 0 }, { "delete", 0 }, { "rename", 0 }, { NULL, 0 },
};
static const struct schema_word certificate_names[] = {
	{ "email", 0 },
	{ "dns", 0 },
	{ "cn", 0 },
	{ NULL, 0 },
};
static const struct schema_word log_formats[] = {
	{ "text", LOG_FORMAT_TEXT },
	{ "json", LOG_FORMAT_JSON },
	{ NULL, 0 },
};
static const struct schema_word log_levels[] = {
	{ "error", LOG_LEVEL_ERROR }, { "warn", LOG_LEVEL_WARN },   { "notice", LOG_LEVEL_NOTICE },
	{ "info", LOG_LEVEL_INFO },   { "debug", LOG_LEVEL_DEBUG }, { NULL, 0 },
};
static const struct schema_word symlinks[] = {
	{ "inside", CONF_SYMLINKS_INSIDE },
	{ "never", CONF_SYMLINKS_NEVER },
	{ NULL, 0 },
};
static const struct schema_word uploads[] = {
	{ "atomic", CONF_UPLOAD_ATOMIC },
	{ "direct", CONF_UPLOAD_DIRECT },
	{ NULL, 0 },
};
static const struct schema_word mode_requests[] = {
	{ "ignore", CONF_MODES_IGNORE },
	{ "apply", CONF_MODES_APPLY },
	{ "refuse", CONF_MODES_REFUSE },
	{ NULL, 0 },
};
static const struct schema_word owners[] = {
	{ "shown", CONF_OWNERS_SHOWN },
	{ "hidden", CONF_OWNERS_HIDDEN },
	{ NULL, 0 },
};

static const struct schema_array listeners = {
	.element = IN_LISTENER,
	.size = sizeof(struct conf_listener),
	.at = offsetof(struct conf, listeners),
	.count = offsetof(struct conf, listener_count),
	.name = offsetof(struct conf_listener, name),
	.place = offsetof(struct conf_listener, place),
};
static const struct schema_array certificates = {
	.element = IN_CERTIFICATE,
	.size = sizeof(struct conf_certificate),
	.at = offsetof(struct conf, tls.certificates),
	.count = offsetof(struct conf, tls.certificate_count),
	.name = SIZE_MAX,
	.place = offsetof(struct conf_certificate, place),
};
static const struct schema_array auth_rules = {
	.element = IN_AUTH_RULE,
	.size = sizeof(struct conf_auth_rule),
	.at = offsetof(struct conf, auth.rules),
	.count = offsetof(struct conf, auth.rule_count),
	.name = SIZE_MAX,
	.place = offsetof(struct conf_auth_rule, place),
};
static const struct schema_array externals = {
	.element = IN_EXTERNAL,
	.size = sizeof(struct conf_external),
	.at = offsetof(struct conf, ftps.externals),
	.count = offsetof(struct conf, ftps.external_count),
	.name = SIZE_MAX,
	.place = offsetof(struct conf_external, place),
};
static const struct schema_array shares = {
	.element = IN_SHARE,
	.size = sizeof(struct conf_share),
	.at = offsetof(struct conf, shares),
	.count = offsetof(struct conf, share_count),
	.name = offsetof(struct conf_share, name),
	.place = offsetof(struct conf_share, place),
};

/* clang-format off */
#define SECTION(k, h) { .key = k, .type = SCHEMA_SECTION, .help = h }
#define ARRAY(k, t, a, h) { .key = k, .type = t, .array = &a, .help = h }
#define ROW(k, t, where, off, d, h, ...) \
	{ .key = k, .type = t, .in = where, .offset = off, .def = d, .help = h, __VA_ARGS__ }
#define C(k, t, field, ...) ROW(k, t, IN_CONF, offsetof(struct conf, field), __VA_ARGS__)
#define L(k, t, field, ...) ROW("listeners.*." k, t, IN_LISTENER, offsetof(struct conf_listener, field), __VA_ARGS__)
#define T(k, t, field, ...) ROW("tls.certificates.*." k, t, IN_CERTIFICATE, offsetof(struct conf_certificate, field), __VA_ARGS__)
#define A(k, t, field, ...) ROW("auth.rules.*." k, t, IN_AUTH_RULE, offsetof(struct conf_auth_rule, field), __VA_ARGS__)
#define E(k, t, field, ...) ROW("ftps.external.*." k, t, IN_EXTERNAL, offsetof(struct conf_external, field), __VA_ARGS__)
#define S(k, t, field, ...) ROW("shares.*." k, t, IN_SHARE, offsetof(struct conf_share, field), __VA_ARGS__)
#define RANGE(lo, hi) .min = (lo), .max = (hi)

const struct schema_key schema_keys[] = {
	C("mode", SCHEMA_WORD, mode, "system",
	  "system: started by root, every process gets an account and a root directory of its own, and users "
	  "work with their own uid. personal: everything runs as the one who starts it, and users come from "
	  "the users file.", .words = modes),
	C("state-dir", SCHEMA_PATH, state_dir, "/var/lib/coffer",
	  "Directory for what must survive a restart."),
	C("run-dir", SCHEMA_PATH, run_dir, "/run/coffer",
	  "Directory for sockets and for the empty root of the processes that own nothing."),
	C("wire-user", SCHEMA_NAME, wire_user, "coffer-wire",
	  "Account of the processes that read the network; nothing else may use it."),
	C("keys-user", SCHEMA_NAME, keys_user, "coffer-keys",
	  "Account of the process that holds the private keys; nothing else may use it."),

	ARRAY("listeners", SCHEMA_NAMED, listeners,
	      "Where clients connect: a name of your choice for each address and protocol, of which there may be 32."),
	L("protocol", SCHEMA_WORD, protocol, NULL,
	  "ftps: FTP with AUTH TLS, which is compulsory. ftps-implicit: TLS from the first byte. sftp: over SSH.",
	  .words = protocols, .flags = SCHEMA_NEEDED),
	L("address", SCHEMA_ADDRESS, address, "*",
	  "An IPv4 or IPv6 address of this machine, or * for all of both families."),
	L("port", SCHEMA_U16, port, NULL,
	  "TCP port. Without it: 21 for ftps, 990 for ftps-implicit, 22 for sftp.", RANGE(1, 65535)),
	L("pam-service", SCHEMA_NAME, pam_service, NULL,
	  "PAM service for this listener instead of auth.pam-service."),
	L("proxy-from", SCHEMA_LIST, proxies, NULL,
	  "Networks of load balancers that put a PROXY protocol header (version 1 or 2) in front of each connection: "
	  "it must be there then, and says who the client is. Nobody else is asked for one.",
	  .item = SCHEMA_NETWORK, RANGE(0, 64)),
	L("proxy-data", SCHEMA_BOOL, proxy_data, "no",
	  "FTPS: data connections come through the balancers of proxy-from too, with the same header."),
	L("data-binding", SCHEMA_WORD, binding, "required",
	  "FTPS: required refuses data connections that do not resume the TLS session of their control "
	  "connection, so that nobody can steal one. preferred lets clients through that cannot do it, and names "
	  "them in the log.", .words = bindings),

	SECTION("tls", "Certificates of the FTPS listeners. Encryption itself is always on."),
	ARRAY("tls.certificates", SCHEMA_LISTED, certificates,
	      "Pairs of files, for example one ECDSA and one RSA certificate. Clients see the one whose names have the "
	      "name that they connect to, and else the first."),
	T("certificate", SCHEMA_PATH, certificate, NULL,
	  "PEM file with the certificate first and then its chain.", .flags = SCHEMA_NEEDED),
	T("key", SCHEMA_PATH, key, NULL,
	  "PEM file with its private key, without a passphrase, readable by its owner only.",
	  .flags = SCHEMA_NEEDED),
	C("tls.policy", SCHEMA_WORD, tls.policy, "modern",
	  "modern: TLS 1.2 with ECDHE and AEAD ciphers, and TLS 1.3. compatible adds older forward-secret ciphers "
	  "of TLS 1.2.", .words = policies),
	C("tls.minimum-version", SCHEMA_WORD, tls.minimum_version, "1.2",
	  "The oldest version of TLS that is served. 1.3 turns clients away that have TLS 1.2 only; there is no older one "
	  "than 1.2.", .words = tls_versions),
	C("tls.unknown-names", SCHEMA_WORD, tls.unknown_names, "default",
	  "A client asks for a name that is in none of the certificates. default: it sees the first. refuse: it is "
	  "turned away.", .words = names),
	C("tls.client-ca", SCHEMA_PATH, tls.client_ca, "none",
	  "PEM file with the authorities that vouch for clients. FTPS clients are asked for a certificate then; what it is "
	  "worth is said by the factor certificate in auth.factors and auth.rules.", .flags = SCHEMA_NONE),
	C("tls.client-crl", SCHEMA_PATH, tls.client_crl, "none",
	  "PEM file with their lists of revoked certificates. With it, a client whose authority has no current list in it is "
	  "refused.", .flags = SCHEMA_NONE),
	C("tls.check-files", SCHEMA_TIME, tls.check_files_ms, "10s",
	  "How often the files of the certificates are looked at. Changed ones that are good are used for new "
	  "connections; with wrong ones the old stay, and the log says why. none: at a reload only.",
	  .flags = SCHEMA_NONE, RANGE(SECOND, DAY)),

	SECTION("ftps", "The FTP side."),
	C("ftps.banner", SCHEMA_LINE, ftps.banner, "FTP server ready.",
	  "Text of the greeting, which everybody can read: better without names and versions."),
	C("ftps.passive-ports", SCHEMA_PORTS, ftps.passive_first, "50000-50999",
	  "Ports for data connections; the firewall must let them in. One is used per running transfer.",
	  RANGE(1024, 65535)),
	C("ftps.external-address", SCHEMA_IPV4, ftps.external_address, "none",
	  "IPv4 address that PASV announces when the server stands behind NAT. none: the address that the client "
	  "reached.", .flags = SCHEMA_NONE),
	ARRAY("ftps.external", SCHEMA_LISTED, externals,
	      "The same for clients of some networks, looked at first: the first entry that fits counts. EPSV needs none of "
	      "this."),
	E("address", SCHEMA_LINE, address, NULL,
	  "An IPv4 address, a host name, or the name of a network interface; the last two are looked up again every minute.",
	  .flags = SCHEMA_NEEDED),
	E("networks", SCHEMA_LIST, networks, NULL, "Networks of the clients it is for. Without it: all.",
	  .item = SCHEMA_NETWORK, RANGE(1, 256)),
	C("ftps.active", SCHEMA_BOOL, ftps.active, "no",
	  "Serve PORT and EPRT, in which the server connects to the client."),
	C("ftps.recursive-lists", SCHEMA_BOOL, ftps.recursive_lists, "no",
	  "Let LIST -R list what lies below as well, for clients that ask for a tree at once (PHP's Flysystem). Otherwise -R changes nothing."),

	SECTION("sftp", "The SSH side."),
	C("sftp.host-keys", SCHEMA_LIST, sftp.host_keys, NULL,
	  "Files with private host keys (Ed25519, ECDSA, RSA), readable by their owner only.",
	  .item = SCHEMA_PATH, RANGE(1, 16)),
	C("sftp.banner", SCHEMA_TEXT, sftp.banner, "none",
	  "Text that is shown before login, in one line or several.", .flags = SCHEMA_NONE),
	C("sftp.policy", SCHEMA_WORD, sftp.policy, "modern",
	  "Key exchanges, ciphers and MACs. compatible adds what older clients need and is not broken.",
	  .words = policies),
	C("sftp.authorized-keys", SCHEMA_LIST, sftp.authorized_keys, "%h/.ssh/authorized_keys",
	  "Files with a user's public keys; %u is the user's name and %h the home directory.",
	  .item = SCHEMA_TEMPLATE, RANGE(1, 16)),
	C("sftp.authorized-keys-command", SCHEMA_PATH, sftp.authorized_keys_command, "none",
	  "A program that prints the authorized_keys lines of the user whose name is its only argument; asked when the "
	  "files have not the key. root's, as the directories above it; 10 seconds.", .flags = SCHEMA_NONE),
	C("sftp.authorized-keys-command-user", SCHEMA_NAME, sftp.authorized_keys_command_user, "nobody",
	  "As whom it runs. Better one that nothing else runs as."),
	C("sftp.trusted-user-ca-keys", SCHEMA_LIST, sftp.trusted_user_ca_keys, NULL,
	  "Files with public keys of authorities: OpenSSH certificates that these have signed let the users in who are "
	  "among their principals. root's, and readable by all. A user's own authorities stand in his authorized_keys "
	  "(cert-authority).",
	  .item = SCHEMA_TEMPLATE, RANGE(0, 16)),
	C("sftp.rekey-bytes", SCHEMA_SIZE, sftp.rekey_bytes, "1G",
	  "New session keys are made after so many bytes.", RANGE(16 * MIB, 64 * GIB)),
	C("sftp.rekey-time", SCHEMA_TIME, sftp.rekey_ms, "1h",
	  "New session keys are made after this time.", RANGE(SECOND, DAY)),
	C("sftp.max-channels", SCHEMA_U32, sftp.max_channels, "10",
	  "Channels that one connection may open.", RANGE(1, 64)),
	C("sftp.max-handles", SCHEMA_U32, sftp.max_handles, "1024",
	  "Files and directories that one session may have open.", RANGE(4, 4096)),
	C("sftp.scp", SCHEMA_BOOL, sftp.scp, "no",
	  "Serve the old protocol of scp (scp -O, pscp -scp) beside SFTP. Patterns of file names are not known to it."),
	C("sftp.window", SCHEMA_SIZE, sftp.window_bytes, "16M",
	  "Bytes that a client may send ahead. More is faster on long lines and costs memory per session.",
	  RANGE(64 * KIB, 64 * MIB)),

	SECTION("auth", "Who may log in, and how."),
	C("auth.pam-service", SCHEMA_NAME, auth.pam_service, "coffer",
	  "File in /etc/pam.d. none: users come from the users file only, as always in personal mode.",
	  .flags = SCHEMA_NONE),
	C("auth.users-file", SCHEMA_PATH, auth.users_file, "none",
	  "File of users who have no account on this machine; see cofferctl user.", .flags = SCHEMA_NONE),
	C("auth.groups-file", SCHEMA_PATH, auth.groups_file, "none",
	  "File of groups of those users, for @group in shares and rules; see cofferctl group.", .flags = SCHEMA_NONE),
	C("auth.anonymous-user", SCHEMA_NAME, auth.anonymous_user, "none",
	  "Account that works for whoever logs in as anonymous or ftp, with any password, over TLS or SSH like everybody. "
	  "They see only shares that name the user anonymous, and these must be read-only or drop-box.",
	  .flags = SCHEMA_NONE),
	C("auth.require-shell", SCHEMA_BOOL, auth.require_shell, "no",
	  "Users of the system log in only when their shell is one of /etc/shells."),
	C("auth.enforce", SCHEMA_WORD, auth.enforce, "at-login",
	  "What a reload does to sessions of users who may not come any more. at-login: nothing, they see it at their next "
	  "login. now: it ends them.", .words = enforcements),
	C("auth.password-check", SCHEMA_PATH, auth.password_check, "none",
	  "Program that says whether a password may be set with cofferctl user: it gets the user's name as its argument and "
	  "the password as its standard input, and what it prints is shown when its exit status is not 0. Passwords of "
	  "the system's users are PAM's business.", .flags = SCHEMA_NONE),
	C("auth.min-uid", SCHEMA_U32, auth.min_uid, "1000",
	  "Accounts with a smaller uid never log in, and root never does.", RANGE(1, UINT32_MAX - 1)),
	C("auth.tries", SCHEMA_U32, auth.tries, "4",
	  "Wrong logins after which a connection is closed, over all methods.", RANGE(1, 20)),
	C("auth.failure-delay", SCHEMA_TIME, auth.failure_delay_ms, "2s",
	  "Every refusal takes this long and a little more, whether the user exists or not.",
	  RANGE(100, 30 * SECOND)),
	C("auth.methods", SCHEMA_LIST, auth.methods, "password, publickey, keyboard-interactive",
	  "How SFTP clients may log in.", .item = SCHEMA_WORD, .words = methods, RANGE(1, 3)),

	C("auth.certificate-names", SCHEMA_LIST, auth.certificate_names, "email, dns, cn",
	  "Which names in a client's TLS certificate may be that of the user: email and dns are those of subjectAltName.",
	  .item = SCHEMA_WORD, .words = certificate_names, RANGE(0, 3)),
	C("auth.certificate-file", SCHEMA_PATH, auth.certificate_file, "none",
	  "Whose a certificate is beside those names: a file of lines NAME:FINGERPRINT (SHA-256, hexadecimal), which nobody "
	  "else may be able to write.", .flags = SCHEMA_NONE),
	C("auth.factors", SCHEMA_LIST, auth.factors, NULL,
	  "What is enough for a login, on both protocols: a list of alternatives, each of password, publickey, totp and "
	  "certificate, joined with +. Without it: a password, or a public key. An SFTP client is asked for one after the other. "
	  "Over FTPS the six digits of totp stand behind the password, or alone where a certificate and a code are enough; "
	  "there is no publickey, and certificate is that of the "
	  "TLS client (tls.client-ca): where it is enough, no password is asked for. Secrets for totp are lines "
	  "NAME:BASE32 in a file named like auth.users-file with .totp behind it, which only its owner may read.",
	  .item = SCHEMA_FACTORS, RANGE(1, 8)),
	C("auth.allow-users", SCHEMA_LIST, auth.allow_users, NULL,
	  "Users and @groups who may log in. Without it: everybody.", .item = SCHEMA_MEMBER, RANGE(1, 4096)),
	C("auth.deny-users", SCHEMA_LIST, auth.deny_users, NULL,
	  "Users and @groups who may not, whatever auth.allow-users says. To them it looks like a wrong password.",
	  .item = SCHEMA_MEMBER, RANGE(0, 4096)),
	ARRAY("auth.rules", SCHEMA_LISTED, auth_rules,
	      "Rules about logins, looked at when the client has proven who he is. The first one that fits in all that it "
	      "says decides; where none fits, auth.factors are enough. To those who may not come it looks like a wrong "
	      "password."),
	A("users", SCHEMA_LIST, users, NULL, "Users and @groups that it is about. Without it: everybody.",
	  .item = SCHEMA_MEMBER, RANGE(1, 4096)),
	A("networks", SCHEMA_LIST, networks, NULL, "Where they come from. Without it: anywhere.",
	  .item = SCHEMA_NETWORK, RANGE(1, 256)),
	A("listeners", SCHEMA_LIST, listeners, NULL, "Names of listeners that it is about. Without it: all.",
	  .item = SCHEMA_LINE, RANGE(1, 64)),
	A("protocols", SCHEMA_LIST, protocols, NULL, "ftps, sftp. Without it: both.", .item = SCHEMA_WORD,
	  .words = rule_protocols, RANGE(1, 2)),
	A("hours", SCHEMA_LIST, hours, NULL,
	  "When it holds, such as Mon-Fri 08:00-18:00, Sat,Sun or 22:00-06:00, in the time zone of this machine. It is "
	  "the moment of the login that counts. Without it: always.", .item = SCHEMA_HOURS, RANGE(1, 64)),
	A("allow", SCHEMA_BOOL, allow, "yes", "no: nobody that the rule fits logs in."),
	A("factors", SCHEMA_LIST, factors, NULL, "What is enough for them, instead of auth.factors.",
	  .item = SCHEMA_FACTORS, RANGE(1, 8)),
	A("data-binding", SCHEMA_WORD, binding, "listener",
	  "FTPS: as data-binding of the listener, for these users and networks. listener: as the listener has it.",
	  .words = rule_bindings),
	A("sessions", SCHEMA_U32, sessions, NULL, "Sessions of each of them at one time, instead of "
	  "limits.sessions-per-user.", RANGE(1, 100000)),

	SECTION("limits", "What one client, one user and all together may use."),
	C("limits.login-time", SCHEMA_TIME, limits.login_ms, "60s",
	  "From the connection to a good login.", RANGE(2 * SECOND, 10 * MINUTE)),
	C("limits.idle-time", SCHEMA_TIME, limits.idle_ms, "15m",
	  "A session without a command and without moving data ends. A mount ends with it, so sshfs wants "
	  "-o reconnect.",
	  .flags = SCHEMA_NONE, RANGE(SECOND, 7 * DAY)),
	C("limits.stall-time", SCHEMA_TIME, limits.stall_ms, "5m",
	  "A transfer without progress ends; so does a session whose filesystem hangs in a call for so long.", .flags = SCHEMA_NONE, RANGE(SECOND, DAY)),
	C("limits.data-connect-time", SCHEMA_TIME, limits.data_connect_ms, "30s",
	  "FTPS: until the client's data connection is there.", RANGE(SECOND, 5 * MINUTE)),
	C("limits.sessions", SCHEMA_U32, limits.sessions, "1000",
	  "Sessions at one time.", RANGE(1, 100000)),
	C("limits.sessions-per-user", SCHEMA_U32, limits.sessions_per_user, "50",
	  "Sessions of one user at one time.", RANGE(1, 100000)),
	C("limits.sessions-per-address", SCHEMA_U32, limits.sessions_per_address, "50",
	  "Sessions from one address (IPv6: one /64) at one time.", RANGE(1, 100000)),
	C("limits.waiting", SCHEMA_U32, limits.waiting, "100",
	  "Connections that are not logged in yet; a budget of its own, so that strangers cannot use up the "
	  "sessions.", RANGE(1, 100000)),
	C("limits.waiting-per-address", SCHEMA_U32, limits.waiting_per_address, "25",
	  "The same from one address (IPv6: one /64).", RANGE(1, 100000)),
	C("limits.waiting-drop-from", SCHEMA_U32, limits.waiting_drop_from, "40",
	  "From so many of them on, new ones are turned away at random: 30 of 100 at first, all at limits.waiting. But "
	  "whoever has fewer of them than another gets the place of that one's oldest, so a flood keeps nobody out but itself.", RANGE(1, 100000)),
	C("limits.rate-up", SCHEMA_SIZE, limits.rate_up, "none",
	  "Bytes a second that one session may upload.", .flags = SCHEMA_NONE, RANGE(KIB, ANY_SIZE)),
	C("limits.rate-down", SCHEMA_SIZE, limits.rate_down, "none",
	  "Bytes a second that one session may download.", .flags = SCHEMA_NONE, RANGE(KIB, ANY_SIZE)),
	C("limits.rate-up-per-user", SCHEMA_SIZE, limits.rate_up_per_user, "none",
	  "Bytes a second that all sessions of one user may upload together. Those that want to get equal parts.",
	  .flags = SCHEMA_NONE, RANGE(KIB, ANY_SIZE)),
	C("limits.rate-down-per-user", SCHEMA_SIZE, limits.rate_down_per_user, "none",
	  "The same for downloads.", .flags = SCHEMA_NONE, RANGE(KIB, ANY_SIZE)),

	SECTION("penalties", "What wrong logins cost the address they come from (IPv6: its /64), over both protocols."),
	C("penalties.enabled", SCHEMA_BOOL, penalties.enabled, "yes",
	  "A wrong login costs 5 s, a connection without one 1 s, one that uses up limits.login-time 10 s, a crash 90 s. An "
	  "address that has gathered 15 s is turned away until they are over, at most 10 minutes."),
	C("penalties.networks", SCHEMA_BOOL, penalties.networks, "no",
	  "yes: the /24 around an address (IPv6: the /48) gathers an eighth of what its addresses do, and is turned away as a "
	  "whole. Against guessers with many addresses; who has customers behind one provider leaves it off."),
	C("penalties.exempt", SCHEMA_LIST, penalties.exempt, NULL,
	  "Networks that are never turned away for this, such as that of a load balancer or a scanner of your own.",
	  .item = SCHEMA_NETWORK, RANGE(0, 256)),

	SECTION("hooks", "What happened, for programs of your own: one JSON file for each event."),
	C("hooks.spool", SCHEMA_PATH, hooks.spool, "none",
	  "Directory into which they are put. A file appears when it is complete, and names sort by time; whoever has dealt "
	  "with one removes it. It is made when it is missing, below directories in which only root and the starter "
	  "of the server can exchange things. none: no hooks.", .flags = SCHEMA_NONE),
	C("hooks.events", SCHEMA_LIST, hooks.events, "login, upload, delete, rename",
	  "Which ones. upload: a file that was completely written.", .item = SCHEMA_WORD, .words = events, RANGE(1, 4)),
	C("hooks.user", SCHEMA_NAME, hooks.user, "coffer-hooks",
	  "Account that writes there and runs hooks.program; never root, and none of coffer's others."),
	C("hooks.program", SCHEMA_PATH, hooks.program, "none",
	  "Program that is run for each event, one after the other in the order of time, with the event on its standard input "
	  "and its kind as the only argument. When it ends well the file is removed, else it is renamed to end in .failed. "
	  "none: the files stay for others.", .flags = SCHEMA_NONE),
	C("hooks.time-limit", SCHEMA_TIME, hooks.program_ms, "60s",
	  "After this time the program and its children are killed.", RANGE(SECOND, DAY)),
	C("hooks.queue", SCHEMA_U32, hooks.queue, "10000",
	  "Files that may lie there, also failed ones. Further events are lost; cofferctl hooks says how many.",
	  RANGE(1, 1000000)),

	SECTION("cluster", "Several nodes that act as one: penalties, bans, used one-time codes and the limits of sessions hold "
		"for all of them together. Every node has the same configuration."),
	C("cluster.redis", SCHEMA_ENDPOINT, cluster.redis, "none",
	  "Address and port of a Redis or Valkey server, such as 192.0.2.1:6379. What goes there is not encrypted, and whoever "
	  "can write to it can ban and forgive addresses: it is for this machine, or a network that is yours. While it cannot be reached, each node counts for itself.",
	  .flags = SCHEMA_NONE),
	C("cluster.name", SCHEMA_NAME, cluster.name, "coffer",
	  "What its keys begin with, for several clusters on one server."),
	C("cluster.password-file", SCHEMA_PATH, cluster.password_file, "none",
	  "File with the password of the Redis server in one line.", .flags = SCHEMA_NONE),
	C("cluster.user", SCHEMA_NAME, cluster.user, "coffer-cluster",
	  "Account of the process that speaks to it; nothing else may use it."),

	SECTION("log", "Where events go."),
	C("log.format", SCHEMA_WORD, log.format, "text",
	  "text: key=value. json: one object per line.", .words = log_formats),
	C("log.level", SCHEMA_WORD, log.level, "info",
	  "The least important events that are written.", .words = log_levels),
	C("log.file", SCHEMA_PATH, log.file, "none",
	  "File to append to; a reload opens it again. none: standard error, which systemd keeps in the journal.",
	  .flags = SCHEMA_NONE),

	ARRAY("shares", SCHEMA_NAMED, shares,
	      "Directories that users see: a name of your choice for each. All shares of a user together are all "
	      "that he can reach."),
	S("path", SCHEMA_TEMPLATE, path, NULL,
	  "The directory. %u is the user's name; %h, in front, the home directory.", .flags = SCHEMA_NEEDED),
	S("mount", SCHEMA_MOUNT, mount, NULL,
	  "Where users see it. Without it: / and the share's name. A share on / is what they see first, and "
	  "others appear as directories in it."),
	S("users", SCHEMA_LIST, users, NULL,
	  "Names of users and @groups who get it. Without it: everybody who can log in.",
	  .item = SCHEMA_MEMBER, RANGE(1, 4096)),
	S("rights", SCHEMA_RIGHTS, rights, "read-only",
	  "read-only, read-write, drop-box (upload without seeing anything), append-only, none, or a list out of list, read, create, "
	  "overwrite, append, rename, delete, mkdir, rmdir, chmod, times, symlink, link, trash."),
	S("paths", SCHEMA_RULES, rules, NULL,
	  "Other rights below paths of the share, such as /archive: read-only. The longest path that fits "
	  "counts."),
	S("create", SCHEMA_BOOL, create, "no",
	  "Make the directory at login when it is missing: for its user, with dir-mode. In system mode also where only root may "
	  "make one; directories on the way are root's then."),
	S("symlinks", SCHEMA_WORD, symlinks, "inside",
	  "inside: followed as long as they stay in the share. never: not followed.", .words = symlinks),
	S("upload", SCHEMA_WORD, upload, "atomic",
	  "atomic: a file appears when it is complete, and a broken upload leaves the old one. direct: it grows "
	  "in place.", .words = uploads),
	S("durable", SCHEMA_BOOL, durable, "no",
	  "Success is reported only when the file is on the disk (fsync)."),
	S("partial-keep", SCHEMA_TIME, partial_keep_ms, "24h",
	  "How long an interrupted upload can be resumed. none: not at all.",
	  .flags = SCHEMA_NONE, RANGE(MINUTE, 365 * DAY)),
	S("file-mode", SCHEMA_MODE, file_mode, "0755",
	  "Permissions that a file may get. A client that asks for some gets those of them that are in here; one "
	  "that asks for none, as in FTP, gets these without the right to execute.", RANGE(0, 0777)),
	S("dir-mode", SCHEMA_MODE, dir_mode, "0755",
	  "Permissions of new directories, and the most that a client may ask for.", RANGE(0, 0777)),
	S("chmod-mode", SCHEMA_MODE, chmod_mode, "none",
	  "Permissions that a client may give to what is there already (chmod), to files and directories. none: those of "
	  "file-mode and dir-mode. What is outside of them is left out without a word. With 0777 chmod does what it does over sshd.",
	  .flags = SCHEMA_NONE, RANGE(1, 0777)),
	S("mode-requests", SCHEMA_WORD, mode_requests, "ignore",
	  "What happens when a client without the chmod right asks for permissions. apply: it is done on what the session made itself.",
	  .words = mode_requests),
	S("force-group", SCHEMA_NAME, force_group, "none",
	  "Group of everything new, instead of the user's own. He must be a member of it, or does not get the share.", .flags = SCHEMA_NONE),
	S("owners", SCHEMA_WORD, owners, "shown",
	  "hidden: listings show the user as the owner of everything.", .words = owners),
	S("hide", SCHEMA_LIST, hide, NULL,
	  "Patterns of names that are not there for clients, neither in listings nor when asked for. Not on "
	  "filesystems whose names are the same in capitals (vfat, CIFS...): a share with hide, deny or paths is not served there.", .item = SCHEMA_PATTERN, RANGE(0, 64)),
	S("deny", SCHEMA_LIST, deny, NULL,
	  "Patterns of names that are not listed and that nobody may make or use; the refusal says so.", .item = SCHEMA_PATTERN, RANGE(0, 64)),
	S("quota-bytes", SCHEMA_SIZE, quota_bytes, "none",
	  "What one user may keep in it, together with broken uploads that can be resumed. It is counted by the owner "
	  "of the files: people who share a uid and a directory share a quota. cofferctl quota scan counts again.", .flags = SCHEMA_NONE, RANGE(1, ANY_SIZE)),
	S("quota-files", SCHEMA_U64, quota_files, "none",
	  "How many files, directories and links one user may keep in it.", .flags = SCHEMA_NONE, RANGE(1, ANY_SIZE)),
	S("max-file-size", SCHEMA_SIZE, max_file_bytes, "none",
	  "The largest file that can be uploaded.", .flags = SCHEMA_NONE, RANGE(1, ANY_SIZE)),
	S("min-free", SCHEMA_SIZE, min_free_bytes, "none",
	  "Uploads are refused when the filesystem would have less space left.",
	  .flags = SCHEMA_NONE, RANGE(1, ANY_SIZE)),
	S("rate-up", SCHEMA_SIZE, rate_up, "none",
	  "Bytes a second that all sessions together may upload into it. Those that want to get equal parts.",
	  .flags = SCHEMA_NONE, RANGE(KIB, ANY_SIZE)),
	S("rate-down", SCHEMA_SIZE, rate_down, "none",
	  "The same for downloads from it.", .flags = SCHEMA_NONE, RANGE(KIB, ANY_SIZE)),
	S("trash", SCHEMA_TIME, trash_ms, "none",
	  "How long what clients delete or replace is kept, in a directory .coffer-trash beside it. Nobody sees that without "
	  "the right trash; who has it can rename things out of it, and what he deletes there is gone. It counts for quotas.",
	  .flags = SCHEMA_NONE, RANGE(MINUTE, 3650 * DAY)),
	S("versions", SCHEMA_U32, versions, "none",
	  "How many replaced contents of one file are kept there. none: all of them, as long as trash says. Without trash: no "
	  "deleted files, and the versions go with the file.", .flags = SCHEMA_NONE, RANGE(1, 99)),
	{ .key = NULL },
};
/* clang-format on */
