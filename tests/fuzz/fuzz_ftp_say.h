/* SPDX-License-Identifier: ISC */
/* fuzz_ftp_say.h - command lines, as the next bytes of the program want them. */
#ifndef TESTS_FUZZ_FUZZ_FTP_SAY_H
#define TESTS_FUZZ_FUZZ_FTP_SAY_H

#include "tests/fuzz/fuzz_share.h"

#define COMMAND_MAX (VFS_PATH_MAX + 512)

/* Puts one with its end of line; returns its length. */
static inline size_t
make_command(char room[COMMAND_MAX])
{
	static const char *const verbs[] = {
		"RETR",
		"STOR",
		"APPE",
		"STOU",
		"LIST",
		"NLST",
		"MLSD",
		"MLST",
		"STAT",
		"SIZE",
		"MDTM",
		"DELE",
		"MKD",
		"RMD",
		"CWD",
		"RNFR",
		"RNTO",
		"HASH",
		"XCRC",
		"AVBL",
		"COMB",
		"HELP",
		"OPTS",
		"SITE",
		"MFMT 20200101000000",
		"MFF Modify=20200101000000;UNIX.mode=644;",
		"SITE CHMOD 600",
		"SITE CPFR",
		"SITE CPTO",
		"SITE UTIME 20200101000000",
		"SITE SYMLINK",
		"LIST -la",
		"LIST -R",
	};
	static const char *const whole[] = {
		"PASV",
		"EPSV",
		"EPSV",
		"EPSV ALL",
		"ABOR",
		"NOOP",
		"STAT",
		"QUIT",
		"TYPE A",
		"TYPE I",
		"REST 2",
		"REST 99999",
		"RANG 1 2",
		"MODE S",
		"PORT 127,0,0,1,200,1",
		"EPRT |1|127.0.0.1|51201|",
		"FEAT",
		"PWD",
		"CDUP",
		"REIN",
		"USER anna",
		"PASS good",
		"PASS bad",
		"AUTH TLS",
		"PBSZ 0",
		"PROT P",
		"PROT C",
		"CCC",
		"SYST",
		"ALLO 5",
		"OPTS MLST size;type;",
		"OPTS HASH SHA-512",
		"OPTS UTF8 ON",
		"CLNT x",
		"HOST a",
		"\xff\xf4\xff\xf2"
		"ABOR",
		"XCRC \"f\" 0 2",
		"COMB \"a/f\" \"f\" \"/f\"",
		"LANG en",
		"SITE IDLE 5",
		"GET / HTTP/1.1",
	};
	static uint8_t path[VFS_PATH_MAX + 128];
	uint8_t which = byte();
	size_t n, skip = 4; /* the length of a string */
	struct buf b;

	if (which < 0x60)
		return (size_t)snprintf(room, COMMAND_MAX, "%s\r\n",
					whole[which % COUNT_OF(whole)]);
	n = (size_t)snprintf(room, COMMAND_MAX, "%s ", verbs[which % COUNT_OF(verbs)]);
	buf_init(&b, path, sizeof(path));
	put_path(&b);
	skip += byte() & 1; /* relative */
	if (b.end > skip) {
		memcpy(room + n, path + skip, b.end - skip);
		n += b.end - skip;
	}
	room[n++] = '\r';
	room[n++] = '\n';
	return n;
}

#endif
