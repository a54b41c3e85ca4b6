# SPDX-License-Identifier: ISC
"""Random requests over Coffer and over OpenSSH's sftp-server: the same status, the same attributes, the same tree.

The reference tree may be looked at before a request is made. What is known to differ is not sent (DIFFERENCES, each with
its reason; test_what_differs shows them); everything else must be equal, also with 16 requests under way at a time.
SEED=n repeats a run; SEQUENCES=n makes it longer.
"""

import collections
import fcntl
import os
import random
import shutil
import stat
import struct
import subprocess
import time
import zlib

import pytest

from conftest import IS_ROOT, SYSTEM_UID, SYSTEM_USER, needs_root, run, serving
from test_sftp_ledger import (APPEND, ATTRS, CLOSE, CREAT, EXCL, EXTENDED, EXTENDED_REPLY, FSETSTAT, FSTAT, HANDLE, INIT, LSTAT,
                              MKDIR, NAME, OPEN, OPENDIR, R, READ, READDIR, READLINK, REMOVE, RENAME, RMDIR, SETSTAT, STAT,
                              STATUS, SYMLINK, TRUNC, VERSION, W, WRITE, s, u32, u64)

SFTP_SERVER = "/usr/lib/openssh/sftp-server"
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(10**9)))
SEQUENCES = int(os.environ.get("SEQUENCES", 100))
STEPS = 40
OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE = 0, 1, 2, 3, 4, 5
OLD = 1_500_000_000  # a time that a client sets: far from now

pytestmark = pytest.mark.skipif(not os.path.exists(SFTP_SERVER), reason="no OpenSSH sftp-server here (openssh-sftp-server)")


class Peer:
    """One server's end of the wire: requests through a pipe, replies by id."""

    def __init__(self, command, **kw):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **kw)
        fcntl.fcntl(self.process.stdin, 1031, 1 << 20)  # F_SETPIPE_SZ: a whole burst fits
        self.id, self.replies = 0, {}
        self.write(INIT, u32(3))
        assert self.packet()[0] == VERSION

    def write(self, kind, body):
        self.process.stdin.write(u32(len(body) + 1) + bytes([kind]) + body)
        self.process.stdin.flush()

    def packet(self):
        head = self.process.stdout.read(4)
        if len(head) < 4:
            raise EOFError("the server ended the session")
        body = self.process.stdout.read(struct.unpack(">I", head)[0])
        return body[0], body[1:]

    def send(self, kind, body):
        self.id += 1
        name = b""
        if kind == EXTENDED:  # the name stands behind the id
            name, body = body
        self.write(kind, u32(self.id) + name + body)
        return self.id

    def reply(self, want):
        while want not in self.replies:
            kind, body = self.packet()
            self.replies[struct.unpack(">I", body[:4])[0]] = (kind, body[4:])
        return decode(*self.replies.pop(want))

    def ask(self, kind, body):
        return self.reply(self.send(kind, body))

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)


class Attrs(collections.namedtuple("Attrs", "size uid gid mode atime mtime")):
    """What both must agree on. Times that a client has set are compared, those of this moment are "now"."""

    def seen(self):
        now = abs(time.time() - self.mtime) < 3600
        return (self.size if stat.S_ISREG(self.mode) else 0, self.uid, self.gid, oct(self.mode), "now" if now else self.mtime)


def attrs_at(body, at):
    flags, at = struct.unpack(">I", body[at:at + 4])[0], at + 4
    if flags == 0:
        return None, at
    assert flags == 15, flags
    return Attrs(*struct.unpack(">QIIIII", body[at:at + 28])), at + 28


def string_at(body, at):
    n = struct.unpack(">I", body[at:at + 4])[0]
    return body[at + 4:at + 4 + n], at + 4 + n


def decode(kind, body):
    """A reply as something to compare: (kind, what it says)."""
    if kind == STATUS:
        return kind, struct.unpack(">I", body[:4])[0]
    if kind == ATTRS:
        return kind, attrs_at(body, 0)[0].seen()
    if kind == NAME:
        names, at = {}, 4
        for _ in range(struct.unpack(">I", body[:4])[0]):
            name, at = string_at(body, at)
            _, at = string_at(body, at)
            attrs, at = attrs_at(body, at)
            names[name] = attrs and attrs.seen()
        return kind, names
    if kind == EXTENDED_REPLY:
        return kind, len(body)  # numbers of a filesystem that others use as well
    return kind, string_at(body, 0)[0]


# ---- what is known to differ ----

def real(world, path):
    """The reference's idea of a path, on disk."""
    return os.path.join(world.root, path)


