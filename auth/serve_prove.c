/* SPDX-License-Identifier: ISC */
/*
 * serve_prove.c - one factor after the other. What was right stays with the account it named, and
 * every further factor must name the same one.
 */
#include "auth/serve_in.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "auth/factor.h"
#include "auth/totp.h"
#include "auth/users.h"
#include "auth/verify.h"

uint32_t
serve_missing(const struct auth_serve *s)
{
	const struct policy_case c = serve_case(s);

	if (!s->have)
		return policy_first_factors(&c);
	return factor_missing(policy_factors(&c, &s->account), s->have);
}

/* Of what is missing, what to ask for. */
static uint32_t
next_factors(const struct auth_serve *s)
{
	const struct policy_case c = serve_case(s);

	if (!s->have)
		return policy_first_factors(&c);
	return factor_next(policy_factors(&c, &s->account), s->have);
}

bool
serve_enough(const struct auth_serve *s)
{
	const struct policy_case c = serve_case(s);

	return factor_enough(policy_factors(&c, &s->account), s->have);
}

/* It is known who it is now. Is this a way in for him? */
static bool
is_wanted(const struct auth_serve *s, enum factor factor)
{
	const struct policy_case c = serve_case(s);

	return factor_missing(policy_factors(&c, &s->account), s->have) & factor;
}

/*
 * Runs the check of one factor. It fills s->account, which must be the one that the factors before
 * it named; when it fails, they still stand.
 */
static int
prove(struct auth_serve *s, enum factor factor, int (*check)(struct auth_serve *s, struct proof *p),
      struct proof *p)
{
	struct account before = s->account;
	struct pam_login *pam = s->pam;
	int err;

	if (!(serve_missing(s) & factor)) {
		s->reason = "auth.factors does not want this factor here";
		return -EACCES;
	}
	if (s->have)
		memset(&s->account, 0, sizeof(s->account));
	err = check(s, p);
	if (s->have && err == 0 &&
	    (strcmp(before.name, s->account.name) != 0 || before.uid != s->account.uid)) {
		s->reason = "two factors name two accounts";
		err = -EACCES;
	}
	if (err == 0 && !is_wanted(s, factor)) {
		s->reason = "auth.rules do not want this factor of him";
		err = -EACCES;
	}
	if (err < 0 && s->pam != pam) { /* it was about this factor, which counts for nothing */
		pam_login_free(s->pam);
		s->pam = pam;
	}
	if (s->have && err < 0) {
		account_clear(&s->account);
		s->account = before;
	} else if (s->have) {
		account_clear(&before);
	}
	if (err == 0)
		s->have |= factor;
	return err;
}

static int
weigh_password(struct auth_serve *s, struct proof *p)
{
	return serve_check_password(s, p->name, p->password);
}

/* The code of the account that the factors before it named. */
static int
check_code(struct auth_serve *s, const char *code)
{
	const char *file = s->conf->auth.users_file;
	uint8_t secret[TOTP_SECRET_MAX];
	uint64_t step;
	char text[128];
	size_t len;
	int err;

	if (!(serve_missing(s) & FACTOR_CODE)) {
		s->reason = "auth.factors does not want a code here";
		return -EACCES;
	}
	s->reason = "no secret for one-time codes";
	err = file ? users_totp(file, s->account.name, text, sizeof(text)) : -ENOENT;
	if (err == 0)
		err = totp_secret(text, secret, &len);
	if (err == 0) {
		s->reason = "wrong code";
		err = totp_check(secret, len, code, (uint64_t)time(NULL), &step);
	}
	mem_wipe(text, sizeof(text));
	mem_wipe(secret, sizeof(secret));
	if (err == -EACCES && s->host->use_code)
		(void)s->host->use_code(s->host->ctx, s->account.name, 0); /* counted there */
	if (err == 0 &&
	    (!s->host->use_code || !s->host->use_code(s->host->ctx, s->account.name, step))) {
		s->reason = "this code was used already, or too many were wrong";
		err = -EACCES;
	}
	if (err == 0)
		s->have |= FACTOR_CODE;
	return err;
}

static int
ask_code(struct auth_serve *s)
{
	char code[AUTH_PASSWORD_MAX];
	int err = serve_ask(s, "Verification code: ", code, sizeof(code));

	if (err == 0)
		err = check_code(s, code);
	mem_wipe(code, sizeof(code));
	return err;
}

