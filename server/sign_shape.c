/* SPDX-License-Identifier: ISC */
/*
 * sign_shape.c - what a server signs in a handshake. Pure; used by monitor and by signer, so that
 * neither has to believe the other.
 */
#include "server/sign.h"

#include <string.h>

/* RFC 8446, section 4.4.3: 64 spaces, the label, a 0 byte, and the transcript hash. */
#define TLS13_SPACES 64
static const char tls13_label[] = "TLS 1.3, server CertificateVerify";

static bool
is_tls13(const uint8_t *tbs, size_t len)
{
	size_t head = TLS13_SPACES + sizeof(tls13_label); /* with its 0 */

	if (len != head + 32 && len != head + 48)
		return false;
	for (size_t i = 0; i < TLS13_SPACES; i++)
		if (tbs[i] != ' ')
			return false;
	return memcmp(tbs + TLS13_SPACES, tls13_label, sizeof(tls13_label)) == 0;
}

/*
 * RFC 8422, section 5.4: client random, server random, curve_type named_curve (3), the curve, and a
 * point with its length. Only the groups that we offer.
 */
static bool
is_tls12(const uint8_t *tbs, size_t len)
{
	static const struct {
		uint8_t curve[2];
		uint8_t point_len;
	} curves[] = {
		{ { 0x00, 0x1d }, 32 },	 /* x25519 */
		{ { 0x00, 0x17 }, 65 },	 /* secp256r1 */
		{ { 0x00, 0x18 }, 97 },	 /* secp384r1 */
		{ { 0x00, 0x19 }, 133 }, /* secp521r1 */
		{ { 0x00, 0x1e }, 56 },	 /* x448 */
	};

	if (len < 68 || tbs[64] != 3 || len != 68u + tbs[67])
		return false;
	for (size_t i = 0; i < COUNT_OF(curves); i++)
		if (memcmp(tbs + 65, curves[i].curve, 2) == 0 && tbs[67] == curves[i].point_len)
			return true;
	return false;
}

bool
sign_shape_ok(enum sign_purpose purpose, const uint8_t *tbs, size_t len)
{
	switch (purpose) {
	case SIGN_SSH:
		return len == 32 || len == 48 || len == 64;
	case SIGN_TLS:
		return is_tls13(tbs, len) || is_tls12(tbs, len);
	default:
		return false;
	}
}
