# SPDX-License-Identifier: ISC
"""The full round: every FTPS client x what it does x TLS 1.2 only and TLS 1.3 only. Content and log decide.

FILES=5000 makes the trees as large as that (default 24). What a client has no way to do is in its driver's `cannot`
(ftps_drivers.py) with the reason, and has no cell here.
"""

import os
import pathlib
import random
import re
import shutil

import pytest

from conftest import eventually, free_port, serving, sha256
from ftps_drivers import HERE, BasicFtp, CommonsNet, Curl, Ftplib, Lftp, NetFtp, PlainFtplib, Rclone
from ftps_filezilla import FileZilla
from test_clients import make_tree, sums

CLIENTS = (Curl, Lftp, FileZilla, Rclone, Ftplib, PlainFtplib, BasicFtp, CommonsNet, NetFtp)
FEATURES = ("connect", "list", "upload", "download", "resume_up", "resume_down", "rename", "put_time", "get_time", "parallel_up",
            "parallel_down", "tree_up", "tree_down")
FILES = int(os.environ.get("FILES", "24"))
SIZE, HALF = 300000, 131072
PIECES, PIECE = 24, 96 * 1024
SLOW = "6M"  # of all sessions together, so that eight of them meet
OLD = 1577934245  # 2020-01-02 03:04:05


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """By version of TLS: one that serves 1.2 and 1.3, and one that serves 1.3 and nothing else. A listener more for each."""
    made, running = {}, []
    for tls in ("1.2", "1.3"):
        where = tmp_path_factory.mktemp("serve")
        lenient = free_port()
        (where / "slow").mkdir()
        (where / "extra.yaml").write_text("""
listeners: {lenient: {protocol: ftps, port: %d, data-binding: preferred}}
tls: {minimum-version: "%s"}
shares: {slow: {path: %s/slow, mount: /slow, rights: read-write, rate-up: %s, rate-down: %s}}
""" % (lenient, tls, where, SLOW, SLOW))
        cm = serving("--config", str(where / "extra.yaml"))
        made[tls] = cm.__enter__()
        running.append(cm)
        made[tls].lenient, made[tls].slow = lenient, str(where / "slow")
    yield made
    for cm in running:
        cm.__exit__(None, None, None)


