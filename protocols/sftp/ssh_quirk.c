/* SPDX-License-Identifier: ISC */
/*
 * ssh_quirk.c - see ssh_quirk.h. Owns: the table. Each row has its line in
 * tests/e2e/test_sftp_quirks.py, which looks at what such a client is really offered.
 */
#include "protocols/sftp/ssh_quirk.h"

#include <fnmatch.h>
#include <string.h>

#include "server/base/mem.h"

/* RFC 4253, 4.2. */
#define LINE_MAX_BYTES 255

static const struct {
	const char *pattern; /* fnmatch(3), of what stands behind "SSH-2.0-" */
	unsigned int quirks;
} rows[] = {
	/* Encrypt-then-MAC came with 1.11: curl of Debian 12 has 1.10. */
	{ "libssh2_1.[0-9].*", SSH_QUIRK_PLAIN_MACS },
	{ "libssh2_1.10.*", SSH_QUIRK_PLAIN_MACS },
	/* The original JSch; its successor says JSCH_0.2. */
	{ "JSCH[-_]0.1.*", SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_OLD_KEX | SSH_QUIRK_ECDSA_HOST },
	/* SSH.NET before its year versions. */
	{ "Renci.SshNet.SshClient.0.*",
	  SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_OLD_KEX | SSH_QUIRK_ECDSA_HOST },
	{ "SSHJ_0.*", SSH_QUIRK_PLAIN_MACS },
	{ "phpseclib_*", SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_LINK_FIRST },
	{ "Twisted*", SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_OLD_KEX | SSH_QUIRK_LINK_FIRST },
	{ "Ganymed*", SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_OLD_KEX | SSH_QUIRK_ECDSA_HOST },
	{ "Trilead*", SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_OLD_KEX | SSH_QUIRK_ECDSA_HOST },
	{ "paramiko_1.*", SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_OLD_KEX | SSH_QUIRK_ECDSA_HOST },
	{ "paramiko_2.[0-4].*", SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_OLD_KEX | SSH_QUIRK_ECDSA_HOST },
	{ "SSHD-CORE-*", SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_OLD_KEX | SSH_QUIRK_ECDSA_HOST },
	{ "APACHE-SSHD-1.*", SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_OLD_KEX | SSH_QUIRK_ECDSA_HOST },
	/* node's ssh2 before 1.0, by the name of its ssh2-streams. */
	{ "ssh2js0.*", SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_OLD_KEX | SSH_QUIRK_ECDSA_HOST },
	{ "Ruby/Net::SSH_*", SSH_QUIRK_OLD_KEX },
	{ "Ruby/Net::SSH_[2-4].*", SSH_QUIRK_PLAIN_MACS | SSH_QUIRK_ECDSA_HOST },
	/* As Debian 12 has it: with strict key exchange came that nothing waits any more. */
	{ "AsyncSSH_2.10.*", SSH_QUIRK_TALKS_ON },
	/* They look at the server's name, and follow the draft where it is not OpenSSH. */
	{ "AsyncSSH_*", SSH_QUIRK_LINK_FIRST },
	{ "libssh[-_][0-9]*", SSH_QUIRK_LINK_FIRST },
	{ "ssh2js*", SSH_QUIRK_LINK_FIRST },
	{ "WinSCP*", SSH_QUIRK_LINK_FIRST },
	/* They follow the draft everywhere. */
	{ "Erlang/*", SSH_QUIRK_LINK_FIRST },
};

unsigned int
ssh_quirks(const void *line, size_t len)
{
	static const char protocol[] = "SSH-2.0-";
	const size_t head = sizeof(protocol) - 1;
	char name[LINE_MAX_BYTES + 1];
	unsigned int quirks = 0;
	size_t n;

	if (len < head || len > LINE_MAX_BYTES || memcmp(line, protocol, head) != 0)
		return 0;
	memcpy(name, (const char *)line + head, len - head);
	name[len - head] = '\0';
	n = strcspn(name, "\r\n");
	name[n] = '\0';
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (fnmatch(rows[i].pattern, name, 0) == 0)
			quirks |= rows[i].quirks;
	}
	return quirks;
}
