/* SPDX-License-Identifier: ISC */
/*
 * sftp_packet.h - SFTP version 3 (draft-ietf-secsh-filexfer-02) between bytes and structs. No
 * files, no sockets, no state: what comes in is a stranger's, and this is where it becomes
 * harmless.
 *
 * A packet on the wire: u32 length, u8 type, and except for INIT u32 id; then fields.
 */
#ifndef PROTOCOLS_SFTP_SFTP_PACKET_H
#define PROTOCOLS_SFTP_SFTP_PACKET_H

#include <stdint.h>

#include "server/base/buf.h"
#include "server/vfs/vfs.h"

#define SFTP_VERSION 3

/*
 * Bytes behind the length of a packet that a client may send: as much as OpenSSH takes, and a bit.
 */
#define SFTP_PACKET_MAX (256u * 1024u + 1024u)
/* What limits@openssh.com announces: with it sftp(1) sends requests of 255 KiB. */
#define SFTP_PACKET_LIMIT (256u * 1024u)
#define SFTP_DATA_MAX (SFTP_PACKET_LIMIT - 1024u)
/* Bytes in front of the data of a DATA packet: length, type, id, length of the data. */
#define SFTP_DATA_HEAD 13u
/* Bytes of a handle of ours. */
#define SFTP_HANDLE_BYTES 8u

enum sftp_status {
	SFTP_OK,
	SFTP_EOF,
	SFTP_NO_SUCH_FILE,
	SFTP_PERMISSION_DENIED,
	SFTP_FAILURE,
	SFTP_BAD_MESSAGE,
	SFTP_NO_CONNECTION,
	SFTP_CONNECTION_LOST,
	SFTP_OP_UNSUPPORTED,
};

enum sftp_op {
	SFTP_OP_UNKNOWN,
	SFTP_OP_INIT,
	SFTP_OP_OPEN,
	SFTP_OP_CLOSE,
	SFTP_OP_READ,
	SFTP_OP_WRITE,
	SFTP_OP_LSTAT,
	SFTP_OP_FSTAT,
	SFTP_OP_SETSTAT,
	SFTP_OP_FSETSTAT,
	SFTP_OP_OPENDIR,
	SFTP_OP_READDIR,
	SFTP_OP_REMOVE,
	SFTP_OP_MKDIR,
	SFTP_OP_RMDIR,
	SFTP_OP_REALPATH,
	SFTP_OP_STAT,
	SFTP_OP_RENAME,
	SFTP_OP_READLINK,
	SFTP_OP_SYMLINK,
	/* SSH_FXP_EXTENDED, by name */
	SFTP_OP_POSIX_RENAME,
	SFTP_OP_STATVFS,
	SFTP_OP_FSTATVFS,
	SFTP_OP_HARDLINK,
	SFTP_OP_FSYNC,
	SFTP_OP_LSETSTAT,
	SFTP_OP_LIMITS,
	SFTP_OP_EXPAND_PATH,
	SFTP_OP_COPY_DATA,
	SFTP_OP_HOME_DIRECTORY,
	SFTP_OP_USERS_GROUPS,
	SFTP_OP_SPACE_AVAILABLE,
	SFTP_OP_VENDOR_ID,
	SFTP_OP_CHECK_FILE_NAME,
	SFTP_OP_CHECK_FILE_HANDLE,
	SFTP_OP_COUNT,
};

/* Flags of OPEN. */
enum sftp_open {
	SFTP_OPEN_READ = 0x01,
	SFTP_OPEN_WRITE = 0x02,
	SFTP_OPEN_APPEND = 0x04,
	SFTP_OPEN_CREAT = 0x08,
	SFTP_OPEN_TRUNC = 0x10,
	SFTP_OPEN_EXCL = 0x20,
};

/* Flags of attributes. */
enum sftp_attr {
	SFTP_ATTR_SIZE = 0x01,
	SFTP_ATTR_UIDGID = 0x02,
	SFTP_ATTR_PERMISSIONS = 0x04,
	SFTP_ATTR_TIMES = 0x08,
};

struct sftp_attrs {
	uint32_t flags; /* enum sftp_attr: what is there */
	uint64_t size;
	uint32_t uid, gid, mode, atime, mtime;
};

/* A string inside the packet, not ended by a 0. */
struct sftp_bytes {
	const uint8_t *at;
	size_t len;
};

/* One request. Fields of one kind stand in the order in which they came. */
struct sftp_request {
	enum sftp_op op;
	uint32_t id; /* INIT: the client's version */
	struct sftp_bytes string[3];
	uint64_t wide[3];
	uint32_t number;
	struct sftp_attrs attrs;
};

/*
 * How large is the packet that begins at at? Returns 0 and its size with the length field; -EAGAIN
 * when not even the length is there; -EMSGSIZE when it is longer than a packet may be, or empty.
 */
int sftp_packet_size(const void *at, size_t len, size_t *ret_size) MUST_CHECK;

/*
 * Takes a whole packet apart; what stands behind its fields is ignored. Returns 0; -EBADMSG when
 * its fields do not fit (ret_request->id can be answered); -EPROTO when it has not even an id.
 */
int sftp_packet_decode(const void *at, size_t size, struct sftp_request *ret_request) MUST_CHECK;

/*
 * s as a C string in room. Returns 0; -ENAMETOOLONG; -EINVAL when it holds a 0 byte.
 */
int sftp_packet_text(const struct sftp_bytes *s, char *room, size_t size) MUST_CHECK;

/*
 * A reply is begun, filled by buf_put_*, and ended, which writes its length. Returns where it
 * began, for the end.
 */
size_t sftp_reply_begin(struct buf *b, uint8_t type, uint32_t id);
void sftp_reply_end(struct buf *b, size_t began);

/* Types of replies. */
#define SFTP_REPLY_VERSION 2
#define SFTP_REPLY_STATUS 101
#define SFTP_REPLY_HANDLE 102
#define SFTP_REPLY_DATA 103
#define SFTP_REPLY_NAME 104
#define SFTP_REPLY_ATTRS 105
#define SFTP_REPLY_EXTENDED 201

void sftp_put_status(struct buf *b, uint32_t id, enum sftp_status status, const char *text);
/* The 13 bytes in front of len bytes of data. */
void sftp_put_data_head(uint8_t *at, uint32_t id, uint32_t len);
/* Attributes (draft section 5), inside a reply; attr NULL: none. */
void sftp_put_attrs(struct buf *b, const struct vfs_attr *attr);

#endif
