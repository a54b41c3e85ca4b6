# SPDX-License-Identifier: ISC
"""Power that fails (ledger LC11): every write to the disk below a share is recorded, and cut off at random places.

What a disk holds after a cut is all that was written before its last flush, and any part of what was written behind it;
ext4 makes of that what it can. CUTS=200 for a long run, SEED repeats one.
"""

import contextlib
import os
import random
import struct
import subprocess
import tempfile

import pytest
import yaml

from conftest import SYSTEM_UID, SYSTEM_USER, TOP, eventually, needs_root, run, serving
from rawftps import Raw
from test_faults import sftp_upload

CUTS = int(os.environ.get("CUTS", "16"))
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**31)))
BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "release"))
FLUSH = 2**64 - 1

pytestmark = [needs_root, pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="there is no /dev/fuse")]


def mount(image, where):
    """A loop device over the image, mounted; without loop devices there is nothing to test."""
    if run("mount", "-o", "loop", image, where, ok=False).returncode != 0:
        pytest.skip("there are no loop devices here")


class Disk:
    """A mounted ext4, and the record of all that was written to it."""

    def __init__(self, tmp):
        self.image, self.old, self.record, self.fuse_at, self.mount, self.look_at = (
            os.path.join(tmp, n) for n in ("image", "old", "record", "fuse", "mount", "look"))
        for path in (self.fuse_at, self.mount, self.look_at):
            os.mkdir(path)
        with open(self.image, "wb") as f:
            f.truncate(24 << 20)
        run("mkfs.ext4", "-q", "-J", "size=4", self.image)
        run("cp", "--sparse=always", self.image, self.old)
        program = os.path.relpath(os.path.join(BUILD, "logdisk"), TOP)
        run("make", "-s", "-C", TOP, "BUILD=" + os.path.dirname(program), program)
        self.fuse = subprocess.Popen([os.path.join(BUILD, "logdisk"), self.image, self.record, self.fuse_at])
        eventually(lambda: os.path.ismount(self.fuse_at) or self.fuse.poll() is not None, 10, "the mount")
        assert self.fuse.poll() is None
        try:
            mount(os.path.join(self.fuse_at, "disk"), self.mount)
        except BaseException:
            self.close()
            raise
        for name in ("safe", "quick"):
            os.mkdir(os.path.join(self.mount, name))
            os.chown(os.path.join(self.mount, name), SYSTEM_UID, SYSTEM_UID)
        run("sync", "-f", self.mount)

    def close(self):
        if os.path.ismount(self.mount):
            run("umount", self.mount)
        run("umount", self.fuse_at)
        self.fuse.wait(10)

    def now(self):
        """How far the record goes."""
        return os.path.getsize(self.record)

    @contextlib.contextmanager
    def after_cut(self, at, rng):
        """What is found when the power failed when the record was so long: the disk, mounted as after a restart."""
        image = self.old + ".cut"
        run("cp", "--sparse=always", self.old, image)
        with open(self.record, "rb") as f, open(image, "r+b") as disk:
            waiting = []  # written and not flushed
            while f.tell() < at:
                offset, length = struct.unpack("<QQ", f.read(16))
                if offset != FLUSH:
                    waiting.append((offset, f.read(length)))
                    continue
                for where, data in waiting:
                    os.pwrite(disk.fileno(), data, where)
                waiting = []
            for where, data in waiting:
                if rng.random() < 0.5:
                    os.pwrite(disk.fileno(), data, where)
        mount(image, self.look_at)
        try:
            yield self.look_at
        finally:
            run("umount", self.look_at)
            os.unlink(image)


@pytest.fixture(scope="module")
def disk():
    with tempfile.TemporaryDirectory(prefix="coffer-power-") as tmp:
        os.chmod(tmp, 0o755)
        d = Disk(tmp)
        extra = os.path.join(tmp, "extra.yaml")
        with open(extra, "w", encoding="ascii") as f:
            yaml.safe_dump({"shares": {name: {"path": os.path.join(d.mount, name), "mount": "/" + name, "rights": "read-write",
                                              "durable": name == "safe"} for name in ("safe", "quick")}}, f)
        try:
            with serving("--mode", "root", "--user", SYSTEM_USER, "--config", extra) as d.server:
                yield d
        finally:
            d.close()


@contextlib.contextmanager
def uploading(server, protocol):
    """upload(name, data), which returns once success was said."""
    if protocol == "ftp":
        with Raw(server) as c:
            def upload(name, data):
                assert c.put(name, data)[:3] == "226"
            yield upload
        return
    c = server.sftp()
    try:
        def upload(name, data):
            assert sftp_upload(c, name, data) is None
        yield upload
    finally:
        c.transport.close()


def some_uploads(disk, protocol, share, rng, count):
    """{name: [(record when it began, when success was said, content)]}"""
    done = {}
    with uploading(disk.server, protocol) as upload:
        for _ in range(count):
            name = "%s-%d" % (protocol, rng.randrange(5))
            data = rng.randbytes(rng.choice((1, 4096, 5000, 100000, 400000)))
            began = disk.now()
            upload("/%s/%s" % (share, name), data)
            done.setdefault(name, []).append((began, disk.now(), data))
    return done


def found(where, share, name):
    try:
        with open(os.path.join(where, share, name), "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


def may_be(versions, at):
    """All that a file may hold after a cut there: the last that was said to be safe, and what was being made of it."""
    said = [data for _, end, data in versions if end <= at]
    return said[-1:] + [data for begin, end, data in versions if begin <= at < end] if said else [None] + [
        data for begin, end, data in versions if begin <= at < end]


@pytest.mark.parametrize("protocol", ("ftp", "sftp"))
def test_lc11_what_was_said_to_be_safe_is_there_whole_wherever_the_power_fails(disk, protocol):
    rng = random.Random(SEED)
    print("SEED=%d" % SEED)
    start = disk.now()
    done = some_uploads(disk, protocol, "safe", rng, 16)
    # Right after each success, when nothing else was written yet, and anywhere.
    cuts = [end for versions in done.values() for _, end, _ in versions]
    cuts = rng.sample(cuts, min(len(cuts), CUTS // 2)) + [rng.randrange(start, disk.now()) for _ in range(CUTS - CUTS // 2)]
    for at in cuts:
        with disk.after_cut(whole_entries(disk.record, at), rng) as where:
            for name, versions in done.items():
                now = found(where, "safe", name)
                assert now in may_be(versions, at), (at, name, now and len(now), [(b, e, len(d)) for b, e, d in versions])


def test_lc11_a_share_that_is_not_durable_loses_what_was_not_flushed(disk):
    """So the test above can fail: without fsync the same cuts lose files."""
    rng = random.Random(SEED)
    done = some_uploads(disk, "ftp", "quick", rng, 5)
    at = max(end for versions in done.values() for _, end, _ in versions)
    with disk.after_cut(whole_entries(disk.record, at), rng) as where:
        assert [name for name, versions in done.items() if found(where, "quick", name) != versions[-1][2]]


def whole_entries(record, at):
    """The end of the last entry that is not longer than that."""
    with open(record, "rb") as f:
        end = 0
        while end < at:
            f.seek(end)
            offset, length = struct.unpack("<QQ", f.read(16))
            following = end + 16 + (0 if offset == FLUSH else length)
            if following > at:
                break
            end = following
    return end
