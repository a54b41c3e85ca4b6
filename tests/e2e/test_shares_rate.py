# SPDX-License-Identifier: ISC
"""Rates that sessions share: kept together, over both protocols, and divided equally.

What may be moved in a time is an upper bound, which a slow machine cannot break; how it is divided is a ratio.
"""

import os
import tempfile
import threading
import time

import pytest
import yaml

from conftest import IS_ROOT, SYSTEM_USER, eventually, let_others_pass, serving
from test_sftp_ledger import READ, WRITE, R, Raw, W, s as string, u32, u64

KIB = 1024
RATE = 2048 * KIB
SECONDS = float(os.environ.get("SECONDS", "4"))


@pytest.fixture(scope="module", params=("user", "share"))
def limited(request):
    with tempfile.TemporaryDirectory(prefix="coffer-rate-") as tmp:
        os.chmod(tmp, 0o755)
        conf = {"limits": {"rate-up-per-user": str(RATE), "rate-down-per-user": str(RATE)}} if request.param == "user" else \
            {"shares": {"root": {"rate-up": str(RATE), "rate-down": str(RATE)}}}
        extra = os.path.join(tmp, "extra.yaml")
        with open(extra, "w", encoding="ascii") as f:
            yaml.safe_dump(conf, f)
        arguments = ["--dir", os.path.join(tmp, "server"), "--config", extra]
        if IS_ROOT:
            arguments += ["--mode", "root", "--user", SYSTEM_USER]
        with serving(*arguments) as s:
            with open(s.path("big"), "wb") as f:
                f.truncate(1 << 30)
            os.chmod(s.path("big"), 0o644)
            yield s


class Mover(threading.Thread):
    """Moves data one way until it is told to stop, and counts."""

    def __init__(self, server, protocol, way, name):
        super().__init__(daemon=True)
        self.server, self.protocol, self.way, self.name_there = server, protocol, way, name
        self.moved, self.stop, self.failed = 0, threading.Event(), None
        self.ready = threading.Event()

    def run(self):
        try:
            getattr(self, self.protocol + "_" + self.way)()
        except Exception as e:  # looked at by the test
            self.failed = e
            self.ready.set()

    def ftp_down(self):
        f = self.server.ftp()
        c = f.transfercmd("RETR big")
        self.ready.set()
        while not self.stop.is_set():
            self.moved += len(c.recv(16 * KIB))
        c.close()
        f.close()

    def ftp_up(self):
        f = self.server.ftp()
        c = f.transfercmd("STOR " + self.name_there)
        self.ready.set()
        while not self.stop.is_set():
            c.sendall(bytes(16 * KIB))
            self.moved += 16 * KIB
        c.close()
        f.close()

    def sftp_down(self):
        c = self.server.sftp()
        with c.open("big", "rb") as h:
            self.ready.set()
            at = 0
            while not self.stop.is_set():
                # Many requests at a time, and still no more than its part.
                for block in h.readv([(at + i * 32 * KIB, 32 * KIB) for i in range(8)]):
                    self.moved += len(block)
                at += 8 * 32 * KIB
        c.transport.close()

    def sftp_up(self):
        c = self.server.sftp()
        with c.open(self.name_there, "wb") as h:
            self.ready.set()
            while not self.stop.is_set():
                h.write(bytes(32 * KIB))
                self.moved += 32 * KIB
        c.transport.close()


def arrived(limited, m):
    """What has gone through the server: uploads may lie in sockets by the megabyte."""
    if m.way == "down":
        return m.moved
    parts = [n for n in os.listdir(limited.root) if n.endswith("~" + m.name_there)]
    return os.stat(limited.path(parts[0])).st_size if parts else 0


@pytest.mark.parametrize("way", ("down", "up"))
def test_sessions_share_a_rate_equally(limited, way):
    movers = [Mover(limited, p, way, "up%d" % i) for i, p in enumerate(("ftp", "sftp", "ftp"))]
    for m in movers:
        m.start()
    for m in movers:
        assert m.ready.wait(20)
    before, began = [arrived(limited, m) for m in movers], time.monotonic()
    time.sleep(SECONDS)
    moved, took = [arrived(limited, m) - b for m, b in zip(movers, before)], time.monotonic() - began
    for m in movers:
        m.stop.set()
    for m in movers:
        m.join(20)
    assert not [m.failed for m in movers if m.failed]
    # What lies in sockets was sent by the server and not yet taken by us.
    assert sum(moved) <= RATE * took + 3 * 1024 * KIB, moved
    assert sum(moved) >= RATE * took * 0.5, moved
    assert min(moved) >= sum(moved) / 3 * 0.5, moved
    eventually(lambda: not limited.sessions(), 20, "end of sessions")
    for name in os.listdir(limited.root):
        if name.startswith(("up", ".coffer")):
            os.unlink(limited.path(name))


@pytest.mark.parametrize("way", ("down", "up"))
def test_two_channels_of_one_session_have_the_rate_of_their_share_each(tmp_path, way):
    """They take turns in one process: what is granted for one share must not be lost on the other."""
    other = tmp_path / "other"
    other.mkdir()
    for at in (tmp_path, other):
        at.chmod(0o777)
    let_others_pass(tmp_path)
    rates = {"rate-up": str(RATE), "rate-down": str(RATE), "rights": "read-write"}
    extra = tmp_path / "extra.yaml"
    extra.write_text(yaml.safe_dump({"shares": {"root": rates, "other": dict(rates, path=str(other), mount="/other")}}))
    arguments = ["--config", str(extra)]
    if IS_ROOT:
        arguments += ["--mode", "root", "--user", SYSTEM_USER]
    with serving(*arguments) as s:
        for path in (s.path("big"), str(other / "big")):
            with open(path, "wb") as f:
                f.truncate(1 << 30)
            os.chmod(path, 0o666)
        first = Raw(s)
        channels = [first, Raw(s, transport=first.transport)]
        moved, kind = [0, 0], READ if way == "down" else WRITE
        handles = [c.open(path, R | W) for c, path in zip(channels, ("big", "other/big"))]
        assert all(isinstance(h, bytes) for h in handles), handles
        tail = u32(32 * KIB) if way == "down" else string(bytes(32 * KIB))
        end = time.monotonic() + SECONDS

        def move(i):
            c, at = channels[i], 0
            for n in range(1 << 20):
                c.send(kind, u32(n) + string(handles[i]) + u64(at) + tail)
                at += 32 * KIB
                if n >= 8:
                    c.packet()
                    moved[i] += 32 * KIB
                if time.monotonic() > end:
                    return

        threads = [threading.Thread(target=move, args=(i,), daemon=True) for i in (0, 1)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(SECONDS + 20)
        first.transport.close()
    assert max(moved) <= RATE * SECONDS + 3 * 1024 * KIB, moved
    assert min(moved) >= RATE * SECONDS * 0.5, moved
