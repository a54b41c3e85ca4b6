# SPDX-License-Identifier: ISC
"""Every operation of both protocols x every right on and off x every kind of thing: one table decides, and both
protocols must say what it says (ledger VF02, VF05, VF08, VF09, VF10, VF13, SF08; promise 5)."""

import ftplib
import os
import shutil
import time

import paramiko
import pytest
import yaml

from conftest import serving

RIGHTS = ("list", "read", "create", "overwrite", "append", "rename", "delete", "mkdir", "rmdir", "chmod", "times", "symlink",
          "link")
SHARES = {"all": set(RIGHTS), "none": set()}
SHARES.update(("only-" + r, {r}) for r in RIGHTS)
SHARES.update(("no-" + r, set(RIGHTS) - {r}) for r in RIGHTS)

FILES, DIRS = {"file", "link"}, {"dir", "linkdir"}
NAMES = ("file", "dir", "missing", "link", "linkdir", "out", "outdir/x", "fifo", "x.hidden", "x.denied", "dir/../missing2")
OUTSIDE = {"out", "outdir/x", "x.hidden", "x.denied", "fifo"}
NEW = {"missing", "dir/../missing2"}


def allowed(op, name, rights):
    """The table. A link that is the last component is followed but where the operation is about names."""
    def has(right):
        return right in rights

    on_names = {"file", "dir", "link", "linkdir", "out", "fifo"}
    return {
        "list": name in DIRS and has("list"),
        "read": name in FILES and has("read"),
        "upload": name in FILES and has("overwrite") or name in NEW and has("create"),
        # From the middle of the old content, which a missing file does not have.
        "resume": name in FILES and has("overwrite"),
        # Even where nothing may be listed, a directory can be gone into, and what may be renamed can be asked for.
        "stat": name in DIRS or name in on_names - {"out"} and (has("list") or has("read") or has("rename")),
        "append": name in FILES and (has("append") or has("overwrite")) or name in NEW and has("create"),
        "delete": name in on_names - {"dir"} and has("delete"),
        "mkdir": name in NEW and has("mkdir"),
        "rmdir": name == "dir" and has("rmdir"),
        "rename": name in on_names and has("rename"),
        "replace": name in on_names - {"dir"} and has("rename") and has("overwrite"),
        "across": False,
        "chmod": (name in FILES | DIRS | {"fifo"}) and has("chmod"),
        "times": (name in FILES | DIRS | {"fifo"}) and has("times"),
        "symlink": name in NEW and has("symlink"),
    }[op]


OPS = ("list", "stat", "read", "upload", "resume", "append", "delete", "mkdir", "rmdir", "rename", "replace", "across", "chmod", "times",
       "symlink")


def build(top):
    """The same things in a share, whatever was done to them before."""
    with os.scandir(top) as old:
        for entry in old:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
    for name in ("file", "target", "x.hidden", "x.denied"):
        with open(os.path.join(top, name), "wb") as f:
            f.write(b"content")
    os.mkdir(os.path.join(top, "dir"))
    os.symlink("target", os.path.join(top, "link"))
    os.symlink("dir", os.path.join(top, "linkdir"))
    os.symlink("../../outside/canary", os.path.join(top, "out"))
    os.symlink("../../outside", os.path.join(top, "outdir"))
    os.mkfifo(os.path.join(top, "fifo"))