def kind_of(world, path, follow=True):
    try:
        mode = (os.stat if follow else os.lstat)(real(world, path)).st_mode
    except (OSError, ValueError):
        return None
    return "dir" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "file"


def key_of(world, path):
    """The file behind a path, whatever it is called; None when there is none."""
    try:
        st = os.stat(real(world, path))
        return st.st_dev, st.st_ino
    except (OSError, ValueError):
        return None


def parts(path):
    return [p for p in path.split(b"/") if p]


def through_link(world, path):
    """Is something above the last component, or that itself with a slash behind it, a symbolic link?"""
    at = world.root
    names = parts(path)
    for i, name in enumerate(names):
        at = os.path.join(at, name)
        if os.path.islink(at) and (i + 1 < len(names) or path.endswith(b"/")):
            return True
    return False


def is_lexical(world, request):
    """".." and "." vanish from paths, and a slash at the end, before anything is looked up (ledger SF12, promise 3)."""
    for p in request.paths:
        if not p or p.endswith(b"/") or b"." in parts(p) or b".." in parts(p):
            return True
    return False


def leaves_share(world, request):
    """A link whose target is absolute or leaves the share is nowhere (promise 3)."""
    for p in request.paths:
        at = world.root
        for name in parts(p):
            at = os.path.join(at, name)
            if os.path.islink(at):
                target = os.readlink(at)
                if target.startswith(b"/") or b".." in parts(target):
                    return True
    return request.op in ("symlink",) and (request.target.startswith(b"/") or b".." in parts(request.target) or not request.target)


def is_special_mode(world, request):
    """Setuid, setgid and sticky bits are never set by a client."""
    return request.mode is not None and request.mode & 0o7000


def opens_a_directory(world, request):
    """A descriptor of a directory never reaches the process that reads the network: OPEN is refused, not only READ."""
    return request.op == "open" and kind_of(world, request.paths[0]) == "dir"


def is_too_long(world, request):
    """A name of more than 255 bytes is refused as such, before anything is looked up."""
    return any(len(name) > 255 for p in request.paths for name in parts(p))


def renames_dir_onto_something(world, request):
    """A rename replaces files by files: nothing is moved onto a directory, not even an empty one, nor a directory onto anything
    (ledger SF08)."""
    a, b = (kind_of(world, p, follow=False) for p in request.paths) if len(request.paths) == 2 else (None, None)
    return request.op in ("rename", "posix-rename") and b and "dir" in (a, b)


def rename_onto_dangling(world, request):
    """RENAME never replaces; OpenSSH looks through a link and replaces one that leads nowhere."""
    return (request.op == "rename" and kind_of(world, request.paths[1], follow=False) == "link"
            and kind_of(world, request.paths[0], follow=False) != "file")


def wrong_direction(world, request):
    """READ on a handle for writing and the reverse: PERMISSION_DENIED; OpenSSH has EBADF, "no such file" (ledger SF14)."""
    if request.op == "fsetstat" and request.sets & 1 and not request.handle.flags & W:
        return True
    if request.op == "copy-data" and not (request.handle.flags & R and request.to.flags & W):
        return True
    return request.op in ("read", "write") and request.handle and not request.handle.flags & (R if request.op == "read" else W)


def hardlinks_only_files(world, request):
    """Hard links of links would be a second way around a share's rule."""
    return request.op == "hardlink" and kind_of(world, request.paths[0], follow=False) == "link"


def makes_odd_name(world, request):
    """New names with control characters are refused: FTP could not list them, and both protocols have one tree."""
    makes = request.op in ("mkdir", "symlink", "rename", "posix-rename", "hardlink") or (request.op == "open" and request.flags & CREAT)
    return makes and any(c < 32 or c == 127 for c in request.paths[-1])


def truncates_by_reading(world, request):
    """TRUNC without WRITE: Linux empties the file; here a handle for reading changes nothing."""
    return request.op == "open" and request.flags & TRUNC and not request.flags & W


def mode_of(world, path, follow=True):
    try:
        return (os.stat if follow else os.lstat)(real(world, path)).st_mode
    except (OSError, ValueError):
        return 0


def is_half_possible(world, request):
    """A change of attributes that cannot be made whole is not begun; OpenSSH makes the rest and reports the failure."""
    if request.op not in ("setstat", "lsetstat") or request.sets in (0, 1, 4, 8):
        return False
    mode = mode_of(world, request.paths[0], request.op == "setstat")
    return (request.sets & 1 and not (stat.S_ISREG(mode) and mode & 0o200)) or (request.op == "lsetstat" and stat.S_ISLNK(mode))


def sets_times_of_unfinished(world, request):
    """Times that are set while a file is open for writing are those of the finished file, whatever is still written to it."""
    if not request.sets & 8:
        return False
    key = request.handle.key if request.handle else key_of(world, request.paths[0])
    return any(h.key == key for h in world.handles if h.flags & W)


