/* SPDX-License-Identifier: ISC */
/* own.c - a ring of the things that this session made. */
#include "server/vfs/own.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is known of a file that stays the same as long as it is that one. */
static bool
find_key(int dir, const char *name, struct own_key *ret_key)
{
	struct statx st;

	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH),
		  STATX_INO | STATX_UID | STATX_BTIME, &st) < 0)
		return false;
	memset(ret_key, 0, sizeof(*ret_key));
	ret_key->ino = st.stx_ino;
	ret_key->dev_major = st.stx_dev_major;
	ret_key->dev_minor = st.stx_dev_minor;
	if (st.stx_mask & STATX_BTIME) {
		ret_key->born_s = st.stx_btime.tv_sec;
		ret_key->born_ns = st.stx_btime.tv_nsec;
	} else {
		ret_key->uid = st.stx_uid;
	}
	return true;
}

static const struct own_key *
find(const struct own *own, const struct own_key *key)
{
	for (unsigned int i = 0; i < own->count; i++) {
		const struct own_key *have = &own->keys[i];

		if (have->ino == key->ino && have->dev_major == key->dev_major &&
		    have->dev_minor == key->dev_minor && have->born_s == key->born_s &&
		    have->born_ns == key->born_ns && have->uid == key->uid)
			return have;
	}
	return NULL;
}

void
own_add(struct own *own, int dir, const char *name, bool made)
{
	struct own_key key;

	if (!find_key(dir, name, &key) || find(own, &key))
		return;
	key.made = made;
	if (!own->keys)
		own->keys = mem_new(OWN_MAX, sizeof(*own->keys));
	own->keys[own->next] = key;
	own->next = (own->next + 1) % OWN_MAX;
	if (own->count < OWN_MAX)
		own->count++;
}

bool
own_has(const struct own *own, int dir, const char *name)
{
	const struct own_key *have;
	struct own_key key;

	if (own->count == 0 || !find_key(dir, name, &key))
		return false;
	have = find(own, &key);
	return have && have->made;
}

bool
own_wrote(const struct own *own, int dir, const char *name)
{
	struct own_key key;

	return own->count > 0 && find_key(dir, name, &key) && find(own, &key);
}

void
own_clear(struct own *own)
{
	free(own->keys);
	own->keys = NULL;
	own->next = own->count = 0;
}