def write(path, seed, size):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(random.Random(seed).randbytes(size))
    return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Round:
    """One client over one version: its driver, and all that is there before it begins."""

    def __init__(self, servers, kind, tls, where):
        self.server, self.tls = servers[tls], tls
        self.local, self.top = str(where), "/%s-%s" % (kind.name, tls)
        self.root, self.slow = self.server.path(self.top[1:]), os.path.join(self.server.slow, kind.name)
        self.seen = len(self.server.log())
        port = self.server.ftps_port if kind.binding == "required" else self.server.lenient
        self.client = kind(self.server, port, tls, self.local)
        self.prepare(kind.name + tls)
        self.client.expects(self)

    def prepare(self, seed):
        local, root = lambda *names: os.path.join(self.local, *names), lambda *names: os.path.join(self.root, *names)
        for name in ("up.bin", "more.bin", "old-up.bin"):
            write(local(name), seed + name, SIZE)
        for name in ("down.bin", "rest.bin", "old-down.bin", "first-name.bin"):
            write(root(name), seed + name, SIZE)
        self.first = sha256(root("first-name.bin"))
        with open(root("more.bin"), "wb") as f:
            f.write(read(local("more.bin"))[:HALF])
        with open(local("rest.bin"), "wb") as f:
            f.write(read(root("rest.bin"))[:HALF])
        for path in (local("old-up.bin"), root("old-down.bin")):
            os.utime(path, (OLD, OLD))
        for i in range(PIECES):
            write(local("many", "p%02d.bin" % i), seed + str(i), PIECE)
            write(os.path.join(self.slow, "down", "q%02d.bin" % i), seed + "q" + str(i), PIECE)
        os.mkdir(os.path.join(self.slow, "up"))
        os.mkdir(local("back"))
        make_tree(pathlib.Path(local("tree")), FILES, seed)
        make_tree(pathlib.Path(root("tree")), FILES, seed + "down")
        for name in ("b c.bin", "ä.bin"):
            write(root(name), seed, 10)

    def transfers(self, part, count=1):
        """(session, bytes) of the transfers since the round began whose path has the part; as many as that at least."""
        def found():
            return re.findall(r" transfer: session=(\w+) .* path=\S*%s\S* bytes=(\d+) .*outcome=complete" % re.escape(part),
                              self.server.log()[self.seen:])
        eventually(lambda: len(found()) >= count, what="records of transfers")
        return found()

    # ---- the cells: each says what must be true afterwards ----

    def connect(self):
        self.client.connect()
        eventually(lambda: " login: " in self.server.log()[self.seen:], what="login")

    def list(self):
        assert self.client.list(self.top) >= {"down.bin", "b c.bin", "ä.bin", "tree"}

    def upload(self):
        self.client.upload(self.local + "/up.bin", self.top + "/up.bin")
        assert read(self.root + "/up.bin") == read(self.local + "/up.bin")

    def download(self):
        self.client.download(self.top + "/down.bin", self.local + "/down.bin")
        assert read(self.local + "/down.bin") == read(self.root + "/down.bin")

    def resume_up(self):
        self.client.resume_up(self.local + "/more.bin", self.top + "/more.bin")
        assert read(self.root + "/more.bin") == read(self.local + "/more.bin")
        assert [int(size) for _, size in self.transfers("/more.bin")] == [SIZE - HALF]

    def resume_down(self):
        self.client.resume_down(self.top + "/rest.bin", self.local + "/rest.bin")
        assert read(self.local + "/rest.bin") == read(self.root + "/rest.bin")
        assert [int(size) for _, size in self.transfers("/rest.bin")] == [SIZE - HALF]

    def rename(self):
        self.client.rename(self.top + "/first-name.bin", self.top + "/second-name.bin")
        assert sha256(self.root + "/second-name.bin") == self.first and not os.path.exists(self.root + "/first-name.bin")

    def put_time(self):
        self.client.put_time(self.local + "/old-up.bin", self.top + "/old-up.bin")
        assert int(os.stat(self.root + "/old-up.bin").st_mtime) == OLD
        assert read(self.root + "/old-up.bin") == read(self.local + "/old-up.bin")

    def get_time(self):
        self.client.get_time(self.top + "/old-down.bin", self.local + "/old-down.bin")
        assert int(os.stat(self.local + "/old-down.bin").st_mtime) == OLD

    def at_once(self, folder):
        """Eight sessions moved the pieces."""
        assert len({session for session, _ in self.transfers("/slow/%s/%s/" % (os.path.basename(self.slow), folder), PIECES)}) == 8

    def parallel_up(self):
        remote = "/slow/%s/up" % os.path.basename(self.slow)
        self.client.parallel_up([(self.local + "/many/p%02d.bin" % i, remote + "/p%02d.bin" % i) for i in range(PIECES)])
        assert sums(self.slow + "/up") == sums(self.local + "/many")
        self.at_once("up")

    def parallel_down(self):
        remote = "/slow/%s/down" % os.path.basename(self.slow)
        self.client.parallel_down([(self.local + "/back/q%02d.bin" % i, remote + "/q%02d.bin" % i) for i in range(PIECES)])
        assert sums(self.local + "/back") == sums(self.slow + "/down")
        self.at_once("down")

    def tree_up(self):
        self.client.tree_up(self.local + "/tree", self.top + "/tree-up")
        assert sums(self.root + "/tree-up") == sums(self.local + "/tree")

    def tree_down(self):
        self.client.tree_down(self.top + "/tree", self.local + "/tree-down")
        assert sums(self.local + "/tree-down") == sums(self.root + "/tree")

    def end(self):
        self.client.close()
        eventually(lambda: not self.server.sessions(), 15, "end of all sessions")
        shutil.rmtree(self.root)
        shutil.rmtree(self.slow)


@pytest.fixture(scope="module")
def the_round(request, servers, tmp_path_factory):
    kind, tls = request.param
    if kind.name in HERE and not HERE[kind.name]():
        pytest.skip("needs %s: packaging/dev/deps" % kind.name)
    r = Round(servers, kind, tls, tmp_path_factory.mktemp(kind.name))
    yield r
    r.end()


ROUNDS = [(kind, tls) for kind in CLIENTS for tls in ("1.2", "1.3")]  # each once, so that its cells share one fixture


@pytest.mark.parametrize("the_round, feature", [
    pytest.param(one, feature, id="%s-%s-%s" % (one[0].name, one[1], feature))
    for one in ROUNDS for feature in FEATURES if feature not in one[0].cannot],
    indirect=["the_round"], scope="module")
def test_the_client_does_it_over_this_version_of_tls_alone(the_round, feature):
    getattr(the_round, feature)()
    assert set(re.findall(r" tls: .* version=TLSv(\S+)", the_round.server.log()[the_round.seen:])) == {the_round.tls}