def unreadable_at_its_end(world, request):
    """What is uploaded atomically has 0600 at least while it is written; the mode that was asked for comes with the name."""
    if not world.atomic or request.op != "open":
        return False
    old = mode_of(world, request.paths[0])
    return (request.flags & CREAT and request.mode is not None and request.mode & 0o600 != 0o600) or (
        request.flags & TRUNC and stat.S_ISREG(old) and old & 0o600 != 0o600)


def replaces_in_old_directory(world, request):
    """An atomic replacement is a change of the directory, whose time is then that of now."""
    if not world.atomic or request.op != "open" or not request.flags & TRUNC:
        return False
    try:
        return time.time() - os.stat(os.path.dirname(os.path.realpath(real(world, request.paths[0])))).st_mtime > 3600
    except (OSError, ValueError):
        return False


def breaks_links(world, request):
    """An atomic replacement is a new file: other hard links keep the old content (promise 4)."""
    try:
        return world.atomic and request.op == "open" and request.flags & TRUNC and os.stat(real(world, request.paths[0])).st_nlink > 1
    except (OSError, ValueError):
        return False


def meets_unfinished(world, request):
    """An atomic upload becomes the file when it is closed: until then other names, other handles and listings see what was there
    before (promise 4). By its own name and handle this session does see it."""
    writing = [h for h in world.handles if world.atomic and h.flags & W]
    for mine in filter(None, (request.handle, request.to)):
        if mine.replaced or any(h is not mine and h.key == mine.key for h in writing):
            return True
    if request.handle:
        return False
    for p in request.paths:
        key = key_of(world, p)
        inside = [h for h in writing if key and h.folder == key]
        if inside and request.op in ("opendir", "setstat", "lsetstat", "rename", "posix-rename"):
            return True
        if any(h.key == key and (h.path != p or request.op == "open") for h in writing):
            return True
    return False


def lists_unsearchable(world, request):
    """Names in a directory that may be listed but not searched are shown; OpenSSH shows nothing."""
    mode = mode_of(world, request.paths[0]) if request.op == "opendir" else 0
    return stat.S_ISDIR(mode) and mode & 0o500 == 0o400


def is_unsearchable(world, path):
    at = world.root
    for name in parts(path)[:-1]:
        at = os.path.join(at, name)
        mode = mode_of(world, at)
        if stat.S_ISDIR(mode) and not mode & 0o100:
            return True
    return False


def both_paths_are_wrong(world, request):
    """Of two paths that both cannot be, another one may be named in the answer."""
    return len(request.paths) == 2 and (is_unsearchable(world, request.paths[0]) or is_unsearchable(world, request.paths[1]))


def copies_within_one_file(world, request):
    """A file may be copied to itself where the ranges do not overlap (the extension's draft); OpenSSH refuses it by its name."""
    return request.op == "copy-data" and request.handle.key == request.to.key


DIFFERENCES = [copies_within_one_file, is_half_possible, sets_times_of_unfinished, unreadable_at_its_end, replaces_in_old_directory, breaks_links, meets_unfinished, lists_unsearchable, both_paths_are_wrong, is_too_long, makes_odd_name, truncates_by_reading, is_lexical, leaves_share, is_special_mode, opens_a_directory, renames_dir_onto_something, rename_onto_dangling, wrong_direction,
               hardlinks_only_files]


# ---- random requests ----

class Request:
    def __init__(self, op, kind, body, paths=(), target=b"", mode=None, handle=None, flags=0, sets=0, to=None):
        self.op, self.kind, self.body, self.paths, self.target = op, kind, body, paths, target
        self.mode, self.handle, self.flags, self.sets, self.to = mode, handle, flags, sets, to

    def __str__(self):
        return "%s %s%s%s%s" % (self.op, b" ".join(self.paths), " target=%r" % self.target if self.target else "",
                                ("" if self.mode is None else " mode=%o" % self.mode) + (" sets=%x" % self.sets if self.sets else ""),
                                " handle=%s flags=%x" % (self.handle.path, self.handle.flags) if self.handle else " flags=%x" % self.flags) + (
                                    " to=%s flags=%x" % (self.to.path, self.to.flags) if self.to else "")


class Handle:
    def __init__(self, path, flags, is_dir, key, ref, ours):
        self.path, self.flags, self.is_dir, self.key, self.ref, self.ours = path, flags, is_dir, key, ref, ours
        self.folder = self.replaced = None  # the directory of the file; whether an upload took the file's place


