/* SPDX-License-Identifier: ISC */
/*
 * tls_judge.c - would clients believe these certificates? Dates, chains and names, before they are
 * used in place of others. Runs in the listener.
 */
#include "protocols/tls/tls_in.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "server/base/text.h"

struct judge {
	const struct tls_pair *pair;
	conf_complain_fn *complain;
	void *ctx;
	unsigned int errors;
};

static void
say(struct judge *j, bool error, const char *who, const char *what)
{
	char room[1024];
	struct text t;

	text_init(&t, room, sizeof(room));
	text_printf(&t, "%s%s: %s %s", error ? "" : "warning: ", j->pair->file, who, what);
	j->complain(j->ctx, &j->pair->place, room);
	j->errors += error;
}

static void
judge_dates(struct judge *j, const X509 *cert, const char *whose)
{
	if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
		say(j, true, whose, "is not valid yet");
	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
		say(j, true, whose, "has expired");
}

/* Each must be signed by the one behind it. */
static void
judge_chain(struct judge *j)
{
	X509 *cert = j->pair->leaf, *issuer;

	for (int i = 0; i < sk_X509_num(j->pair->chain); i++, cert = issuer) {
		issuer = sk_X509_value(j->pair->chain, i);
		judge_dates(j, issuer, "a certificate of the chain");
		if (X509_check_issued(issuer, cert) == X509_V_OK &&
		    X509_verify(cert, X509_get0_pubkey(issuer)) == 1)
			continue;
		say(j, true, "the chain",
		    "is broken: each certificate must be followed by that of its issuer");
		ERR_clear_error();
		return;
	}
}

/* An authority of the world says where to fetch its own certificate; clients rarely do. */
static void
judge_completeness(struct judge *j)
{
	if (sk_X509_num(j->pair->chain) > 0 ||
	    X509_check_issued(j->pair->leaf, j->pair->leaf) == X509_V_OK)
		return;
	if (X509_get_ext_by_NID(j->pair->leaf, NID_info_access, -1) >= 0)
		say(j, true, "the chain",
		    "is missing: put the issuer's certificate behind the server's own (certbot "
		    "calls that file fullchain.pem)");
}

static void
judge_names(struct judge *j)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(j->pair->leaf, NID_subject_alt_name, NULL, NULL);

	if (!names)
		say(j, false, "the certificate",
		    "has no names (subjectAltName), so most clients will refuse it");
	GENERAL_NAMES_free(names);
}

static bool
has(const struct tls_server *ts, const X509 *leaf)
{
	for (size_t i = 0; ts && i < ts->pair_count; i++)
		if (X509_cmp(ts->pairs[i].leaf, leaf) == 0)
			return true;
	return false;
}

int
tls_server_judge(const struct tls_server *ts, const struct tls_server *old,
		 conf_complain_fn *complain, void *ctx)
{
	struct judge j = { .complain = complain, .ctx = ctx };

	for (size_t i = 0; i < ts->pair_count; i++) {
		j.pair = &ts->pairs[i];
		if (has(old, j.pair->leaf))
			continue;
		judge_dates(&j, j.pair->leaf, "the certificate");
		judge_chain(&j);
		judge_completeness(&j);
		judge_names(&j);
	}
	return j.errors > 0 ? -EINVAL : 0;
}

/* A name as text, for X509_check_host. False for kinds that clients of ours do not ask for. */
static bool
name_text(const GENERAL_NAME *name, char *room, size_t size)
{
	const ASN1_STRING *dns;
	struct text t;

	if (name->type != GEN_DNS)
		return false;
	dns = name->d.dNSName;
	text_init(&t, room, size);
	text_putn(&t, (const char *)ASN1_STRING_get0_data(dns), (size_t)ASN1_STRING_length(dns));
	return !t.cut;
}

/* "*.example.org" stands for any one name below; X509_check_host wants one of those. */
static bool
still_there(const struct tls_server *ts, char *name)
{
	if (name[0] == '*')
		name[0] = 'x';
	return tls_name_is_served(ts, name);
}

bool
tls_server_keeps_names(const struct tls_server *old, const struct tls_server *now, char *ret_lost,
		       size_t size)
{
	bool keeps = true;

	for (size_t i = 0; i < old->pair_count && keeps; i++) {
		GENERAL_NAMES *names =
		    X509_get_ext_d2i(old->pairs[i].leaf, NID_subject_alt_name, NULL, NULL);

		for (int k = 0; k < sk_GENERAL_NAME_num(names) && keeps; k++)
			if (name_text(sk_GENERAL_NAME_value(names, k), ret_lost, size))
				keeps = still_there(now, ret_lost);
		GENERAL_NAMES_free(names);
	}
	return keeps;
}

bool
tls_server_expires(const struct tls_server *ts, int within_days, int *ret_days,
		   const char **ret_file)
{
	bool any = false;

	for (size_t i = 0; i < ts->pair_count; i++) {
		int days = 0, seconds = 0;

		if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(ts->pairs[i].leaf)) !=
			1 ||
		    (days -= seconds < 0) >= within_days || (any && days >= *ret_days))
			continue;
		*ret_days = days;
		*ret_file = ts->pairs[i].file;
		any = true;
	}
	return any;
}
