# SPDX-License-Identifier: ISC
"""Uploads that break at every stage, and those that go on (ledger LC01, LC02, LC03, LC04, FD07; promise 4).

ROUNDS=1000 makes a soak of the random rounds; SEED repeats a run.
"""

import contextlib
import ftplib
import hashlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import paramiko
import pytest

from conftest import SYSTEM_UID, SYSTEM_USER, TOP, comm, descendants, eventually, needs_root, parents, run, serving, sha256
from test_sftp_ledger import CLOSE, CREAT, FAILURE, HANDLE, OK, SETSTAT, STATUS, TRUNC, W, WRITE, Raw, s as string, u32, u64
from test_sftp_ledger import OPEN as OPEN_FILE

# What paramiko takes for an integer of 64 bits; 3.0 has another name for it.
INT64 = getattr(paramiko.sftp_client, "int64", None) or paramiko.sftp_client.long

BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "release"))
ROUNDS = int(os.environ.get("ROUNDS", "40"))
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**31)))
RESET = struct.pack("ii", 1, 0)
KILLS = ("coffer-wire", "coffer-worker", "coffer-monitor")


def kill_one(s, name):
    for pid in s.sessions().get(name, []):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def signers(s):
    """Of the listener; not that of a new image, which is only tried."""
    above = parents()
    return {pid for pid in descendants(s.pid) if comm(pid) == "coffer-signer" and above.get(pid) == s.pid}


def kill_signer(s):
    """Sessions go on without it; the next one has to wait until there is another."""
    before = signers(s)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    if before:
        eventually(lambda: signers(s) - before, 10, "another signer")


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def ftp_upload(s, name, data, at, how):
    """Uploads until at, then breaks it. Returns whether success was said."""
    f = s.ftp()
    try:
        c = f.transfercmd("STOR " + name)
        c.sendall(data[:at])
        if how == "complete":
            c.sendall(data[at:])
            c.unwrap()
            c.close()
            return f.voidresp().startswith("226")
        if how == "coffer-signer":
            kill_signer(s)
            c.sendall(data[at:])
            c.unwrap()
            c.close()
            return f.voidresp().startswith("226")
        if how == "abor":
            f.putline("ABOR")
            reply = f.getmultiline()
            c.close()
            return reply.startswith("226") and "ABOR" not in reply
        if how == "no-close-notify":
            socket.socket(fileno=os.dup(c.fileno())).shutdown(socket.SHUT_WR)
            return not f.getmultiline().startswith("4")
        if how == "reset":
            reset(c)
            return not f.getmultiline().startswith("4")
        if how == "client-gone":
            reset(f.sock)
        else:
            kill_one(s, how)
        try:
            c.sendall(data[at:])
            c.unwrap()
        except OSError:
            pass
        try:
            return f.getmultiline().startswith("226")
        except (OSError, EOFError, ValueError):
            return False
    finally:
        f.close()


def sftp_close(c, h):
    """paramiko's own close() is silent when the connection is gone."""
    h._closed = True
    c._finish_responses(h)
    c._request(paramiko.sftp.CMD_CLOSE, h.handle)


def sftp_upload(s, name, data, at, how):
    c = s.sftp()
    try:
        h = c.open(name, "wb")
        h.set_pipelined(True)
        h.write(data[:at])
        if how == "complete":
            h.write(data[at:])
            sftp_close(c, h)
            return True
        if how == "coffer-signer":
            kill_signer(s)
            h.write(data[at:])
            sftp_close(c, h)
            return True
        if how in KILLS:
            kill_one(s, how)
            try:
                h.write(data[at:])
                sftp_close(c, h)
                return True
            except (OSError, EOFError, paramiko.SSHException):
                return False
        if how in ("reset", "abor"):
            reset(c.transport.sock)
        return False
    finally:
        c.transport.close()


