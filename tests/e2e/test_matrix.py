# SPDX-License-Identifier: ISC
"""Every operation of both protocols x every right on and off x every kind of thing: one table decides, and both
protocols must say what it says (ledger VF02, VF05, VF08, VF09, VF10, VF13, SF08; promise 5)."""

import os
import re
import shutil
import socket
import time

import pytest
import yaml

from conftest import TOP, serving
from matrix_ways import FTP, FTP_NO_FILE, SFTP, SFTP_NO_FILE
from rawftps import Raw
from test_sftp_ledger import Raw as RawSftp

RIGHTS = ("list", "read", "create", "overwrite", "append", "rename", "delete", "mkdir", "rmdir", "chmod", "times", "symlink",
          "link")
SHARES = {"all": set(RIGHTS), "none": set()}
SHARES.update(("only-" + r, {r}) for r in RIGHTS)
SHARES.update(("no-" + r, set(RIGHTS) - {r}) for r in RIGHTS)

FILES, DIRS = {"file", "link"}, {"dir", "linkdir"}
NAMES = ("file", "dir", "missing", "link", "linkdir", "out", "outdir/x", "fifo", "x.hidden", "x.denied", "dir/../missing2")
THERE = {"file", "dir", "link", "linkdir", "out", "fifo"}  # and not hidden, denied or outside
NEW = {"missing", "dir/../missing2"}


def table(name, rights):
    """What each operation may do. A link that is the last component is followed but where the operation is about names."""
    def has(*some):
        return all(right in rights for right in some)

    seen = has("list") or has("read") or has("rename")
    file_, dir_, new, there = name in FILES, name in DIRS, name in NEW, name in THERE
    inode = file_ or dir_ or name == "fifo"
    return {
        "list": dir_ and has("list"),
        "show": dir_ and has("list") or inode and not dir_ and seen,
        # Even where nothing may be listed, a directory can be gone into, and what may be renamed can be asked for.
        "enter": dir_,
        "stat": dir_ or inode and seen,
        "size": file_ and seen,
        "lstat": name == "dir" or there and seen,
        # Not that of a link that leads out of the share.
        "readlink": name in ("link", "linkdir") and (has("list") or has("read")),
        "read": file_ and has("read"),
        "upload": file_ and has("overwrite") or new and has("create"),
        "upload-into": file_ and has("overwrite") or (new or dir_) and has("create"),
        "create": new and has("create"),
        "beside": (there or new) and has("create"),
        # From the middle of the old content, which a missing file does not have.
        "resume": file_ and has("overwrite"),
        "update": file_ and has("read", "overwrite"),
        "truncate": file_ and has("overwrite"),
        "append": file_ and (has("append") or has("overwrite")) or new and has("create"),
        "copy-from": file_ and has("read", "create"),
        "copy-to": file_ and has("read", "overwrite") or new and has("read", "create"),
        "copy-out": file_ and has("read"),
        "delete": there and name != "dir" and has("delete"),
        "mkdir": new and has("mkdir"),
        "rmdir": name == "dir" and has("rmdir"),
        "rename": there and has("rename"),
        "rename-over": False,  # SFTP's own RENAME replaces nothing
        "replace": there and name != "dir" and has("rename", "overwrite"),
        "across": False,
        "link-from": name == "file" and has("link", "create"),
        "link-to": new and has("link", "create"),
        "chmod": inode and has("chmod"),
        "chmod-open": file_ and has("read", "chmod"),
        "lchmod": inode and name not in ("link", "linkdir") and has("chmod"),
        "times": inode and has("times"),
        "times-open": file_ and has("read", "times"),
        "ltimes": there and has("times"),
        "chown": False,
        "symlink": new and has("symlink"),
    }


LOOKS = {"list", "show", "enter", "stat", "size", "lstat", "readlink", "read"}
OPS = tuple(table("file", ()))


def build(top):
    """The same things in a share, whatever was done to them before."""
    with os.scandir(top) as old:
        for entry in old:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
    for name in ("file", "target", "source", "x.hidden", "x.denied"):
        with open(os.path.join(top, name), "wb") as f:
            f.write(b"content")
    os.mkdir(os.path.join(top, "dir"))
    os.symlink("target", os.path.join(top, "link"))
    os.symlink("dir", os.path.join(top, "linkdir"))
    os.symlink("../../outside/canary", os.path.join(top, "out"))
    os.symlink("../../outside", os.path.join(top, "outdir"))
    os.mkfifo(os.path.join(top, "fifo"))


def state(top):
    """Whatever is done to a thing below top, this becomes another."""
    with os.scandir(top) as entries:
        found = [(e.name, e.stat(follow_symlinks=False)) for e in entries]
    return sorted((name, st.st_ino, st.st_mode, st.st_size, st.st_ctime_ns) for name, st in found)


