# SPDX-License-Identifier: ISC
"""Uploads to a disk that breaks, at every step of them (ledger LC04, LC06): the filesystem is tests/faultfs.

ROUNDS=1000 makes a soak of the random rounds; SEED repeats a run.
"""

import ftplib
import os
import random
import subprocess
import tempfile

import pytest
import yaml

from conftest import SYSTEM_UID, SYSTEM_USER, TOP, eventually, needs_root, run, serving

ROUNDS = int(os.environ.get("ROUNDS", "60"))
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**31)))
BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "release"))
CODES = {"ENOSPC": "452", "EDQUOT": "552", "EIO": "451"}
STEPS = ("create", "write", "flush", "fsync", "rename")

pytestmark = [needs_root, pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="there is no /dev/fuse")]


class Disk:
    """A mounted faultfs, and a server whose share is in it."""

    def __init__(self, tmp, more=None, **share):
        self.real, self.mount, self.control = (os.path.join(tmp, n) for n in ("real", "mount", "control"))
        for path in (self.real, self.mount):
            os.mkdir(path)
        os.chown(self.real, SYSTEM_UID, SYSTEM_UID)
        self.set("")
        program = os.path.relpath(os.path.join(BUILD, "faultfs"), TOP)
        run("make", "-s", "-C", TOP, "BUILD=" + os.path.dirname(program), program)
        self.fuse = subprocess.Popen([os.path.join(BUILD, "faultfs"), self.real, self.control, self.mount])
        eventually(lambda: os.path.ismount(self.mount) or self.fuse.poll() is not None, 10, "the mount")
        assert self.fuse.poll() is None
        extra = os.path.join(tmp, "extra.yaml")
        with open(extra, "w", encoding="ascii") as f:
            yaml.safe_dump({"shares": {"root": share}, **(more or {})}, f)
        self.serving = serving("--mode", "root", "--user", SYSTEM_USER, "--share", self.mount, "--config", extra)
        self.server = self.serving.__enter__()

    def close(self):
        self.set("")
        self.serving.__exit__(None, None, None)
        run("umount", "-l", self.mount)
        self.fuse.wait(10)

    def set(self, line):
        """What fails from now on."""
        with open(self.control + ".new", "w", encoding="ascii") as f:
            f.write(line)
        os.rename(self.control + ".new", self.control)

    def put(self, name, data):
        path = os.path.join(self.real, name)
        with open(path, "wb") as f:
            f.write(data)
        os.chown(path, SYSTEM_UID, SYSTEM_UID)

    def get(self, name):
        try:
            with open(os.path.join(self.real, name), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def settle(self, what=""):
        """A refusal is told at once; what was begun is put away right after, if the disk can rename and unlink."""
        eventually(lambda: not [n for n in os.listdir(self.real) if n.startswith(".coffer-part~")], 10, "the end of the part: %s" % (what,))

    def clean(self):
        for name in os.listdir(self.real):
            os.unlink(os.path.join(self.real, name))


@pytest.fixture(scope="module")
def disk():
    with tempfile.TemporaryDirectory(prefix="coffer-fault-") as tmp:
        os.chmod(tmp, 0o755)
        d = Disk(tmp, durable=True)
        try:
            yield d
        finally:
            d.close()


def ftp_upload(f, name, data):
    """The last reply."""
    try:
        return f.store(name, data)
    except ftplib.Error as e:
        return str(e)


def sftp_upload(c, name, data):
    """None, or the error that was told."""
    told = None
    try:
        h = c.open(name, "wb")
    except OSError as e:
        return str(e)
    try:
        h.set_pipelined(True)
        h.write(data)
        c._finish_responses(h)
    except OSError as e:
        told = str(e)
    try:
        h._closed = True
        c._request(0x04, h.handle)  # paramiko's own close() hides what it says
    except OSError as e:
        told = str(e)
    return told


@pytest.mark.parametrize("kind", ("new", "old"))
def test_every_step_that_breaks_is_told_and_harms_nothing(disk, kind):
    """LC04: ENOSPC, EDQUOT and EIO at create, write, close, fsync and rename; FTP says 452, 552 and 451, never 226."""
    f, c = disk.server.ftp(), disk.server.sftp()
    wrong = []
    for step in STEPS:
        for error, code in CODES.items():
            for protocol in ("ftp", "sftp"):
                disk.clean()
                if kind == "old":
                    disk.put("file", b"old content")
                data = os.urandom(300000)
                disk.set("%s %s 0" % (step, error))
                said = ftp_upload(f, "file", data) if protocol == "ftp" else sftp_upload(c, "file", data)
                if step != "rename":
                    disk.settle((protocol, step, error, said))
                disk.set("")
                told = said.startswith(code) if protocol == "ftp" else said is not None
                if not told or disk.get("file") != (b"old content" if kind == "old" else None):
                    wrong.append((protocol, step, error, said))
    # And when the disk is well again, so are we.
    disk.clean()
    assert ftp_upload(f, "file", b"well").startswith("226") and sftp_upload(c, "file2", b"well") is None
    assert disk.get("file") == disk.get("file2") == b"well"
    f.quit()
    c.transport.close()
    eventually(lambda: not disk.server.sessions(), 15, "end of sessions")
    assert not wrong, wrong


@pytest.mark.parametrize("protocol", ("ftp", "sftp"))
def test_at_random_moments_the_old_file_or_the_whole_new_one_is_there(disk, protocol):
    """LC04 and promise 4, in random rounds."""
    rng = random.Random(SEED)
    print("SEED=%d" % SEED)
    disk.clean()
    f = disk.server.ftp() if protocol == "ftp" else disk.server.sftp()
    told = 0
    for number in range(ROUNDS):
        name, old = "f%d" % (number % 7), disk.get("f%d" % (number % 7))
        data = rng.randbytes(rng.choice((0, 1, 5000, 300000, 1500000)))
        step = rng.choice(STEPS + ("", "unlink"))
        disk.set("%s %s %d" % (step, rng.choice(list(CODES)), rng.randrange(6)) if step else "")
        said = ftp_upload(f, name, data).startswith("226") if protocol == "ftp" else sftp_upload(f, name, data) is None
        if step not in ("unlink", "rename"):
            disk.settle((number, step, said))
        disk.set("")
        now = disk.get(name)
        what = (number, step, said, len(data), now and len(now), old and len(old))
        assert now == data if said else now in (old, data), what
        told += not said
        # What was kept may be gone on with, or not; what could not be put away is busy for a moment.
        if not said and (step in ("unlink", "rename") or rng.random() < 0.5):
            for hidden in [h for h in os.listdir(disk.real) if h.startswith(".coffer-")]:
                os.unlink(os.path.join(disk.real, hidden))
        if rng.random() < 0.3 and now is not None:
            os.unlink(os.path.join(disk.real, name))
    if protocol == "ftp":
        f.quit()
    else:
        f.transport.close()
    eventually(lambda: not disk.server.sessions(), 15, "end of sessions")
    assert ROUNDS < 20 or told > ROUNDS / 10
    assert "sandbox-violation" not in disk.server.log()