/* Does the signature prove the key on this very connection? Nothing that wire says decides. */
static int
check_signature(struct auth_serve *s, const char *user, const struct keys_question *key,
		const uint8_t *signature, size_t len)
{
	struct verify_question q = { .user = user,
				     .algorithm = key->algorithm,
				     .blob = key->blob,
				     .blob_len = key->blob_len,
				     .signature = signature,
				     .signature_len = len };
	uint8_t blob[2200];
	const uint8_t *spki;
	size_t spki_len;

	q.session_id = s->host->session_id(s->host->ctx, &q.session_id_len);
	spki = s->host->host_key ? s->host->host_key(s->host->ctx, &spki_len) : NULL;
	if (spki && verify_blob(spki, spki_len, blob, sizeof(blob), &q.host_key_len) == 0)
		q.host_key = blob;
	s->reason = "the signature does not fit the key";
	return verify_signature(&q);
}

/* Only the shape: whether it is the right one is for check_code(). */
static bool
is_code(const char *line)
{
	return strlen(line) == TOTP_DIGITS && strspn(line, "0123456789") == TOTP_DIGITS;
}

/*
 * What one line of FTPS must hold for this name: that decides where a password ends, so it must be
 * known before it is weighed, and it is weighed as one thing only. The code alone, where it is all
 * that is missing behind a certificate; beside alternatives with a password, if the line looks like
 * one. A name that nobody has is treated like one without rules. 0: no line is enough.
 */
static uint32_t
line_factors(struct auth_serve *s, const char *user, const char *line)
{
	static const uint32_t lines[] = { FACTOR_CODE, FACTOR_PASSWORD,
					  FACTOR_PASSWORD | FACTOR_CODE };
	const struct policy_case c = serve_case(s);
	struct account claimed = { 0 };
	const struct conf_list *factors;
	uint32_t found = 0;
	bool may_be_code;

	ignore_result(serve_look_up(s, user, &claimed));
	factors = policy_factors(&c, &claimed);
	may_be_code = is_code(line) || !(factor_missing(factors, s->have) & FACTOR_PASSWORD);
	for (size_t i = may_be_code ? 0 : 1; i < COUNT_OF(lines) && !found; i++)
		if (factor_enough(factors, s->have | lines[i]))
			found = lines[i];
	account_clear(&claimed);
	return found;
}

int
serve_prove_line(struct auth_serve *s, const char *user, char *password)
{
	struct proof p = { .name = user, .password = password };
	char code[TOTP_DIGITS + 1] = "";
	size_t len = strlen(password);
	int err;

	switch (line_factors(s, user, password)) {
	case FACTOR_CODE: /* of the account that the certificate named */
		return check_code(s, password);
	case FACTOR_PASSWORD:
		return prove(s, FACTOR_PASSWORD, weigh_password, &p);
	case FACTOR_PASSWORD | FACTOR_CODE:
		break;
	default:
		s->reason = "nothing that FTPS can bring is enough for him";
		return -EACCES;
	}
	if (len >= TOTP_DIGITS) {
		memcpy(code, password + len - TOTP_DIGITS, sizeof(code));
		mem_wipe(password + len - TOTP_DIGITS, TOTP_DIGITS);
	}
	err = prove(s, FACTOR_PASSWORD, weigh_password, &p);
	if (err == 0)
		err = check_code(s, code);
	if (err < 0)
		s->have = 0; /* there is no half of a line */
	mem_wipe(code, sizeof(code));
	return err;
}

/* Without a signature: is it a key of his at all? */
static int
weigh_key(struct auth_serve *s, struct proof *p)
{
	int err = serve_check_key(s, p->name, p->key);

	if (err == 0 && p->signature_len > 0)
		err = check_signature(s, p->name, p->key, p->signature, p->signature_len);
	return err;
}

int
serve_prove_password(struct auth_serve *s, struct proof *p)
{
	return prove(s, FACTOR_PASSWORD, weigh_password, p);
}

int
serve_prove_key(struct auth_serve *s, struct proof *p)
{
	return prove(s, FACTOR_KEY, weigh_key, p);
}

static int
weigh_certificate(struct auth_serve *s, struct proof *p)
{
	return serve_check_certificate(s, p->name);
}

int
serve_prove_certificate(struct auth_serve *s, struct proof *p)
{
	return prove(s, FACTOR_CERTIFICATE, weigh_certificate, p);
}

int
serve_prove_asking(struct auth_serve *s, struct proof *p)
{
	uint32_t next = next_factors(s);
	int err = 0;

	if (!(next & (FACTOR_PASSWORD | FACTOR_CODE))) {
		s->reason = "auth.factors wants nothing that can be asked for";
		return -EACCES;
	}
	if (!(next & FACTOR_PASSWORD))
		return ask_code(s);
	err = serve_prove_password(s, p);
	/* The code in the same conversation, when nothing else could come next. */
	if (err == 0 && !serve_enough(s) && next_factors(s) == FACTOR_CODE)
		err = ask_code(s);
	return err;
}