NAMES = [b"a", b"b", b"c", b"d", b"e", "\u00fc".encode(), b"\xff\xfe", b"sp ace", b"new\nline", b"x" * 255, b"x" * 256, b"-rf"]
RARE = [b"", b".", b"..", b"a/", b"d/.", b"d/../a", b"//", b"./b"]


class World:
    """The reference's tree and what is open: all that a request is made of and judged by."""

    def __init__(self, rng, root, base, atomic, burst):
        self.rng, self.root, self.base, self.atomic, self.burst = rng, root, base, atomic, burst
        self.handles = []

    def name(self):
        rng = self.rng
        return rng.choice(NAMES[:5]) if rng.random() < 0.75 else rng.choice(NAMES)

    def path(self):
        """Mostly of something that is, or could be, there."""
        rng = self.rng
        if rng.random() < 0.02:
            return self.base + b"/" + rng.choice(RARE)
        if rng.random() < 0.3:
            return b"/".join([self.base] + [self.name() for _ in range(rng.choice((1, 2, 2, 3)))])
        found, top = [self.base], os.path.join(self.root, self.base)
        for base, dirs, files in os.walk(top):
            found += [os.path.relpath(os.path.join(base, name), self.root) for name in dirs + files]
        at = rng.choice(found)
        if at == self.base or (rng.random() < 0.4 and os.path.isdir(os.path.join(self.root, at))):
            at += b"/" + self.name()
        return at

    def mode(self):
        rng = self.rng
        return rng.choice((0o644, 0o600, 0o755, 0o400, 0o200, 0, 0o777, 0o666, 0o4755, 0o1777)) if rng.random() < 0.9 else rng.getrandbits(12)

    def attrs(self, size=True):
        """(bytes, mode or None)"""
        rng, flags, body, mode = self.rng, 0, b"", None
        if size and rng.random() < 0.25:
            flags |= 1
            body += u64(rng.choice((0, 1, 10, 4096, 70000)))
        if rng.random() < 0.4:
            mode = self.mode()
            flags |= 4
            body += u32(mode)
        if rng.random() < 0.3:
            flags |= 8
            body += u32(OLD + rng.randrange(1000)) + u32(OLD + rng.randrange(1000))
        return u32(flags) + body, mode

    def handle(self, is_dir=None):
        fitting = [h for h in self.handles if is_dir is None or h.is_dir == is_dir]
        return self.rng.choice(fitting) if fitting else None

    def closed(self, handle):
        self.handles.remove(handle)
        if self.atomic and handle.flags & TRUNC:
            for h in self.handles:
                h.replaced = h.replaced or h.key == handle.key

    def request(self):
        op = self.rng.choices(*zip(*OPS))[0]
        return op(self) or self.request()


def op_open(w):
    rng, path = w.rng, w.path()
    flags = rng.choice((R, R, W, W | CREAT, W | CREAT, W | CREAT | TRUNC, R | W, R | W | CREAT, R | W | CREAT | TRUNC, W | CREAT | EXCL,
                        W | TRUNC, W | APPEND, W | CREAT | APPEND, R | TRUNC, 0, CREAT | R, EXCL | W, R | W | APPEND | CREAT))
    attrs, mode = (u32(0), None)
    if rng.random() < 0.4:
        mode = w.mode()
        attrs = u32(4) + u32(mode)
    return Request("open", OPEN, s(path) + u32(flags) + attrs, (path,), mode=mode, flags=flags)


def op_close(w):
    h = w.handle()
    return h and Request("close", CLOSE, None, handle=h)


def op_read(w):
    h = w.handle(False)
    return h and Request("read", READ, u64(w.rng.choice((0, 1, 10, 4096, 70000, 10**7))) + u32(w.rng.choice((0, 1, 10, 32768, 100000))), handle=h)


def op_write(w):
    h = w.handle(False)
    data = w.rng.randbytes(w.rng.choice((0, 1, 10, 1000, 40000)))
    return h and Request("write", WRITE, u64(w.rng.choice((0, 0, 1, 10, 4096, 70000))) + s(data), handle=h)


def op_fstat(w):
    h = w.handle(False)
    return h and Request("fstat", FSTAT, b"", handle=h)


def op_fsetstat(w):
    h = w.handle(False)
    attrs, mode = w.attrs()
    return h and Request("fsetstat", FSETSTAT, attrs, handle=h, mode=mode, sets=attrs[3])


def op_fsync(w):
    h = w.handle(False)
    return h and Request("fsync", EXTENDED, (s("fsync@openssh.com"), b""), handle=h)


