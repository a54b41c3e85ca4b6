/* SPDX-License-Identifier: ISC */
/*
 * ssh_quirk.h - what known clients need that others do not, by the name that they give themselves.
 */
#ifndef PROTOCOLS_SFTP_SSH_QUIRK_H
#define PROTOCOLS_SFTP_SSH_QUIRK_H

#include <stddef.h>

enum ssh_quirk {
	/* It has no encrypt-then-MAC mode: policy `modern` offers it hmac-sha2-256 and -512 too. */
	SSH_QUIRK_PLAIN_MACS = 1,
	/*
	 * No Curve25519 (Ruby: without one more gem) and no group of 4096 bits: the NIST curves and
	 * group 14 too.
	 */
	SSH_QUIRK_OLD_KEX = 2,
	/* No Ed25519, and RSA with SHA-1 only: an ECDSA host key too, when there is one. */
	SSH_QUIRK_ECDSA_HOST = 4,
	/* It goes on sending data while keys are exchanged: that has to wait until it is silent. */
	SSH_QUIRK_TALKS_ON = 8,
	/*
	 * In SYMLINK it puts the link's own path in front of the target, as the draft has it:
	 * always, or with servers that are not named OpenSSH.
	 */
	SSH_QUIRK_LINK_FIRST = 16,
};

/*
 * The quirks of a client: bits. line is its version line as it came (RFC 4253, 4.2), with or
 * without its end. A client that stands in the table in vain is only offered more, but for its
 * symbolic links.
 */
unsigned int ssh_quirks(const void *line, size_t len);

#endif