class Share:
    """A share with things in it, made anew when they were changed."""
    def __init__(self, top):
        self.top, self.before = str(top), None
        self.was_changed()

    def was_changed(self):
        now = state(self.top)
        if now == self.before:
            return False
        build(self.top)
        self.before = state(self.top)
        return True


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("matrix")
    shares = {"other": {"path": str(tmp / "shares" / "other"), "rights": "read-write"}}
    for name, rights in SHARES.items():
        shares[name] = {"path": str(tmp / "shares" / name), "rights": sorted(rights) or "none", "mode-requests": "refuse",
                        "hide": ["*.hidden"], "deny": ["*.denied"]}
    for name in shares:
        os.makedirs(tmp / "shares" / name)
    os.mkdir(tmp / "outside")
    (tmp / "outside" / "canary").write_bytes(b"canary")
    (tmp / "outside" / "x").write_bytes(b"canary")
    (tmp / "extra.yaml").write_text(yaml.safe_dump({"shares": shares, "sftp": {"scp": True}}))
    with serving("--config", str(tmp / "extra.yaml")) as s:
        s.shares, s.outside = tmp / "shares", tmp / "outside"
        s.share = {name: Share(s.shares / name) for name in SHARES}
        yield s


def ways(op):
    return [("FTP", uses, do) for name, uses, do in FTP if name == op] + [("SFTP", uses, do) for name, uses, do in SFTP if name == op]


def tried(served, session, way, share, name):
    """None, or what differs from the table."""
    protocol, uses, do = way
    want = table(name, SHARES[share])[served.op]
    began = time.monotonic()
    done = do(session, "/%s/%s" % (share, name), share)
    took = time.monotonic() - began
    changed = served.share[share].was_changed()
    other = os.listdir(served.shares / "other")
    for file_ in other:
        os.unlink(served.shares / "other" / file_)
    moved = done and served.op == "copy-out"
    words = "%s %s (%s) of %s in %s: " % (protocol, served.op, uses, name, share)
    if done != want:
        return words + "the table says %s" % want
    if changed != (done and not moved and served.op not in LOOKS) or bool(other) != moved:
        return words + "done %s, changed %s, other share %s" % (done, changed, other)
    return words + "took %.1f s, VF08" % took if took > 2 else None


@pytest.mark.parametrize("op", OPS)
def test_both_protocols_say_what_the_table_says(served, op):
    """VF10, VF05, VF13, SF08: what is refused changes nothing, and nothing outside is touched."""
    before, served.op = state(served.outside), op
    with Raw(served) as f, RawSftp(served) as r:
        r.transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A pipe is renamed but under Landlock, which counts it as making one: worker may not.
        wrong = [tried(served, f if way[0] == "FTP" else r, way, share, name) for way in ways(op) for share in SHARES
                 for name in NAMES if not (name == "fifo" and op in ("rename", "replace"))]
    assert wrong and state(served.outside) == before
    assert not any(wrong), "\n".join(w for w in wrong if w)


def source(*names):
    with open(os.path.join(TOP, *names), encoding="ascii") as f:
        return f.read()


def rows(text, begin, pattern):
    """The first words of the rows of a table in C."""
    body = text[text.index(begin):]
    return set(re.findall(pattern, body[:body.index("\n};")], re.M))


@pytest.mark.parametrize("protocol", ["FTP", "SFTP"])
def test_every_verb_and_request_is_in_the_matrix_or_touches_no_file(protocol):
    """Who adds a row there adds one here, or says why not."""
    if protocol == "FTP":
        served_ = rows(source("protocols", "ftp", "ftp_verb.c"), "verbs[] = {", r'^\t\{ "(\w+)"')
        served_ |= {"SITE/" + c for c in rows(source("protocols", "ftp", "ftp_site.c"), "commands[] = {", r'^\t\{ "(\w+)"')}
        ours, none = FTP, FTP_NO_FILE
    else:
        served_ = set(re.findall(r"\bSFTP_OP_(\w+),", rows_of_packets())) - {"UNKNOWN", "COUNT"}
        served_ |= {"exec/" + c for c in rows(source("protocols", "sftp", "sftp_verb.c"), "rows[] = {", r'^\t\{ "(\w+)"')}
        ours, none = SFTP, SFTP_NO_FILE
    used = {word for _, uses, _ in ours for word in uses.split()}
    without = {word for words in none.values() for word in words.split()}
    assert len(served_) > 30 and not used & without
    assert served_ - used - without == set(), "no row in the matrix"
    assert (used | without) - served_ == set(), "not served any more"
    assert {op for op, _, _ in ours} <= set(OPS)


def rows_of_packets():
    text = source("protocols", "sftp", "sftp_packet.c")
    return text[:text.index("sftp_packet_size")]


def test_every_operation_of_the_table_can_be_done_and_be_refused():
    for op in OPS:
        assert ways(op), op
        verdicts = {bool(table(name, rights)[op]) for name in NAMES for rights in SHARES.values()}
        assert verdicts == ({False} if op in ("across", "chown", "rename-over") else {True, False}), op