def seen(s, name):
    try:
        with open(s.path(name), "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


@pytest.mark.parametrize("upload", (ftp_upload, sftp_upload))
def test_broken_upload_leaves_the_old_file_or_the_whole_new_one(server, upload):
    """LC01, LC02, LC03 (monitor): in random rounds, whatever ends it, and whenever."""
    rng = random.Random(SEED)
    print("SEED=%d" % SEED)
    ways = KILLS + ("abor", "no-close-notify", "reset", "client-gone", "complete", "coffer-signer")
    for number in range(ROUNDS):
        how = ways[number % len(ways)]
        name, old = "round%d" % number, None
        data = rng.randbytes(rng.choice((1, 5000, 300000, 900000)))
        if rng.random() < 0.6:
            old = rng.randbytes(rng.randrange(1, 200000))
            with open(server.path(name), "wb") as f:
                f.write(old)
        said = upload(server, name, data, rng.randrange(len(data) + 1), how)
        eventually(lambda: not server.sessions(), 15, "end of sessions")
        now = seen(server, name)
        what = (how, number, said, len(data), now and len(now), old and len(old))
        assert now == data if said else now in (old, data), what
        assert said or how not in ("complete", "coffer-signer"), what
        for hidden in os.listdir(server.root):
            if hidden.startswith(".coffer-kept~") and hidden.endswith("~" + name):
                assert old is None and data.startswith(seen(server, hidden)), what
            if hidden.startswith(".coffer-"):
                os.unlink(server.path(hidden))
        if now is not None:
            os.unlink(server.path(name))


@pytest.mark.parametrize("holes", (False, True))
def test_what_a_lost_connection_leaves_is_a_beginning_or_nothing(server, holes):
    """Over SFTP writes may come in any order: how much came is said also when there is nobody to answer any more."""
    c, told, before = server.sftp(), server.log().count("op=put path=/lost"), set(os.listdir(server.root))
    handles = [c.open("lost%d" % i, "wb") for i in range(100)]  # more than may be asked about at once
    for h in handles:
        for at, data in (0, b"A" * 100), (200 if holes else 100, b"B" * 100):
            c._request(paramiko.sftp.CMD_WRITE, h.handle, INT64(at), data)
        h._closed = True
    reset(c.transport.sock)
    eventually(lambda: server.log().count("op=put path=/lost") == told + len(handles), 15, "the end of all of them")
    c.transport.close()
    kept = [name for name in set(os.listdir(server.root)) - before if name.startswith(".coffer-")]
    assert len(kept) == (0 if holes else len(handles))
    assert all(seen(server, name) == b"A" * 100 + b"B" * 100 for name in kept)
    for name in kept:
        os.unlink(server.path(name))


def test_who_makes_a_file_reads_it_through_that_handle_whatever_its_mode_says(server):
    """POSIX, open(): over sshfs that is open(O_CREAT | O_RDONLY)."""
    c, wish = server.sftp(), paramiko.SFTPAttributes()
    for wish.st_mode in (0o000, 0o200, 0o111, 0o400, 0o640):
        _, said = c._request(paramiko.sftp.CMD_OPEN, "made", 0x01 | 0x08, wish)  # READ, CREAT
        c._request(paramiko.sftp.CMD_CLOSE, said.get_binary())
        assert os.stat(server.path("made")).st_mode & 0o7777 == wish.st_mode
        os.unlink(server.path("made"))
    c.transport.close()


@needs_root
def test_a_durable_drop_box_need_not_be_readable():
    """The directory cannot be opened to be synced: success is said all the same, and only for what is on the disk."""
    with tempfile.TemporaryDirectory(prefix="coffer-durable-") as where:
        os.chmod(where, 0o755)
        share, extra = os.path.join(where, "share"), os.path.join(where, "extra.yaml")
        os.makedirs(os.path.join(share, "in"))
        os.chown(os.path.join(share, "in"), 0, SYSTEM_UID)
        os.chmod(os.path.join(share, "in"), 0o730)
        with open(extra, "w", encoding="ascii") as f:
            f.write("shares: { root: { rights: drop-box, durable: true } }\n")
        with serving("--mode", "root", "--user", SYSTEM_USER, "--share", share, "--dir", where, "--config", extra) as s:
            assert ftp_upload(s, "in/ftp", b"x" * 1000, 500, "complete")
            assert sftp_upload(s, "in/sftp", b"x" * 1000, 500, "complete")
            assert sorted(os.listdir(os.path.join(share, "in"))) == ["ftp", "sftp"]


@needs_root
def test_in_a_sticky_directory_what_others_own_is_refused_at_once():
    """Nothing is sent in vain, and nothing is left that would stand in the way of an append."""
    with tempfile.TemporaryDirectory(prefix="coffer-sticky-") as where:
        os.chmod(where, 0o755)
        share = os.path.join(where, "share")
        os.mkdir(share)
        os.chmod(share, 0o1777)
        with serving("--mode", "root", "--user", SYSTEM_USER, "--share", share, "--dir", where) as s:
            with open(s.path("theirs"), "wb") as f:
                f.write(b"old")
            os.chmod(s.path("theirs"), 0o666)
            f, c = s.ftp(), s.sftp()
            with pytest.raises(ftplib.error_perm, match="550 .*sticky"):
                f.transfercmd("STOR theirs")
            with pytest.raises(OSError, match="sticky"):
                c.open("theirs", "wb")
            assert os.listdir(share) == ["theirs"]
            d = f.transfercmd("APPE theirs")
            d.sendall(b" and new")
            d.unwrap()
            d.close()
            assert f.voidresp().startswith("226")
            assert seen(s, "theirs") == b"old and new"
            f.close()
            c.transport.close()


@needs_root
def test_nobody_ends_an_upload_of_another_uid():
    """Where no part is kept, and in a directory that both may write: neither a listing nor an upload of that name does."""
    with tempfile.TemporaryDirectory(prefix="coffer-two-") as where:
        os.chmod(where, 0o755)
        share, extra = os.path.join(where, "share"), os.path.join(where, "extra.yaml")
        os.mkdir(share)
        os.chmod(share, 0o777)
        with open(extra, "w", encoding="ascii") as f:
            f.write("shares: { root: { partial-keep: none } }\n")
        with serving("--mode", "root", "--user", SYSTEM_USER, "--share", share, "--dir", where, "--config", extra) as s:
            password = "other-%08x" % random.SystemRandom().randrange(2**32)
            run(os.path.join(BUILD, "cofferctl"), "user", "add", "-f", os.path.join(where, "users"), "other", "--uid", str(SYSTEM_UID + 1),
                "--gid", str(SYSTEM_UID + 1), "--home", "/", input=password.encode() + b"\n")
            mine, theirs = s.sftp(), s.sftp("other", password)
            h = mine.open("file", "wb")
            h.write(b"mine")
            h.stat()
            hidden = [s.path(name) for name in os.listdir(share)]
            past = time.time() - 3600  # as if nothing had come for an hour
            os.utime(hidden[0], (past, past))
            assert theirs.listdir() == []
            with pytest.raises(OSError):
                theirs.open("file", "wb")
            assert os.path.exists(hidden[0])
            sftp_close(mine, h)
            assert seen(s, "file") == b"mine" and os.stat(s.path("file")).st_uid == SYSTEM_UID
            mine.transport.close()
            theirs.transport.close()


@needs_root
def test_full_disk_is_said_and_costs_nothing():
    """LC04: ENOSPC at write; FTP 452, never 226; SFTP fails; what was there stays."""
    share = tempfile.mkdtemp(prefix="coffer-full-")  # pytest's own directories are closed for the user
    run("mount", "-t", "tmpfs", "-o", "size=1m,uid=%d,mode=0755" % SYSTEM_UID, "none", share)
    try:
        with serving("--mode", "root", "--user", SYSTEM_USER, "--share", share) as s:
            old = os.urandom(300000)
            with open(s.path("old"), "wb") as f:
                f.write(old)
            os.chown(s.path("old"), SYSTEM_UID, SYSTEM_UID)
            data = os.urandom(3000000)
            for name in ("old", "new"):
                f = s.ftp()
                assert f.store(name, data).startswith("452")
                f.quit()
                for hidden in [h for h in os.listdir(share) if h.startswith(".coffer-kept")]:
                    os.unlink(s.path(hidden))
                sftp = s.sftp()
                with pytest.raises(OSError):
                    with sftp.open(name, "wb") as h:
                        h.write(data)
                sftp.transport.close()
                eventually(lambda: not s.sessions(), 15, "end of sessions")
                for hidden in [h for h in os.listdir(share) if h.startswith(".coffer-kept")]:
                    os.unlink(s.path(hidden))
            assert seen(s, "old") == old and seen(s, "new") is None
    finally:
        run("umount", "-l", share)
        os.rmdir(share)


def interrupted(server, here, name):
    """A new upload that broke in the middle; returns the whole file's path and checksum."""
    data = os.urandom(1 << 20)
    (here / name).write_bytes(data)
    f = server.ftp()
    c = f.transfercmd("STOR " + name)
    c.sendall(data[:600000])
    socket.socket(fileno=os.dup(c.fileno())).shutdown(socket.SHUT_WR)
    assert f.getmultiline().startswith("426")
    f.close()
    eventually(lambda: not server.sessions(), 15, "end of sessions")
    assert not os.path.exists(server.path(name))
    return sha256(here / name)


def test_curl_goes_on_with_an_interrupted_upload(server, here):
    """FD07"""
    want = interrupted(server, here, "c.bin")
    run("curl", "-sS", "-C", "-", "--ssl-reqd", "--cacert", server.ca, "-u", "%s:%s" % (server.user, server.password), "-T",
        "c.bin", "ftp://localhost:%d/c.bin" % server.ftps_port)
    assert sha256(server.path("c.bin")) == want
    assert "offset=600000" in server.log() or "op=append" in server.log()


@pytest.mark.skipif(not shutil.which("lftp"), reason="lftp is not installed")
def test_lftp_goes_on_with_an_interrupted_upload(server, here):
    """FD07"""
    want = interrupted(server, here, "l.bin")
    run("lftp", "-c", "set ssl:ca-file %s; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set net:timeout 20; "
        "set net:max-retries 1; set cmd:fail-exit yes; open -u %s,%s ftp://localhost:%d; put -c l.bin"
        % (server.ca, server.user, server.password, server.ftps_port), timeout=60)
    assert sha256(server.path("l.bin")) == want


def ssh_options(server):
    return ["-o", "IdentityFile=" + server.key, "-o", "IdentitiesOnly=yes", "-o",
            "UserKnownHostsFile=" + server.known_hosts, "-o", "StrictHostKeyChecking=yes"]


@pytest.mark.skipif(not shutil.which("sftp"), reason="sftp is not installed")
def test_sftp_goes_on_with_an_interrupted_upload(server, here):
    """FD07: what FTPS began, SFTP ends."""
    want = interrupted(server, here, "s.bin")
    run("sftp", "-P", str(server.sftp_port), *ssh_options(server), "-b", "-", server.user + "@127.0.0.1", input=b"reput s.bin\n",
        timeout=60)
    assert sha256(server.path("s.bin")) == want


def test_rest_and_stor_go_on_with_an_interrupted_upload(server, here):
    """FD07, as FileZilla does it: SIZE, TYPE I, REST n, STOR."""
    want = interrupted(server, here, "f.bin")
    data = (here / "f.bin").read_bytes()
    f = server.ftp()
    f.voidcmd("TYPE I")
    assert f.size("f.bin") == 600000
    with pytest.raises(ftplib.error_perm, match="554"):
        f.transfercmd("STOR f.bin", 600001)
    with f.transfercmd("STOR f.bin", 600000) as c:
        c.sendall(data[600000:])
        c.unwrap()
    assert f.voidresp().startswith("226")
    f.quit()
    assert sha256(server.path("f.bin")) == want


@pytest.mark.parametrize("protocol", ("ftp", "sftp"))
def test_an_interrupted_upload_can_be_deleted_by_the_name_that_size_shows(server, here, protocol):
    interrupted(server, here, "d.bin")
    with contextlib.closing(server.ftp()) as f:
        assert f.size("d.bin") == 600000
        if protocol == "ftp":
            assert f.delete("d.bin").startswith("250")
        else:
            run("sftp", "-P", str(server.sftp_port), *ssh_options(server), "-b", "-", server.user + "@127.0.0.1", input=b"rm d.bin\n")
        for gone in (f.size, f.delete):
            with pytest.raises(ftplib.error_perm, match="550"):
                gone("d.bin")
    assert not [name for name in os.listdir(server.root) if "d.bin" in name]


@pytest.mark.skipif(not shutil.which("rclone"), reason="rclone is not installed")
@pytest.mark.parametrize("protocol", ("ftp", "sftp"))
def test_rclone_completes_an_interrupted_upload(server, here, protocol):
    """FD07: it does not resume, but sends the whole file once more; what was kept is in nobody's way."""
    want = interrupted(server, here, "r.bin")
    password = run("rclone", "obscure", server.password).text.strip()
    remote = ":ftp,host=localhost,port=%d,user=%s,pass=%s,explicit_tls=true,no_check_certificate=true,concurrency=1:" % (
        server.ftps_port, server.user, password) if protocol == "ftp" else ":sftp,host=127.0.0.1,port=%d,user=%s,pass=%s,known_hosts_file=%s:" % (
        server.sftp_port, server.user, password, server.known_hosts_all)
    run("rclone", "copyto", "--config", "/dev/null", "--disable", "ListR", "r.bin", remote + "r.bin", timeout=60)
    assert sha256(server.path("r.bin")) == want
    eventually(lambda: not server.sessions(), 15, "end of sessions")
    os.unlink(server.path("r.bin"))
    assert not [n for n in os.listdir(server.root) if n.startswith(".coffer-") and n.endswith("r.bin")]


# Whether the file is there, what the second connection asks for, and what it gets in the end.
RIVALS = {
    "new": (False, OPEN_FILE, u32(W | CREAT) + u32(0), HANDLE),
    "replaced": (True, OPEN_FILE, u32(W | CREAT | TRUNC) + u32(0), HANDLE),
    "changed": (True, OPEN_FILE, u32(W) + u32(0), HANDLE),
    "cut": (True, SETSTAT, u32(1) + u64(1), STATUS),
}


@pytest.mark.parametrize("kind", RIVALS)
def test_a_file_that_another_connection_is_about_to_close_is_waited_for(server, kind):
    """sshfs with max_conns closes a file on one connection and opens it on the next without waiting between."""
    is_there, request, rest, good = RIVALS[kind]
    for n in range(20):
        name = "waits-%s-%d" % (kind, n)
        with Raw(server) as one, Raw(server) as two:
            for _ in range(is_there + 1):
                h = one.open(name, W if seen(server, name) else W | CREAT)
                assert one.ask(WRITE, string(h) + u64(0) + string(b"first")) == (STATUS, OK)
                if not seen(server, name) and is_there:
                    assert one.ask(CLOSE, string(h)) == (STATUS, OK)
            begun = time.monotonic()
            two.send(request, u32(1) + string(name) + rest)
            two.chan.settimeout(0.1)
            with contextlib.suppress(socket.timeout):
                two.packet()
                pytest.fail("it was refused at once")
            two.chan.settimeout(15)
            assert one.ask(CLOSE, string(h)) == (STATUS, OK)
            got, body = two.answer(1)
            if time.monotonic() - begun > 0.4 and got != good:
                continue  # so slow a machine that the patience may have been over before the CLOSE
            assert got == good and (got != STATUS or body == OK)
            return
    pytest.fail("it was never closed in time")


def test_a_file_that_stays_busy_is_refused_and_told_of_once(server):
    with Raw(server) as one, Raw(server) as two:
        h = one.open("stays-busy", W | CREAT)
        assert one.ask(WRITE, string(h) + u64(0) + string(b"first")) == (STATUS, OK)
        assert two.open("stays-busy", W | CREAT) == (STATUS, FAILURE)
    server.wait_for_log("path=/stays-busy bytes=0 offset=0")
    assert len([line for line in server.log().splitlines() if "path=/stays-busy" in line and "reason=EBUSY" in line]) == 1


PROGRAM = '#include <stdio.h>\nint main(void) { puts("it runs"); return 0; }\n'


@pytest.fixture()
def mounted(server, here):
    """The share, mounted by sshfs."""
    if not shutil.which("sshfs") or not os.path.exists("/dev/fuse"):
        pytest.skip("there is no sshfs or no /dev/fuse")
    mount = here / "mnt"
    mount.mkdir()
    done = subprocess.run(["sshfs", "-p", str(server.sftp_port), *ssh_options(server), server.user + "@127.0.0.1:/", str(mount)],
                          capture_output=True, text=True, timeout=30)
    if done.returncode != 0 and "fuse" in done.stderr:
        pytest.skip("no FUSE here: " + done.stderr.strip())
    assert done.returncode == 0, done.stderr
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=False)
    eventually(lambda: not server.sessions(), 15, "end of sessions")


