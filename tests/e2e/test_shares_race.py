# SPDX-License-Identifier: ISC
"""Directories that are exchanged for links at full speed while clients work below them (ledger VF04, VF16).

RACE_SECONDS=60 for the long run on each filesystem.
"""

import ftplib
import os
import subprocess
import sys
import tempfile
import time

import pytest

from conftest import IS_ROOT, run, serving

SECONDS = float(os.environ.get("RACE_SECONDS", "5"))

# Exchanges share/d (a directory) and share/l (a link to the outside); and moves share/p away and back.
FLIP = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
os.chdir(sys.argv[1])
while os.getppid() != 1:
    libc.renameat2(-100, b"d", -100, b"l", 2)
    libc.renameat2(-100, b"p", -100, b"q", 1)
    libc.renameat2(-100, b"d", -100, b"l", 2)
    libc.renameat2(-100, b"q", -100, b"p", 1)
"""


def picture(top):
    found = {}
    for base, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(base, name)
            st = os.stat(path)
            with open(path, "rb") if name in files else open(os.devnull, "rb") as f:
                found[path] = (st.st_mode, st.st_mtime_ns, st.st_size, f.read())
    st = os.stat(top)
    found[top] = (st.st_mode, st.st_mtime_ns)
    return found


def ftp_round(f, i):
    def put():
        with f.transfercmd("STOR d/x") as c:
            c.sendall(b"upload")
            c.unwrap()
        f.voidresp()

    def move():
        f.sendcmd("RNFR mine")
        f.voidcmd("RNTO d/mine")

    (lambda: f.mkd("d/dir"), put, lambda: f.delete("d/x"), move, lambda: f.voidcmd("SITE CHMOD 777 d/canary"),
     lambda: f.delete("d/canary"), lambda: f.voidcmd("MFMT 20200101000000 d/canary"), lambda: f.rmd("d/dir"),
     lambda: f.rmd("d/sub"))[i % 9]()


def sftp_round(c, i, stolen):
    def read():
        with c.open("d/canary", "rb") as f:
            stolen.append(f.read())

    def write():
        with c.open("d/canary", "r+b") as f:
            f.write(b"broken")

    (lambda: c.mkdir("d/dir"), read, write, lambda: c.chmod("d/canary", 0o777), lambda: c.truncate("d/canary", 0),
     lambda: stolen.extend(n.encode() for n in c.listdir("d") if n == "only-outside"), lambda: c.utime("d/canary", (1, 1)),
     lambda: c.posix_rename("d/canary", "caught"), lambda: c.stat("p/a/b/file"), lambda: c.remove("d/sub/deep"))[i % 10]()


@pytest.fixture(params=("tmpfs", "ext4"))
def top(request):
    """A directory on a filesystem of that kind, which as root is mounted for it."""
    with tempfile.TemporaryDirectory(prefix="coffer-race-") as tmp:
        where, image = os.path.join(tmp, "where"), os.path.join(tmp, "image")
        os.mkdir(where)
        if not IS_ROOT:
            kind = run("stat", "-f", "-c", "%T", where).text.strip()
            if request.param not in kind:
                pytest.skip("needs root: the temporary directory is not on " + request.param)
            yield where
            return
        if request.param == "tmpfs":
            run("mount", "-t", "tmpfs", "none", where)
        else:
            with open(image, "wb") as f:
                f.truncate(128 << 20)
            run("mkfs.ext4", "-q", image)
            if run("mount", "-o", "loop", image, where, ok=False).returncode != 0:
                pytest.skip("there are no loop devices here")
        try:
            yield where
        finally:
            run("umount", where)


def test_links_that_come_and_go_lead_nowhere(top):
    """VF04, VF16: not one access outside; refusals are refusals, and the sessions go on."""
    share, outside = os.path.join(top, "share"), os.path.join(top, "outside")
    for path in (share, os.path.join(outside, "sub"), os.path.join(share, "d"), os.path.join(share, "p", "a", "b")):
        os.makedirs(path)
    for path in (os.path.join(outside, "canary"), os.path.join(outside, "only-outside"), os.path.join(outside, "sub", "deep")):
        with open(path, "wb") as f:
            f.write(b"outside")
    for path in (os.path.join(share, "p", "a", "b", "file"), os.path.join(share, "mine")):
        with open(path, "wb") as f:
            f.write(b"inside")
    os.symlink("../outside", os.path.join(share, "l"))
    before = picture(outside)
    stolen, done, refused = [], 0, 0
    with serving("--share", share) as s:
        f, c = s.ftp(), s.sftp()
        flip = subprocess.Popen([sys.executable, "-c", FLIP, share])
        try:
            end = time.monotonic() + SECONDS
            i = 0
            while time.monotonic() < end:
                for go in (lambda: ftp_round(f, i), lambda: sftp_round(c, i, stolen)):
                    try:
                        go()
                        done += 1
                    except (ftplib.error_perm, ftplib.error_temp, OSError):
                        refused += 1
                i += 1
                assert flip.poll() is None
        finally:
            flip.kill()
            flip.wait()
        assert f.voidcmd("NOOP").startswith("200")
        c.listdir(".")
        f.quit()
        c.transport.close()
        assert "sandbox-violation" not in s.log() and "crash" not in s.log()
    assert picture(outside) == before
    assert not stolen or set(stolen) <= {b"upload", b"inside", b""}, stolen[:3]
    assert done > 50 and refused > 50, (done, refused)
