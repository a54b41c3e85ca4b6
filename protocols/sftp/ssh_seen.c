/* SPDX-License-Identifier: ISC */
/*
 * ssh_seen.c - listens to libssh's log during a login. libssh drops a request whose key it does not
 * know, or whose signature is wrong, without any answer, and the client would wait for ever; its
 * log is the only sign that there was one. It also tells by which algorithm a signature was made,
 * and of what type and how large each packet was: libssh hands passwords on as C strings, so that
 * what stands behind a 0 byte would go unseen, and keys without the algorithm that was named. All
 * these texts are the same from 0.10 to 0.12; were one ever missing, such a client would wait for
 * its deadline, an RSA key would be said to sign by rsa-sha2-256, every password would be refused,
 * a key be said to be fine for any algorithm, and what does not belong into a key exchange would be
 * met by libssh's own rules alone.
 */
#include <string.h>

#include "protocols/sftp/ssh_local.h"

/* The level at which libssh says these things. */
#define WATCHED_LEVEL 4

static struct ssh_seen seen;
static bool seen_keys;

/* Messages that may come before the first keys are in use (RFC 4253, 7.1 and section 12). */
#define MSG_DISCONNECT 1
#define MSG_DEBUG 4
#define MSG_KEXINIT 20
#define MSG_NEWKEYS 21
#define MSG_KEX_INIT 30

/*
 * libssh answers a message that is none of these with UNIMPLEMENTED, and ends the connection at
 * NEWKEYS only, when strict key exchange was agreed on. text: "NUMBER [...". NEWKEYS is the last.
 */
static void
watch_exchange(const char *text)
{
	unsigned int type = 0;

	for (; *text >= '0' && *text <= '9' && type < 1000; text++)
		type = 10 * type + (unsigned int)(*text - '0');
	if (type == MSG_NEWKEYS)
		seen_keys = true;
	else if (!seen_keys && type != MSG_KEXINIT && type != MSG_KEX_INIT &&
		 (type < MSG_DISCONNECT || type > MSG_DEBUG))
		seen.stray = true;
}

/* "...,payload=NUMBER]". 0: it does not say. */
static uint32_t
payload_of(const char *text)
{
	static const char name[] = "payload=";
	const char *at = strstr(text, name);
	uint32_t n = 0;

	for (at = at ? at + sizeof(name) - 1 : ""; *at >= '0' && *at <= '9' && n < 10000000; at++)
		n = 10 * n + (uint32_t)(*at - '0');
	return n;
}

static void
watch_log(int priority, const char *function, const char *buffer, void *userdata)
{
	static const char request[] = "Auth request for service ";
	static const char gssapi[] = "ssh-connection, method gssapi-with-mic for user '";
	static const char answers[] = "kbdint: ";
	static const char verify[] = "Going to verify a ";
	static const char read[] = "packet: read type ";
	static const char password[] = "ssh-connection, method password for user '";
	static const char key[] = "ssh-connection, method publickey for user '";
	const char *text = strstr(buffer, ": ");
	static uint32_t payload;
	size_t n;

	(void)priority;
	(void)userdata;
	if (!text)
		return;
	text += 2;
	if (strcmp(function, "ssh_packet_userauth_request") == 0 &&
	    strncmp(text, request, sizeof(request) - 1) == 0) {
		text += sizeof(request) - 1;
		/* GSSAPI is refused by libssh itself, which does answer that. */
		if (strncmp(text, gssapi, sizeof(gssapi) - 1) != 0)
			seen.requests++;
		if (strncmp(text, password, sizeof(password) - 1) == 0)
			seen.password_bytes[seen.passwords++ % SSH_SEEN_PASSWORDS] = payload;
		if (strncmp(text, key, sizeof(key) - 1) == 0)
			seen.key_bytes[seen.keys++ % SSH_SEEN_KEYS] = payload;
	} else if (strcmp(function, "ssh_packet_userauth_info_response") == 0 &&
		   strncmp(text, answers, sizeof(answers) - 1) == 0) {
		seen.answers++;
		seen.answers_bytes = payload;
	} else if (strncmp(text, read, sizeof(read) - 1) == 0) {
		payload = payload_of(text);
		watch_exchange(text + sizeof(read) - 1);
	} else if (strncmp(text, verify, sizeof(verify) - 1) == 0) {
		text += sizeof(verify) - 1;
		n = strcspn(text, " ");
		if (n < sizeof(seen.signature)) {
			memcpy(seen.signature, text, n);
			seen.signature[n] = 0;
		}
	}
}

const struct ssh_seen *
ssh_seen_start(void)
{
	memset(&seen, 0, sizeof(seen));
	seen_keys = false;
	(void)ssh_set_log_callback(watch_log);
	(void)ssh_set_log_level(WATCHED_LEVEL);
	return &seen;
}

void
ssh_seen_stop(void)
{
	(void)ssh_set_log_level(0);
}