def op_copy(w):
    h, to, rng = w.handle(False), w.handle(False), w.rng
    return h and Request("copy-data", EXTENDED, (s("copy-data"), u64(rng.choice((0, 0, 1, 300, 10**7))) + u64(rng.choice((0, 0, 1, 10, 40000))),
                                                 u64(rng.choice((0, 0, 1, 10, 4096)))), handle=h, to=to)


def op_readdir(w):
    h = w.handle(True)
    return h and Request("readdir", READDIR, b"", handle=h)


def op_setstat(w):
    path, (attrs, mode) = w.path(), w.attrs()
    return Request("setstat", SETSTAT, s(path) + attrs, (path,), mode=mode, sets=attrs[3])


def op_lsetstat(w):
    path, (attrs, mode) = w.path(), w.attrs()
    return Request("lsetstat", EXTENDED, (s("lsetstat@openssh.com"), s(path) + attrs), (path,), mode=mode, sets=attrs[3])


def op_mkdir(w):
    path, (attrs, mode) = w.path(), w.attrs(size=False)
    return Request("mkdir", MKDIR, s(path) + attrs, (path,), mode=mode)


def op_symlink(w):
    path = w.path()
    target = w.rng.choice((b"a", b"b", b"d", b"d/a", b"c", b"nowhere", b"../x", b"/etc/passwd", b"", path))
    return Request("symlink", SYMLINK, s(target) + s(path), (path,), target=target)


def one_path(name, kind, extension=None):
    def op(w):
        path = w.path()
        return Request(name, kind, (s(extension), s(path)) if extension else s(path), (path,))
    return op


def two_paths(name, kind, extension=None):
    def op(w):
        a, b = w.path(), w.path()
        return Request(name, kind, (s(extension), s(a) + s(b)) if extension else s(a) + s(b), (a, b))
    return op


OPS = [(op_open, 16), (op_close, 8), (op_read, 8), (op_write, 12), (op_fstat, 4), (op_fsetstat, 4), (op_readdir, 5), (op_setstat, 8), (op_fsync, 2), (op_copy, 4),
       (op_lsetstat, 2), (op_mkdir, 6), (op_symlink, 4), (one_path("lstat", LSTAT), 6), (one_path("stat", STAT), 6),
       (one_path("opendir", OPENDIR), 5), (one_path("remove", REMOVE), 5), (one_path("rmdir", RMDIR), 4),
       (one_path("readlink", READLINK), 2), (two_paths("rename", RENAME), 5),
       (two_paths("posix-rename", EXTENDED, "posix-rename@openssh.com"), 4), (two_paths("hardlink", EXTENDED, "hardlink@openssh.com"), 3),
       (one_path("statvfs", EXTENDED, "statvfs@openssh.com"), 1)]


def body_for(request, side):
    """The request's bytes with the handle that this server gave."""
    if not request.handle:
        return request.body
    handle = s((request.handle.ref, request.handle.ours)[side])
    if request.to:
        name, where, there = request.body
        return name, handle + where + s((request.to.ref, request.to.ours)[side]) + there
    if request.kind == EXTENDED:
        return request.body[0], handle + request.body[1]
    return handle + (request.body or b"")


def difference(world, request):
    return next((d.__name__ for d in DIFFERENCES if d(world, request)), None)


def listing(peer, handle):
    """All names of a directory, in however many pieces; and how it ended. What is above the root is not the same."""
    names = {}
    while True:
        kind, what = peer.ask(READDIR, s(handle))
        if kind != NAME:
            return kind, what, names
        names.update({k: v if k != b".." else None for k, v in what.items()})


class Run:
    """A sequence over both. Coffer may be sent up to burst requests before it is listened to; OpenSSH always answers at once."""

    def __init__(self, pair, peers, world, burst):
        self.world, self.burst, self.told, self.waiting = world, burst, [], []
        self.ref, self.ours = peers
        self.where = "upload: %s, %d at a time" % (pair.upload, burst)

    def differ(self, *answers):
        raise AssertionError("%s\n%s\nOpenSSH: %r\nCoffer:  %r" % (self.where, "\n".join(self.told), *answers))

    def step(self, request):
        handle, opens_dir, listed = request.handle, request.op == "opendir", None
        if (handle and handle.ours is None) or (request.to and request.to.ours is None):
            self.listen()
        self.told.append(str(request))
        answer = self.ref.ask(request.kind, body_for(request, 0))
        if answer[0] == HANDLE:
            path = request.paths[0]
            handle = Handle(path, request.flags, opens_dir, key_of(self.world, path), answer[1], None)
            handle.folder = key_of(self.world, os.path.dirname(os.path.realpath(real(self.world, path))))
            self.world.handles.append(handle)
            # At once: a listing shows the directory as it was when it was opened, OpenSSH's as it is when it is read.
            listed = listing(self.ref, answer[1]) if opens_dir else None
        self.waiting.append((self.ours.send(request.kind, body_for(request, 1)), request, answer, handle, listed))
        if request.op == "close":
            self.world.closed(handle)
        if len(self.waiting) >= self.burst:
            self.listen()

    def listen(self):
        for number, request, answer, handle, listed in self.waiting:
            ours = self.ours.reply(number)
            if answer[0] == HANDLE == ours[0]:
                handle.ours = ours[1]
                found = listing(self.ours, ours[1]) if listed else None
                if found != listed:
                    self.differ(listed, found)
            elif answer != ours:
                self.told.append("the answer to: " + str(request))
                self.differ(answer, ours)
        self.waiting = []


