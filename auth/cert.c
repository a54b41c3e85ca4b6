/* SPDX-License-Identifier: ISC */
/*
 * cert.c - see cert.h. Distrusts: every byte of the certificate until its authority's signature was
 * seen to fit, and afterwards all that it does not understand: an unknown critical option may be a
 * restriction, so it refuses.
 */
#include "auth/cert.h"

#include <errno.h>
#include <string.h>

#include "auth/verify.h"
#include "server/base/net.h"
#include "server/base/text.h"

#define KIND_USER 1
#define SUFFIX "-cert-v01@openssh.com"

/* How many strings the public numbers of a key are. */
static const struct {
	const char *type;
	unsigned int strings;
} types[] = {
	{ "ssh-ed25519", 1 },
	{ "ecdsa-sha2-nistp256", 2 },
	{ "ecdsa-sha2-nistp384", 2 },
	{ "ecdsa-sha2-nistp521", 2 },
	{ "ssh-rsa", 2 },
	{ "sk-ssh-ed25519@openssh.com", 2 },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", 3 },
};

bool
cert_is_name(const char *name)
{
	size_t len = strlen(name), tail = sizeof(SUFFIX) - 1;

	return len > tail && strcmp(name + len - tail, SUFFIX) == 0;
}

int
cert_plain_name(const char *name, char *room, size_t size)
{
	struct text t;

	text_init(&t, room, size);
	if (!cert_is_name(name)) {
		text_puts(&t, name);
	} else {
		text_putn(&t, name, strlen(name) - (sizeof(SUFFIX) - 1));
		if (strncmp(name, "sk-", 3) == 0)
			text_puts(&t, "@openssh.com");
	}
	return t.cut ? -EINVAL : 0;
}

static struct buf
get_inner(struct buf *b)
{
	struct buf inner;
	size_t len = 0;
	const uint8_t *at = buf_get_string(b, &len);

	buf_init_read(&inner, at, at ? len : 0);
	return inner;
}

int
cert_parse(const void *blob, size_t len, struct cert *ret_cert)
{
	unsigned int strings = 0;
	struct cert c = { .kind = 0 };
	char type[64];
	struct text id;
	struct buf b, text;
	size_t ignored;

	buf_init_read(&b, blob, len);
	buf_get_cstring(&b, type, sizeof(type));
	if (b.bad || !cert_is_name(type) || cert_plain_name(type, c.type, sizeof(c.type)) < 0)
		return -EINVAL;
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		if (strcmp(types[i].type, c.type) == 0)
			strings = types[i].strings;
	}
	if (strings == 0)
		return -EINVAL;
	(void)buf_get_string(&b, &ignored); /* a nonce */
	c.key = b;
	while (strings-- > 0)
		(void)buf_get_string(&b, &ignored);
	c.serial = buf_get_u64(&b);
	c.kind = buf_get_u32(&b);
	text = get_inner(&b);
	text_init(&id, c.id, sizeof(c.id));
	text_putn(&id, (const char *)text.at, strnlen((const char *)text.at, text.end));
	c.principals = get_inner(&b);
	c.valid_after = buf_get_u64(&b);
	c.valid_before = buf_get_u64(&b);
	c.critical = get_inner(&b);
	(void)buf_get_string(&b, &ignored); /* extensions permit what is not here */
	(void)buf_get_string(&b, &ignored); /* reserved */
	c.authority = buf_get_string(&b, &c.authority_len);
	c.signed_at = blob;
	c.signed_len = b.pos;
	c.signature = buf_get_string(&b, &c.signature_len);
	if (buf_done(&b) < 0)
		return -EINVAL;
	*ret_cert = c;
	return 0;
}

/* Is the word of len bytes in the list? Without a list: is it the name? */
static bool
is_wanted(const struct cert_question *q, const char *word, size_t len)
{
	const char *list = q->principals ? q->principals : q->name;

	for (;;) {
		size_t n = q->principals ? strcspn(list, ",") : strlen(list);

		if (n == len && len > 0 && memcmp(list, word, len) == 0)
			return true;
		if (list[n] == '\0')
			return false;
		list += n + 1;
	}
}

/* A certificate without principals would be good for everybody: here it is for nobody. */
static const char *
judge_principals(const struct cert *cert, const struct cert_question *q)
{
	struct buf b = cert->principals;

	while (buf_left(&b) > 0) {
		size_t len;
		const uint8_t *word = buf_get_string(&b, &len);

		if (!word)
			return "a malformed list of principals";
		if (is_wanted(q, (const char *)word, len))
			return NULL;
	}
	return "not for this user: principals";
}

/* source-address: networks with commas; each is looked at as a whole. */
static const char *
judge_source(struct buf *data, const struct cert_question *q)
{
	char list[1024], *rest = list, *one;

	buf_get_cstring(data, list, sizeof(list));
	if (buf_done(data) < 0)
		return "a malformed source-address";
	while ((one = strsep(&rest, ",")) != NULL) {
		if (!net_is_network(one))
			return "a malformed source-address";
		if (net_has(one, q->addr))
			return NULL;
	}
	return "not from this address: source-address";
}

static const char *
judge_critical(const struct cert *cert, const struct cert_question *q)
{
	struct buf b = cert->critical;

	while (buf_left(&b) > 0) {
		char name[64];
		struct buf data;
		const char *no;

		buf_get_cstring(&b, name, sizeof(name));
		data = get_inner(&b);
		if (b.bad)
			return "malformed critical options";
		if (strcmp(name, "source-address") != 0)
			return strcmp(name, "force-command") == 0
				   ? "it forces a command, and a file server runs none"
				   : "a critical option that is unknown here";
		no = judge_source(&data, q);
		if (no)
			return no;
	}
	return NULL;
}

static const char *
judge(const struct cert *cert, const struct cert_question *q)
{
	const char *no;

	if (cert->kind != KIND_USER)
		return "not a certificate of a user";
	if (q->now < 0 || (uint64_t)q->now < cert->valid_after)
		return "not valid yet";
	if ((uint64_t)q->now >= cert->valid_before)
		return "expired";
	no = judge_principals(cert, q);
	if (!no)
		no = judge_critical(cert, q);
	if (no)
		return no;
	/* Last, because it is what costs. */
	if (verify_blob_signature(cert->authority, cert->authority_len, cert->signature,
				  cert->signature_len, cert->signed_at, cert->signed_len) < 0)
		return "the authority's signature does not fit";
	return NULL;
}

int
cert_check(const struct cert *cert, const struct cert_question *q, const char **ret_reason)
{
	const char *no = judge(cert, q);

	if (no)
		*ret_reason = no;
	return no ? -EACCES : 0;
}