@pytest.mark.skipif(not (shutil.which("git") and shutil.which("gcc")), reason="git or gcc is not installed")
def test_sshfs_carries_git_tar_and_a_compiler(server, here, mounted):
    """Atomic uploads under programs that rename, append, map and execute what they have just written."""
    mount = mounted
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "safe.directory=*",
           "-c", "init.defaultBranch=main"]
    run(*git, "init", "-q", "origin")
    (here / "origin" / "main.c").write_text(PROGRAM)
    for i in range(30):
        (here / "origin" / ("file%d" % i)).write_bytes(os.urandom(2000))
    run(*git, "-C", "origin", "add", ".")
    run(*git, "-C", "origin", "commit", "-q", "-m", "first")
    run(*git, "clone", "-q", "--no-hardlinks", "origin", str(mount / "clone"), timeout=60)
    (mount / "clone" / "more").write_text("more\n")
    run(*git, "-C", str(mount / "clone"), "add", ".", timeout=60)
    run(*git, "-C", str(mount / "clone"), "commit", "-q", "-m", "second", timeout=60)
    run(*git, "-C", str(mount / "clone"), "fsck", "--strict", timeout=60)
    run("gcc", "-o", str(mount / "clone" / "program"), str(mount / "clone" / "main.c"), timeout=60)
    assert run(str(mount / "clone" / "program")).text == "it runs\n"
    run("tar", "-C", str(mount), "-cf", "clone.tar", "clone")
    (mount / "again").mkdir()
    run("tar", "-C", str(mount / "again"), "-xf", "clone.tar", timeout=60)
    run("diff", "-r", str(mount / "clone"), str(mount / "again" / "clone"), timeout=60)
    left = [os.path.join(top, n) for top, _, names in os.walk(server.path("clone")) for n in names if n.startswith(".coffer-")]
    assert not left, left


