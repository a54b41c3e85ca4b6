/* SPDX-License-Identifier: ISC */
/*
 * certs.c - watches the files of tls.certificates. Owns: what they looked like when they were read.
 *
 * By looking at them again and again, and not by inotify: what changes is often a symbolic link or
 * a directory above, or lies on a filesystem that tells nobody. A change counts when it was the
 * same twice, so that certificate and key, which are written one after the other, are read
 * together.
 */
#include "server/certs.h"

#include <string.h>
#include <sys/stat.h>

#include "protocols/tls/tls.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/reload.h"

#define WARN_DAYS 30
#define DAY_MS ((uint64_t)24 * 3600 * 1000)

/* All files at one time, as one number: who can choose what it hashes to can write the files. */
static struct {
	uint64_t read, pending;
	uint64_t next_ms, warn_ms;
} us;

static uint64_t
add(uint64_t sum, uint64_t value)
{
	for (int i = 0; i < 64; i += 8)
		sum = (sum ^ (value >> i & 0xff)) * 0x100000001b3u;
	return sum;
}

static uint64_t
add_file(uint64_t sum, const char *file)
{
	struct stat st;

	if (stat(file, &st) < 0)
		return add(sum, 0);
	sum = add(add(sum, st.st_dev), st.st_ino);
	sum = add(add(sum, (uint64_t)st.st_size), st.st_mode);
	sum = add(add(sum, (uint64_t)st.st_mtim.tv_sec), (uint64_t)st.st_mtim.tv_nsec);
	return add(add(sum, (uint64_t)st.st_ctim.tv_sec), (uint64_t)st.st_ctim.tv_nsec);
}

static uint64_t
look(const struct conf *conf)
{
	uint64_t sum = 0xcbf29ce484222325u;

	for (size_t i = 0; i < conf->tls.certificate_count; i++) {
		sum = add_file(sum, conf->tls.certificates[i].certificate);
		sum = add_file(sum, conf->tls.certificates[i].key);
	}
	if (conf->tls.client_ca)
		sum = add_file(sum, conf->tls.client_ca);
	if (conf->tls.client_crl)
		sum = add_file(sum, conf->tls.client_crl);
	return sum;
}

void
certs_note(const struct conf *conf)
{
	us.read = us.pending = look(conf);
}

uint64_t
certs_deadline(const struct listener *l)
{
	if (l->conf->tls.check_files_ms == 0 || l->conf->tls.certificate_count == 0)
		return CLOCK_NEVER;
	return us.next_ms;
}

void
certs_warn(const struct listener *l)
{
	struct log_value file;
	const char *name;
	int days;

	us.warn_ms = clock_ms() + DAY_MS;
	if (!tls_server_expires(l->servers.tls, WARN_DAYS, &days, &name))
		return;
	if (days < 0)
		log_error("certificate-expired", "file=%s days_ago=%d", log_q(&file, name), -days);
	else
		log_warn("certificate-expires", "file=%s days=%d", log_q(&file, name), days);
}

void
certs_look(struct listener *l)
{
	uint64_t now;

	us.next_ms = clock_after(l->conf->tls.check_files_ms);
	if (clock_ms() >= us.warn_ms)
		certs_warn(l);
	now = look(l->conf);
	if (now == us.read)
		return;
	if (now == us.pending && reload_certificates(l))
		us.read = now;
	us.pending = now;
}
