# SPDX-License-Identifier: ISC
"""Every SFTP client x every feature: one cell, one test. What a client itself has not is named, with the reason, in
protocols/sftp/CLIENTS.md, which is this table (`/usr/bin/python3 tests/e2e/test_sftp_table.py` writes it).

FILES=5000 makes the trees as large, SPARSE=5G the sparse files.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

import sftp_drivers as drivers
from conftest import TOP, run, serving
from sftp_filezilla import Filezilla
from test_clients import make_tree, sums

FILES = int(os.environ.get("FILES", 40))
UNITS = {"M": 1 << 20, "G": 1 << 30}
SPARSE = os.environ.get("SPARSE", "4M")
SPARSE = int(SPARSE[:-1]) * UNITS[SPARSE[-1]]
BEYOND, TAIL, WHEN, MODE = 5 << 30, 100000, 1500000001, 0o640
DOCUMENT = os.path.join(TOP, "protocols", "sftp", "CLIENTS.md")

CLIENTS = {"OpenSSH sftp": drivers.Sftp, "OpenSSH scp": drivers.Scp, "scp -O": drivers.OldScp, "sshfs": drivers.Sshfs, "PuTTY": drivers.Putty,
           "FileZilla": Filezilla, "lftp": drivers.Lftp, "curl": drivers.Curl, "rclone": drivers.Rclone, "paramiko": drivers.Paramiko,
           "asyncssh": drivers.Asyncssh, "node ssh2": drivers.Node, "JSch": drivers.Jsch, "Net::SFTP::Foreign": drivers.Foreign}


class Place:
    """Where a cell works: the same directory as the client, the server and the disk see it."""

    def __init__(self, server, tmp, client, feature):
        name = "%s.%s" % (client, feature)
        self.here, self.there, self.disk = str(tmp / name), "/" + name, server.path(name)
        os.mkdir(self.here)
        os.mkdir(self.disk)

    def file(self, where, name, data):
        with open(os.path.join(where, name), "wb") as f:
            f.write(data)

    def sparse(self, where, name, size, tail=b""):
        with open(os.path.join(where, name), "wb") as f:
            f.truncate(size - len(tail))
            f.seek(size - len(tail))
            f.write(tail)

    def put(self, name, verb="put"):
        return (verb, os.path.join(self.here, name), "%s/%s" % (self.there, name))

    def get(self, name, verb="get"):
        return (verb, "%s/%s" % (self.there, name), os.path.join(self.here, name))


def read(where, name, at=0):
    with open(os.path.join(where, name), "rb") as f:
        f.seek(at)
        return f.read()


# What a client transfers: each yields its jobs once, and looks at the outcome when they are done.

def upload(p):
    files = {"large": os.urandom(3000001), "empty": b""}
    for name, data in files.items():
        p.file(p.here, name, data)
    yield [p.put(name) for name in files]
    assert {name: read(p.disk, name) for name in os.listdir(p.disk)} == files


def download(p):
    files = {"large": os.urandom(3000001), "empty": b""}
    for name, data in files.items():
        p.file(p.disk, name, data)
    yield [p.get(name) for name in files]
    assert {name: read(p.here, name) for name in files} == files


def resume_up(p):
    data = os.urandom(1000000)
    p.file(p.here, "half", data)
    p.file(p.disk, "half", data[:300017])
    yield [p.put("half", "reput")]
    assert read(p.disk, "half") == data


def resume_down(p):
    data = os.urandom(1000000)
    p.file(p.disk, "half", data)
    p.file(p.here, "half", data[:300017])
    yield [p.get("half", "reget")]
    assert read(p.here, "half") == data


def parallel(p):
    data = {"%s%d" % (way, i): os.urandom(500000 + i) for way in ("up", "down") for i in range(4)}
    for name, some in data.items():
        p.file(p.here if name.startswith("up") else p.disk, name, some)
    yield [p.put(name) if name.startswith("up") else p.get(name) for name in data]
    assert data == {name: read(p.disk if name.startswith("up") else p.here, name) for name in data}


def tree(p):
    for where, name in ((p.here, "up"), (p.disk, "down")):
        make_tree(Path(where) / name, FILES, name)
    yield [p.put("up", "puttree"), p.get("down", "gettree")]
    for name in ("up", "down"):
        found = sums(os.path.join(p.disk, name))
        assert len(found) == FILES and found == sums(os.path.join(p.here, name))


def names(p, *some):
    for way, where in (("up", p.here), ("down", p.disk)):
        for name in some:
            p.file(where, name + way, os.fsencode(name))
    yield [p.put(name + "up") for name in some] + [p.get(name + "down") for name in some]
    assert sorted(os.listdir(os.fsencode(p.disk))) == sorted(os.fsencode(name + way) for way in ("up", "down") for name in some)
    for name in some:
        assert read(p.disk, name + "up") == os.fsencode(name) == read(p.here, name + "down")


def unicode_names(p):
    yield from names(p, "übergröße €", "u\u0308 日本")


def raw_names(p):
    yield from names(p, "\udcff\udcfe raw", "a\udc80")


def beyond(p):
    """The last bytes of files that are large and empty in front of them."""
    tail = os.urandom(TAIL)
    for source, target, name in ((p.here, p.disk, "up"), (p.disk, p.here, "down")):
        p.sparse(source, name, BEYOND, tail)
        p.sparse(target, name, BEYOND - TAIL)
    yield [p.put("up", "reput"), p.get("down", "reget")]
    for where, name in ((p.disk, "up"), (p.here, "down")):
        at = os.stat(os.path.join(where, name))
        assert at.st_size == BEYOND and at.st_blocks < 2000 and read(where, name, BEYOND - TAIL) == tail


def sparse(p):
    tail = os.urandom(TAIL)
    for where, name in ((p.here, "up"), (p.disk, "down")):
        p.sparse(where, name, SPARSE, tail)
    yield [p.put("up"), p.get("down")]
    for where, name in ((p.disk, "up"), (p.here, "down")):
        assert os.stat(os.path.join(where, name)).st_size == SPARSE and read(where, name, SPARSE - TAIL) == tail
        os.unlink(os.path.join(where, name))


# What it does without.

def log_in(d, p):
    p.file(p.disk, "seen", b"x")
    if "list" in d.cannot:
        d.get(p.there + "/seen", p.here + "/seen")
    else:
        assert any("seen" in name for name in d.ls(p.there))


def listing(d, p):
    wanted = {"a", "two words", "ümlaut €", ".dot", "n" * 200}
    for name in wanted - {"two words"}:
        p.file(p.disk, name, b"x")
    os.mkdir(os.path.join(p.disk, "two words"))
    found = set(d.ls(p.there)) - {".", ".."}
    assert found == wanted or found == wanted - {".dot"} and d.hides_dots


def rename(d, p):
    p.file(p.disk, "old name", b"data")
    d.mv(p.there + "/old name", p.there + "/new näme")
    assert os.listdir(p.disk) == ["new näme"]


def symlink(d, p):
    """The draft and OpenSSH differ in what comes first, and clients know our name (ssh_quirk.c)."""
    p.file(p.disk, "file", b"data")
    d.ln("file", p.there + "/link")
    assert sorted(os.listdir(p.disk)) == ["file", "link"] and os.readlink(os.path.join(p.disk, "link")) == "file"


def mtime(d, p):
    p.file(p.disk, "f", b"")
    d.touch(p.there + "/f", WHEN)
    assert int(os.stat(os.path.join(p.disk, "f")).st_mtime) == WHEN


def mode(d, p):
    p.file(p.disk, "f", b"")
    d.chmod(p.there + "/f", MODE)
    assert os.stat(os.path.join(p.disk, "f")).st_mode & 0o777 == MODE


TRANSFERS = {"upload": upload, "download": download, "resume up": resume_up, "resume down": resume_down, "parallel 8": parallel, "tree": tree,
             "unicode names": unicode_names, "raw names": raw_names, "beyond 4 GiB": beyond, "sparse": sparse}
OTHERS = {"password": log_in, "key": log_in, "list": listing, "rename": rename, "symlink": symlink, "mtime": mtime, "mode": mode}
FEATURES = ["password", "key", "list", "upload", "download", "resume up", "resume down", "rename", "symlink", "mtime", "mode", "parallel 8", "tree",
            "unicode names", "raw names", "beyond 4 GiB", "sparse"]
CELLS = [(client, feature) for client in CLIENTS for feature in FEATURES if feature not in CLIENTS[client].cannot]


@pytest.fixture(scope="module")
def served(user_key, tmp_path_factory):
    """A server, with a key for clients that know no Ed25519."""
    tmp = tmp_path_factory.mktemp("table")
    run("ssh-keygen", "-q", "-t", "ecdsa", "-m", "PEM", "-N", "", "-C", "", "-f", str(tmp / "ecdsa"))
    with open(tmp / "keys", "w", encoding="ascii") as f:
        for path in (user_key, str(tmp / "ecdsa")):
            with open(path + ".pub", encoding="ascii") as k:
                f.write(k.read())
    rights = "[list, read, create, overwrite, append, rename, delete, mkdir, rmdir, chmod, times, symlink]"
    (tmp / "extra").write_text("sftp: { scp: yes }\nshares: { root: { rights: %s } }\n" % rights)
    with serving("--authorized-keys", str(tmp / "keys"), "--config", str(tmp / "extra")) as server:
        server.key, server.ecdsa_key = user_key, str(tmp / "ecdsa")
        yield server


class Bench:
    """The clients that run, and for those that do all transfers in one run what these came to."""

    def __init__(self, server, tmp):
        self.server, self.tmp, self.running, self.done = server, tmp, {}, {}

    def driver(self, client, key=True):
        if (client, key) not in self.running:
            where = self.tmp / ("%s %s" % (client, "key" if key else "password"))
            where.mkdir()
            self.running[client, key] = CLIENTS[client](self.server, where, key)
        return self.running[client, key]

    def place(self, client, feature):
        return Place(self.server, self.tmp, client, feature)

    def transfer(self, client, feature):
        d = self.driver(client)
        if not d.all_at_once:
            rest = TRANSFERS[feature](self.place(client, feature))
            jobs = next(rest)
            if feature == "parallel 8":
                d.many(jobs)
            else:
                for verb, a, b in jobs:
                    getattr(d, verb)(a, b)
            assert not list(rest)
            return
        if client not in self.done:
            self.done[client] = {f: TRANSFERS[f](self.place(client, f)) for f in TRANSFERS if f not in d.cannot}
            d.transfer([job for rest in self.done[client].values() for job in next(rest)])
        assert not list(self.done[client][feature])

    def close(self):
        for d in self.running.values():
            d.close()


@pytest.fixture(scope="module")
def bench(served, tmp_path_factory):
    b = Bench(served, tmp_path_factory.mktemp("bench"))
    yield b
    b.close()


@pytest.mark.parametrize("client,feature", CELLS)
def test_a_client_can_do_it(bench, client, feature):
    missing = CLIENTS[client].missing()
    if missing:
        pytest.skip("%s is not installed" % missing)
    if feature in TRANSFERS:
        bench.transfer(client, feature)
    else:
        OTHERS[feature](bench.driver(client, feature != "password"), bench.place(client, feature))
    shutil.rmtree(bench.server.path("%s.%s" % (client, feature)))


def document():
    reasons = []
    lines = ["# Clients and what they can do here", "",
             "Each `yes` is a test of its own (`tests/e2e/test_sftp_table.py`, which makes this table). A number is something that the",
             "client itself has not.", "", "| | " + " | ".join(FEATURES) + " |", "|---" * (len(FEATURES) + 1) + "|"]
    for client, driver in CLIENTS.items():
        cells = []
        for feature in FEATURES:
            reason = driver.cannot.get(feature)
            if reason and "%s: %s" % (client, reason) not in reasons:
                reasons.append("%s: %s" % (client, reason))
            cells.append(str(reasons.index("%s: %s" % (client, reason)) + 1) if reason else "yes")
        lines.append("| %s | %s |" % (client, " | ".join(cells)))
    lines += [""] + ["%d. %s" % (i, reason) for i, reason in enumerate(reasons, 1)] + [""]
    lines += ["%s: %s" % (client, driver.note) for client, driver in CLIENTS.items() if driver.note]
    return "\n".join(lines) + "\n"


def test_the_table_that_people_read_is_this_one():
    with open(DOCUMENT, encoding="utf-8") as f:
        assert f.read() == document()


def test_a_client_that_cannot_has_not_the_verb():
    """A reason stands for a verb that its driver has not, or for the kind of names: none hides a failure."""
    verbs = {"list": "ls", "resume up": "reput", "resume down": "reget", "beyond 4 GiB": "reput", "rename": "mv", "symlink": "ln", "mode": "chmod", "tree": "puttree"}
    for client, driver in CLIENTS.items():
        for feature in driver.cannot:
            assert feature == "raw names" or not hasattr(driver, verbs[feature]), (client, feature)


if __name__ == "__main__":
    with open(DOCUMENT, "w", encoding="utf-8") as out:
        out.write(document())
    sys.exit(0)