def tree(top):
    found = {}
    for base, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(base, name)
            st = os.lstat(path)
            content = None
            if stat.S_ISLNK(st.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(st.st_mode):
                try:
                    with open(path, "rb") as f:
                        content = f.read()
                except PermissionError:  # not root, and the mode says so
                    content = st.st_size
            now = abs(time.time() - st.st_mtime) < 3600
            found[os.path.relpath(path, top)] = (oct(st.st_mode), st.st_uid, st.st_nlink if not dirs else 0, content,
                                                 None if stat.S_ISDIR(st.st_mode) or now else int(st.st_mtime))
    return found


def brief(entry):
    """An entry of a tree for a person: long content as its length and sum."""
    if entry and isinstance(entry[3], bytes) and len(entry[3]) > 40:
        return entry[:3] + ("%d bytes, %08x" % (len(entry[3]), zlib.crc32(entry[3])),) + entry[4:]
    return entry


def plant(top, owner):
    """What is there when a sequence begins."""
    os.makedirs(os.path.join(top, b"d", b"e"))
    for name, data in ((b"a", b"alpha" * 100), (b"d/a", b"in d"), (b"d/b", b"")):
        with open(os.path.join(top, name), "wb") as f:
            f.write(data)
    os.symlink(b"a", os.path.join(top, b"c"))
    for base, dirs, files in os.walk(top):
        for path in [base] + [os.path.join(base, n) for n in dirs + files]:
            if owner is not None:
                os.lchown(path, owner, owner)


class Pair:
    """The two servers, over the same kind of directory."""

    def __init__(self, server, tmp, upload):
        self.server, self.upload = server, upload
        self.roots = (os.path.join(str(tmp), "reference-" + upload).encode(), server.root.encode())
        os.makedirs(self.roots[0], exist_ok=True)
        self.owner = SYSTEM_UID if IS_ROOT else None
        if IS_ROOT:
            at = str(tmp)
            while at != "/":
                os.chmod(at, os.stat(at).st_mode | 0o755)
                at = os.path.dirname(at)
            os.chown(self.roots[0], SYSTEM_UID, SYSTEM_UID)

    def connect(self):
        who = {"user": SYSTEM_UID, "group": SYSTEM_UID, "extra_groups": []} if IS_ROOT else {}
        s_ = self.server
        return (Peer([SFTP_SERVER, "-u", "0"], cwd=self.roots[0], **who),
                Peer(["ssh", "-a", "-x", "-p", str(s_.sftp_port), "-i", s_.key, "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" +
                      s_.known_hosts, "-s", "%s@127.0.0.1" % s_.user, "sftp"]))


CONFIG = """
shares: { root: { upload: %s, file-mode: "0777", dir-mode: "0777", mode-requests: apply,
                  rights: [list, read, create, overwrite, append, rename, delete, mkdir, rmdir, chmod, times, symlink, link] } }
"""


@pytest.fixture(scope="module", params=["direct", "atomic"])
def pair(request, tmp_path_factory, user_key):
    tmp = tmp_path_factory.mktemp("differential")
    extra = tmp / "extra.yaml"
    extra.write_text(CONFIG % request.param)
    arguments = ["--authorized-keys", user_key + ".pub", "--config", str(extra)]
    if IS_ROOT:
        arguments += ["--mode", "root", "--user", SYSTEM_USER]
    with serving(*arguments) as server:
        server.key = user_key
        yield Pair(server, tmp, request.param)


def one_sequence(pair, peers, number, seed, burst, met):
    rng = random.Random(seed)
    base = b"s%d-%d" % (burst, number)
    for root in pair.roots:
        plant(os.path.join(root, base), pair.owner)
    world = World(rng, pair.roots[0], base, pair.upload == "atomic", burst)
    r = Run(pair, peers, world, burst)
    for _ in range(STEPS):
        request = world.request()
        known = difference(world, request)
        met[known] += 1
        if not known:
            r.step(request)
    for h in list(world.handles):
        r.step(Request("close", CLOSE, None, handle=h))
    r.listen()
    trees = [tree(os.path.join(root, base)) for root in pair.roots]
    assert trees[0] == trees[1], "%s\n%s\n%s" % (
        r.where, "\n".join(r.told),
        "\n".join("%r\n   OpenSSH %s\n   Coffer  %s" % (k, brief(trees[0].get(k)), brief(trees[1].get(k)))
                  for k in sorted(set(trees[0]) | set(trees[1])) if trees[0].get(k) != trees[1].get(k)))
    for root in pair.roots:
        run("chmod", "-R", "u+rwx", os.path.join(root, base), ok=False)
        shutil.rmtree(os.path.join(root, base))


@needs_root  # to look into directories whose modes the requests took away
@pytest.mark.parametrize("burst", [1, 16])
def test_random_requests_have_the_same_outcome_as_with_openssh(pair, burst):
    met = collections.Counter()
    peers, failures = pair.connect(), []
    for number in range(SEQUENCES):
        try:
            one_sequence(pair, peers, number, SEED * 100003 + number, burst, met)
        except AssertionError as e:
            failures.append("SEED=%d sequence %d, %s" % (SEED, number, str(e).split("\nassert ", 1)[0]))
            for p in peers:  # and what it had open
                p.stop()
            peers = pair.connect()
            if len(failures) == 5:
                break
    for p in peers:
        p.stop()
    print("SEED=%d upload=%s: %d requests in %d sequences; not sent: %s" % (SEED, pair.upload, met.pop(None, 0), SEQUENCES, dict(met)))
    assert not failures, "\n\n".join(failures)


def opening(path, flags, mode=None):
    return OPEN, s(path) + u32(flags) + (u32(0) if mode is None else u32(4) + u32(mode))


def named(extension, *strings):
    return EXTENDED, (s(extension), b"".join(s(x) for x in strings))


# What differs: requests, and what OpenSSH and Coffer say to the last of them. % is the directory, # the last handle, & the one before.
DIFFERING = {
    is_lexical: ([(LSTAT, s("%/nowhere/../a"))], NO_SUCH_FILE, ATTRS),
    leaves_share: ([(SYMLINK, s("/etc/passwd") + s("%/l"))], OK, PERMISSION_DENIED),
    copies_within_one_file: ([opening("%/a", R | W), (EXTENDED, (s("copy-data"), b"#" + u64(0) + u64(100) + b"#" + u64(400)))], FAILURE, OK),
    is_special_mode: ([(SETSTAT, s("%/a") + u32(4) + u32(0o4755)), (LSTAT, s("%/a"))], 0o104755, 0o100755),
    opens_a_directory: ([opening("%/d", R)], HANDLE, FAILURE),
    renames_dir_onto_something: ([named("posix-rename@openssh.com", "%/d", "%/empty")], OK, FAILURE),
    rename_onto_dangling: ([(SYMLINK, s("none") + s("%/l")), (RENAME, s("%/d") + s("%/l"))], NO_SUCH_FILE, FAILURE),
    wrong_direction: ([opening("%/a", R), (WRITE, b"#" + u64(0) + s("x"))], NO_SUCH_FILE, PERMISSION_DENIED),
    hardlinks_only_files: ([named("hardlink@openssh.com", "%/c", "%/n")], OK, PERMISSION_DENIED),
    is_too_long: ([(LSTAT, s(b"%/nowhere/" + b"x" * 300))], NO_SUCH_FILE, BAD_MESSAGE),
    makes_odd_name: ([(MKDIR, s("%/new\nline") + u32(0))], OK, BAD_MESSAGE),
    truncates_by_reading: ([opening("%/a", R | TRUNC), (LSTAT, s("%/a"))], 0, 500),
    is_half_possible: ([(SETSTAT, s("%/d") + u32(5) + u64(0) + u32(0o700)), (LSTAT, s("%/d"))], 0o40700, 0o40755),
    sets_times_of_unfinished: ([opening("%/n", W | CREAT), (FSETSTAT, b"#" + u32(8) + u32(OLD) + u32(OLD)), (WRITE, b"#" + u64(0) + s("x")),
                                (CLOSE, b"#"), (LSTAT, s("%/n"))], "now", OLD),
    lists_unsearchable: ([(SETSTAT, s("%/d") + u32(4) + u32(0o600)), (OPENDIR, s("%/d")), (READDIR, b"#")], EOF, NAME),
    both_paths_are_wrong: ([(SETSTAT, s("%/d") + u32(4) + u32(0o600)), named("posix-rename@openssh.com", "%/d/a", "%/x/y")],
                           PERMISSION_DENIED, NO_SUCH_FILE),
    unreadable_at_its_end: ([opening("%/n", W | CREAT, 0), (FSTAT, b"#")], 0o100000, 0o100600),
    replaces_in_old_directory: ([(SETSTAT, s("%/d") + u32(8) + u32(OLD) + u32(OLD)), opening("%/d/a", W | CREAT | TRUNC), (CLOSE, b"#"),
                                 (LSTAT, s("%/d"))], OLD, "now"),
    breaks_links: ([named("hardlink@openssh.com", "%/a", "%/n"), opening("%/a", W | TRUNC), (CLOSE, b"#"), (LSTAT, s("%/n"))], 0, 500),
    meets_unfinished: ([named("hardlink@openssh.com", "%/a", "%/n"), opening("%/a", W | TRUNC), (STAT, s("%/n"))], 0, 500),
}
# These differ with upload: atomic only.
ATOMIC = [unreadable_at_its_end, replaces_in_old_directory, breaks_links, meets_unfinished]


def test_every_difference_has_its_case():
    assert set(DIFFERING) == set(DIFFERENCES)


@pytest.mark.parametrize("known", DIFFERING, ids=lambda d: d.__name__)
def test_what_differs(pair, known):
    requests, *want = DIFFERING[known]
    if known in ATOMIC and pair.upload != "atomic":
        want[1] = want[0]
    base = b"w-" + known.__name__.encode()
    for root in pair.roots:
        plant(os.path.join(root, base), pair.owner)
        os.mkdir(os.path.join(root, base, b"empty"))
        if pair.owner:
            os.chown(os.path.join(root, base, b"empty"), pair.owner, pair.owner)
    for side, peer in enumerate(pair.connect()):
        handles, answer = [], None
        for kind, body in requests:
            answer = peer.ask(kind, place(kind, body, base, handles))
            handles += [answer[1]] if answer[0] == HANDLE else []
        kind, what = answer
        # Of a status its code, of attributes whichever of size, mode and time is in question.
        seen = {what} if kind == STATUS else {kind} if kind != ATTRS else {kind, what[0], int(what[3], 8), what[4]}
        assert want[side] in seen, (known.__name__, ("OpenSSH", "Coffer")[side], answer, want[side])
        peer.stop()
    for root in pair.roots:
        run("chmod", "-R", "u+rwx", os.path.join(root, base), ok=False)
        shutil.rmtree(os.path.join(root, base))


# What random runs have found, in as few requests as show it.
FOUND = {
    "size of an upload in a closed directory": [opening("%/d/e/n", W | CREAT), (SETSTAT, s("%/d") + u32(4) + u32(0)),
                                                (SETSTAT, s("%/d/e/n") + u32(1) + u64(0))],
    "attributes of an upload in a closed directory": [opening("%/d/n", W | CREAT), (SETSTAT, s("%/d") + u32(4) + u32(0)), (STAT, s("%/d/n"))],
    "a copy behind what is there": [opening("%/d/a", R), opening("%/a", W | APPEND),
                                    (EXTENDED, (s("copy-data"), b"&" + u64(0) + u64(0) + b"#" + u64(0))), (CLOSE, b"#"), (LSTAT, s("%/a"))],
    "an upload in a closed directory, read": [opening("%/d/n", W | CREAT), (SETSTAT, s("%/d") + u32(4) + u32(0o600)), opening("%/d/n", R)],
}


@needs_root  # over a share of another user
@pytest.mark.parametrize("name", FOUND)
def test_what_random_requests_have_found(pair, name):
    base = b"f-" + name.replace(" ", "-").encode()
    for root in pair.roots:
        plant(os.path.join(root, base), pair.owner)
    answers = []
    for peer in pair.connect():
        handles, said = [], []
        for kind, body in FOUND[name]:
            said.append(peer.ask(kind, place(kind, body, base, handles)))
            if said[-1][0] == HANDLE:
                handles.append(said[-1][1])
                said[-1] = HANDLE
        answers.append(said)
        peer.stop()
    assert answers[0] == answers[1]
    for root in pair.roots:
        run("chmod", "-R", "u+rwx", os.path.join(root, base), ok=False)
        shutil.rmtree(os.path.join(root, base))


def place(kind, body, base, handles):
    """Puts the directory's name and handles into a request."""
    if kind == EXTENDED:
        return body[0], place(None, body[1], base, handles)
    while b"%" in body:
        at = body.index(b"%")
        n = struct.unpack(">I", body[at - 4:at])[0]
        body = body[:at - 4] + u32(n - 1 + len(base)) + base + body[at + 1:]
    for mark, handle in zip((b"#", b"&"), reversed(handles)):
        body = body.replace(mark, s(handle))
    return body