def ftp_do(f, op, share, name):
    """True: done; False: refused. Anything else is an error of the test."""
    path = "/%s/%s" % (share, name)

    def put(verb, rest=None):
        with f.transfercmd("%s %s" % (verb, path), rest) as c:
            c.sendall(b"new")
            c.unwrap()
        f.voidresp()

    def move(to):
        assert f.sendcmd("RNFR " + path).startswith("350")
        f.voidcmd("RNTO " + to)

    try:
        {
            "list": lambda: f.retrlines("MLSD " + path, lambda line: None),
            "read": lambda: f.retrbinary("RETR " + path, lambda block: None),
            "upload": lambda: put("STOR"),
            "resume": lambda: put("STOR", 3),
            "stat": lambda: f.sendcmd("MLST " + path),
            "append": lambda: put("APPE"),
            "delete": lambda: f.delete(path),
            "mkdir": lambda: f.mkd(path),
            "rmdir": lambda: f.rmd(path),
            "rename": lambda: move("/%s/new-name" % share),
            "replace": lambda: move("/%s/target" % share),
            "across": lambda: move("/other/new-name"),
            "chmod": lambda: f.voidcmd("SITE CHMOD 600 " + path),
            "times": lambda: f.voidcmd("MFMT 20200101000000 " + path),
            "symlink": lambda: f.voidcmd("SITE SYMLINK target " + path),
        }[op]()
    except ftplib.error_perm as e:
        assert str(e)[:3] in ("550", "553", "501", "554"), (op, path, e)
        return False
    return True


def sftp_do(c, op, share, name):
    path = "/%s/%s" % (share, name)

    def put(mode):
        with c.open(path, mode) as f:
            f.write(b"new")

    def get():
        with c.open(path, "rb") as f:
            f.read()

    def write_only():  # open() of paramiko wants to read as well
        _, answer = c._request(paramiko.sftp.CMD_OPEN, path.encode(), paramiko.sftp.SFTP_FLAG_WRITE, paramiko.SFTPAttributes())
        with paramiko.SFTPFile(c, answer.get_binary(), "r+b") as f:
            f.seek(3)
            f.write(b"new")

    try:
        {
            "list": lambda: c.listdir(path),
            "read": get,
            "upload": lambda: put("wb"),
            "resume": write_only,
            "stat": lambda: c.stat(path),
            "append": lambda: put("ab"),
            "delete": lambda: c.remove(path),
            "mkdir": lambda: c.mkdir(path),
            "rmdir": lambda: c.rmdir(path),
            "rename": lambda: c.rename(path, "/%s/new-name" % share),
            "replace": lambda: c.posix_rename(path, "/%s/target" % share),
            "across": lambda: c.posix_rename(path, "/other/new-name"),
            "chmod": lambda: c.chmod(path, 0o600),
            "times": lambda: c.utime(path, (1577836800, 1577836800)),
            "symlink": lambda: c.symlink("target", path),
        }[op]()
    except OSError:
        return False
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
    (tmp / "extra.yaml").write_text(yaml.safe_dump({"shares": shares}))
    with serving("--config", str(tmp / "extra.yaml")) as s:
        s.shares = tmp / "shares"
        s.outside = tmp / "outside"
        yield s


def picture(top):
    return {name: (os.stat(top / name).st_mtime_ns, os.stat(top / name).st_mode, (top / name).read_bytes())
            for name in os.listdir(top)}


@pytest.mark.parametrize("op", OPS)
def test_both_protocols_say_what_the_table_says(served, op):
    """VF10, VF05, VF13, SF08: and nothing outside was touched."""
    before = picture(served.outside)
    f, c = served.ftp(), served.sftp()
    wrong = []
    for share, rights in SHARES.items():
        for name in NAMES:
            if name == "fifo" and op in ("rename", "replace"):
                continue  # Landlock counts it as making one, which worker may not; without Landlock it is renamed
            verdicts = []
            for do, session in ((ftp_do, f), (sftp_do, c)):
                build(served.shares / share)
                began = time.monotonic()
                verdicts.append(do(session, op, share, name))
                assert time.monotonic() - began < 2, "VF08: %s of %s took long" % (op, name)
            if verdicts != [allowed(op, name, rights)] * 2:
                wrong.append("%s %s in %s: table %s, FTP %s, SFTP %s" % (op, name, share, allowed(op, name, rights), *verdicts))
    f.quit()
    c.transport.close()
    assert picture(served.outside) == before
    assert os.listdir(served.shares / "other") == []
    assert not wrong, "\n".join(wrong)
