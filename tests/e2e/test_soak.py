# SPDX-License-Identifier: ISC
"""Everything at one time: clients of both protocols put, read, rename and delete the same few files, uploads and
connections break, processes are killed, the configuration is reloaded and the program exchanged. SOAK_SECONDS (6).

Each file says what it must be, so whoever reads half of one, or two mixed, knows it."""

import contextlib
import ftplib
import hashlib
import io
import os
import random
import signal
import tempfile
import threading
import time

import paramiko
import pytest

from conftest import IS_ROOT, SYSTEM_USER, comm, descendants, eventually, serving
from test_quota import record, there

SECONDS = int(os.environ.get("SOAK_SECONDS", "6"))
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**31)))
CLIENTS = 4  # of each protocol
NAMES = ["f%d" % i for i in range(6)] + ["d/f%d" % i for i in range(3)]
BROKEN = (OSError, EOFError, ftplib.Error, paramiko.SSHException, AttributeError, ValueError)
CONFIG = """
limits: {waiting-per-address: 200}
shares: {root: {%s}}
"""
SHARES = {"quota": "quota-bytes: 16M, quota-files: 200", "trash": "trash: 30d, versions: 2, quota-bytes: 64M"}


def make(rng):
    body = rng.randbytes(rng.choice((0, 1, 900, 40000, 300000)))
    return hashlib.sha256(body).hexdigest().encode("ascii") + body


def is_whole(data):
    return len(data) >= 64 and hashlib.sha256(data[64:]).hexdigest().encode("ascii") == data[:64]


class Ftp:
    """One session; breaks(n) ends an upload after n bytes without a word."""

    def __init__(self, s):
        self.f = s.ftp()

    def put(self, name, data):
        self.f.storbinary("STOR " + name, io.BytesIO(data))

    def breaks(self, name, data):
        c = self.f.transfercmd("STOR " + name)
        c.sendall(data)
        self.f.sock.close()
        c.close()

    def get(self, name):
        parts = []
        self.f.retrbinary("RETR " + name, parts.append)
        return b"".join(parts)

    def rename(self, old, new):
        self.f.rename(old, new)

    def delete(self, name):
        self.f.delete(name)

    def look(self):
        return list(self.f.mlsd("d"))

    def close(self):
        self.f.close()


class Sftp:
    def __init__(self, s):
        self.c = s.sftp()
        self.c.get_channel().settimeout(20)

    def put(self, name, data):
        with self.c.open(name, "wb") as f:
            f.write(data)

    def breaks(self, name, data):
        f = self.c.open(name, "wb")
        f.write(data)
        self.c.transport.sock.close()

    def get(self, name):
        with self.c.open(name, "rb") as f:
            size = f.stat().st_size
            data = f.read()
        if len(data) < size:  # paramiko takes the end of the connection for the end of the file
            raise EOFError(name)
        return data

    def rename(self, old, new):
        self.c.posix_rename(old, new)

    def delete(self, name):
        self.c.remove(name)

    def look(self):
        return self.c.listdir_attr("d")

    def close(self):
        self.c.transport.close()


def act(session, rng, wrong):
    what, name, data = rng.random(), rng.choice(NAMES), make(rng)
    if what < 0.35:
        session.put(name, data)
    elif what < 0.45:
        session.breaks(name, data[:rng.randrange(len(data) + 1)])
    elif what < 0.75:
        got = session.get(name)
        if not is_whole(got):
            wrong.append("%s of %s: %d bytes that are no file" % (type(session).__name__, name, len(got)))
    elif what < 0.85:
        session.rename(name, rng.choice(NAMES))
    elif what < 0.92:
        session.delete(name)
    else:
        session.look()


def client(kind, s, rng, until, wrong, done):
    while time.monotonic() < until:
        with contextlib.suppress(*BROKEN):
            session = kind(s)
            try:
                for _ in range(rng.randrange(1, 30)):
                    with contextlib.suppress(FileNotFoundError, PermissionError, ftplib.error_perm, ftplib.error_temp):
                        act(session, rng, wrong)
                        done[0] += 1
                    if time.monotonic() > until:
                        break
            finally:
                session.close()


def trouble(s, rng, until):
    """What the world does to a server."""
    while time.monotonic() < until:
        time.sleep(rng.random() * 0.3)
        what = rng.random()
        if what < 0.15:
            os.kill(s.pid, signal.SIGHUP)
        elif what < 0.2:
            os.kill(s.pid, signal.SIGUSR2)
        elif what < 0.7:
            pids = s.sessions().get(rng.choice(("coffer-wire", "coffer-worker", "coffer-monitor")), [])
            with contextlib.suppress(ProcessLookupError, IndexError):
                os.kill(rng.choice(pids), signal.SIGKILL)


@pytest.mark.parametrize("share", SHARES)
def test_whatever_happens_files_are_whole_quotas_exact_and_nothing_is_left(share):
    rng = random.Random(SEED)
    print("SEED=%d" % SEED)
    with tempfile.TemporaryDirectory(prefix="coffer-soak-") as tmp:
        os.chmod(tmp, 0o755)
        arguments = ["--dir", os.path.join(tmp, "server")] + (["--mode", "root", "--user", SYSTEM_USER] if IS_ROOT else [])
        with serving(*arguments, config=CONFIG % SHARES[share]) as s:
            soak(s, rng)


def is_counted(s):
    """Where somebody died, the next session counts anew."""
    Ftp(s).f.quit()
    eventually(lambda: not s.sessions(), 20, "end of a session")
    said, is_there = record(s)[:4], there(s) + (0, 0)
    if said != is_there:
        print("quota: %r, there is %r" % (said, is_there))
    return said == is_there


def soak(s, rng):
    first = Ftp(s)
    first.f.mkd("d")
    first.f.quit()
    eventually(lambda: not s.sessions(), 20, "end of the first session")
    lasting = sorted(comm(pid) for pid in descendants(s.pid))
    wrong, done, until = [], [0], time.monotonic() + SECONDS
    threads = [threading.Thread(target=client, args=(kind, s, random.Random(rng.random()), until, wrong, done))
               for kind in (Ftp, Sftp) for _ in range(CLIENTS)]
    for t in threads:
        t.start()
    trouble(s, rng, until)
    for t in threads:
        t.join(120)
        assert not t.is_alive()
    eventually(lambda: not s.sessions(), 60, "end of sessions")
    print("%d things done" % done[0])
    assert done[0] > 10 and not wrong, wrong[:5]

    eventually(lambda: is_counted(s), 20, "an exact quota")
    files = [os.path.join(top, name) for top, _, names in os.walk(s.root) for name in names if not name.startswith(".coffer-")]
    assert files and not [path for path in files if not is_whole(content(path))]
    assert sorted(comm(pid) for pid in descendants(s.pid)) == lasting
    log = s.log()
    for word in ("sandbox-violation", "bad-message", "signal=SIGSEGV", "signal=SIGABRT", "signal=SIGSYS"):
        assert word not in log, [line for line in log.splitlines() if word in line][:3]


def content(path):
    with open(path, "rb") as f:
        return f.read()
