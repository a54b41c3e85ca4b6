/* SPDX-License-Identifier: ISC */
/*
 * vfs_question.h - one question of vfs.h, from its bytes to its answer. How questions come and
 * answers leave is vfs_serve.c's.
 */
#ifndef SERVER_VFS_VFS_QUESTION_H
#define SERVER_VFS_VFS_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/mem.h"

struct world;

/* It was not of the shape of its type: no errno of the kernel has this number. */
#define VFS_QUESTION_BAD (-4096)

bool vfs_question_is_known(uint16_t type);

/*
 * Does what the question, of a known type, says. Fields of the answer go to out, words for the
 * client to w->why_room. Returns 0, -errno, or VFS_QUESTION_BAD, and then nothing was done. ret_fd:
 * goes with the answer when that is 0, and stays the file's; -1: none.
 */
int vfs_question_answer(struct world *w, uint16_t type, struct buf *in, struct buf *out,
			int *ret_fd) MUST_CHECK;

#endif