@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")
def test_sshfs_carries_a_compile_of_this_project(server, mounted):
    """A linker has hundreds of files open, a compiler reads what another has just written."""
    shutil.copytree(TOP, mounted / "project", ignore=shutil.ignore_patterns("build", "run", ".git", "__pycache__", "unpacked", "node_modules"))
    plain = {k: v for k, v in os.environ.items() if k not in ("BUILD", "VARIANT", "MAKEFLAGS")}
    run("make", "-s", "-j2", "-C", str(mounted / "project"), "all", timeout=3000, env=plain)
    assert "cofferd" in run(str(mounted / "project" / "build" / "release" / "cofferd"), "-V").text
    shutil.rmtree(mounted / "project")


def sha256_of(data):
    return hashlib.sha256(data or b"").hexdigest()


def test_random_writes_over_sshfs_arrive_as_they_were_made(server, mounted):
    """As fsx does: writes, reads, cuts, closing and opening again at random; what the server has is what was written."""
    rng = random.Random(SEED)
    print("SEED=%d" % SEED)
    path, model, operations = mounted / "fsx", bytearray(), 0
    f = open(path, "w+b", buffering=0)
    end = time.monotonic() + float(os.environ.get("FSX_SECONDS", "5"))
    try:
        while time.monotonic() < end:
            at, size, what = rng.randrange(256 * 1024), rng.randrange(1, 64 * 1024), rng.random()
            if what < 0.45:
                data = rng.randbytes(size)
                f.seek(at)
                f.write(data)
                model.extend(bytes(max(0, at - len(model))))
                model[at:at + size] = data
            elif what < 0.8:
                f.seek(at)
                assert f.read(size) == bytes(model[at:at + size]), (operations, at, size)
            elif what < 0.9:
                f.truncate(at)
                model[at:] = b""
                model.extend(bytes(at - len(model)))
            elif what < 0.95:
                os.fsync(f.fileno())
            else:
                f.close()
                # The kernel does not wait for the close of a file on FUSE.
                eventually(lambda: sha256_of(seen(server, "fsx")) == sha256_of(model), 10, "what was written, after %d" % operations)
                mode = rng.choice(("r+b", "r+b", "a+b", "w+b"))
                f = open(path, mode, buffering=0)
                if mode == "w+b":
                    model.clear()
                if mode == "a+b":
                    data = rng.randbytes(1000)
                    f.write(data)
                    model.extend(data)
                    f.close()
                    f = open(path, "r+b", buffering=0)
            operations += 1
    finally:
        f.close()
    assert operations > 20
    assert (mounted / "fsx").read_bytes() == bytes(model)
    eventually(lambda: seen(server, "fsx") == bytes(model), 10, "what was written")
