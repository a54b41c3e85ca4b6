# SPDX-License-Identifier: ISC
"""Commands without processes, and checksums as SFTP requests."""

import contextlib
import hashlib
import os
import signal
import struct
import subprocess
import time
import zlib

import pytest

from conftest import descendants, run, serving, sha256
from test_clients import make_tree, sums
from test_sftp_clients import needs, rclone, ssh_options
from test_sftp_ledger import BAD_MESSAGE, EXTENDED, EXTENDED_REPLY, FAILURE, NO_SUCH_FILE, PERMISSION_DENIED, R, STATUS, W, CREAT, Raw, connect, s, u32, u64


def ssh(server, command, stdin=b"", options=()):
    return subprocess.run(["ssh", "-p", str(server.sftp_port), *ssh_options(server), *options, "%s@127.0.0.1" % server.user, *command],
                          input=stdin, capture_output=True, timeout=60)


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "sha512"])
def test_sums_are_those_of_coreutils(server, here, kind):
    names = ["plain", "sp ace", "quo'te", "back\\slash", "ümlaut", "-dash"]
    for name in names:
        with open(server.path(name), "wb") as f:
            f.write(os.urandom(700000) if name == "plain" else name.encode())
    quoted = ["'%s'" % n.replace("'", "'\\''") for n in names]
    done = ssh(server, [kind + "sum", "--", *quoted])
    want = subprocess.run([kind + "sum", "--", *names], cwd=server.root, capture_output=True, check=True).stdout
    assert (done.stdout, done.stderr, done.returncode) == (want, b"", 0)
    assert ssh(server, [kind + "sum -b /sp\\ ace"]).stdout.split()[0].decode() == hashlib.new(kind, b"sp ace").hexdigest()
    assert ssh(server, [kind + "sum"], stdin=b"input" * 100000).stdout.decode() == hashlib.new(kind, b"input" * 100000).hexdigest() + "  -\n"


def test_what_cannot_be_summed_is_said_and_the_rest_is_done(server):
    with open(server.path("there"), "wb") as f:
        f.write(b"x")
    os.makedirs(server.path("dir"), exist_ok=True)
    done = ssh(server, ["md5sum", "missing", "dir", "there"])
    assert done.returncode == 1 and done.stdout.decode() == hashlib.md5(b"x").hexdigest() + "  there\n"
    assert b"md5sum: missing: " in done.stderr and b"md5sum: dir: " in done.stderr


def test_sums_need_the_right_to_read(user_key):
    with serving(config="shares: { root: { rights: drop-box } }\n", key=user_key) as box:
        with open(box.path("secret"), "wb") as f:
            f.write(b"secret")
        done = ssh(box, ["md5sum", "/secret"])
        assert done.returncode == 1 and done.stdout == b""
        with Raw(box) as raw:
            assert check_name(raw, "/secret", "md5")[0] == STATUS


def test_df_says_what_statvfs_says(server):
    for command in (["df"], ["df", "-k", "/"], ["df", "-P", "--", "."]):
        lines = ssh(server, command).stdout.decode().splitlines()
        st, fields = os.statvfs(server.root), lines[1].split()
        assert len(lines) == 2 and int(fields[1]) == st.f_blocks * st.f_frsize // 1024
        assert fields[4].endswith("%")


@pytest.mark.parametrize("command", ["id", "scp -t x", "md5sum plain; id", "md5sum $(id)", "md5sum `id`", "md5sum *", "md5sum 'open",
                                     "md5sum --check x", "sh -c id", "/bin/md5sum x", "", "md5sum x | cat", "md5sum x > y", "df -i",
                                     "md5sum \"$HOME\"", "md5sum x & id", "sftp-server"])
def test_everything_else_is_refused_with_words_and_runs_nothing(server, command):
    done = ssh(server, [command] if command else [])
    assert done.returncode == 1 and done.stdout == b""
    assert any(words in done.stderr for words in (b"This is a file server.", b"knows no options", b"speaks SFTP, not the old"))
    assert not os.path.exists(server.path("y"))


def test_ss10_a_shell_is_refused_with_words(server):
    # On a terminal, as somebody would try it: script(1) gives ssh one.
    command = ["ssh", "-p", str(server.sftp_port), *ssh_options(server), "%s@127.0.0.1" % server.user]
    done = run("script", "-qec", " ".join(command), "/dev/null", ok=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "This is a file server." in done.text
    server.wait_for_log("command-refused")
    assert not [p for p in descendants(server.pid) if "sh" == open("/proc/%d/comm" % p, encoding="ascii").read().strip()]


@needs("rclone")
def test_rclone_checks_by_sums_without_downloading(server, here):
    make_tree(here / "tree", 20, "rclone sums")
    rclone(server, here, "copy", "tree", "t:summed", hashes=True)
    text = rclone(server, here, "-vv", "check", "tree", "t:summed", hashes=True).text
    assert "0 differences found" in text and "hashes could not be checked" not in text
    with open(server.path("summed", "d01", "e1", "file 0001.bin"), "r+b") as f:
        first = f.read(1)
        f.seek(0)
        f.write(bytes([first[0] ^ 1]) if first else b"x")
    assert "1 differences found" in rclone(server, here, "check", "tree", "t:summed", hashes=True, ok=False).text
    assert sums("tree") and rclone(server, here, "about", "t:", hashes=True).text.startswith("Total")


# ---- check-file ----

def check_name(raw, path, algorithms, start=0, length=0, block=0):
    return answer(raw.ask(EXTENDED, s("check-file-name") + s(path) + s(algorithms) + u64(start) + u64(length) + u32(block)))


def answer(reply):
    kind, body = reply
    if kind == STATUS:
        return reply
    assert kind == EXTENDED_REPLY
    n = struct.unpack(">I", body[:4])[0]
    assert body[4:4 + n] == b"check-file"
    body = body[4 + n:]
    n = struct.unpack(">I", body[:4])[0]
    return body[4:4 + n].decode(), body[4 + n:]


def test_check_file_by_name_and_handle(server):
    data = os.urandom(1000000)
    with open(server.path("checked"), "wb") as f:
        f.write(data)
    with Raw(server) as raw:
        assert check_name(raw, "/checked", "md5") == ("md5", hashlib.md5(data).digest())
        assert check_name(raw, "/checked", "none,sha512,md5") == ("sha512", hashlib.sha512(data).digest())
        assert check_name(raw, "/checked", "crc32") == ("crc32", struct.pack(">I", zlib.crc32(data)))
        assert check_name(raw, "/checked", "sha1", 1000, 5000) == ("sha1", hashlib.sha1(data[1000:6000]).digest())
        blocks = b"".join(hashlib.sha256(data[at:at + 65536]).digest() for at in range(0, len(data), 65536))
        assert check_name(raw, "/checked", "sha256", 0, 0, 65536) == ("sha256", blocks)
        h = raw.open("/checked", R)
        for name in ("check-file-handle", "check-file"):
            assert answer(raw.ask(EXTENDED, s(name) + s(h) + s("md5") + u64(10) + u64(20) + u32(0))) == \
                ("md5", hashlib.md5(data[10:30]).digest())
        for path, args, want in (("/missing", ("md5",), NO_SUCH_FILE), ("/checked", ("tiger",), FAILURE), ("/checked", ("md5", 0, 0, 255), BAD_MESSAGE),
                                 ("/checked", ("md5", 2**63), BAD_MESSAGE), ("/d", ("md5",), FAILURE)):
            os.makedirs(server.path("d"), exist_ok=True)
            assert check_name(raw, path, *args) == (STATUS, want), (path, args)
        with open(server.path("checked"), "wb") as f:
            f.truncate(1 << 26)
        assert check_name(raw, "/checked", "md5", 0, 0, 256) == (STATUS, FAILURE)  # 4 MiB of sums
        h = raw.open("/new", W | CREAT)
        assert raw.ask(EXTENDED, s("check-file-handle") + s(h) + s("md5") + u64(0) + u64(0) + u32(0)) == (STATUS, PERMISSION_DENIED)


def test_a_long_sum_lets_other_requests_pass(server):
    with open(server.path("long"), "wb") as f:
        f.truncate(1 << 31)
    with Raw(server) as raw:
        raw.send(EXTENDED, u32(1) + s("check-file-name") + s("/long") + s("md5") + u64(0) + u64(0) + u32(0))
        raw.id = 1
        # Its answer would come first if the sum were made in one piece.
        assert raw.ask(EXTENDED, s("limits@openssh.com"))[0] == EXTENDED_REPLY
    os.unlink(server.path("long"))


def test_paramikos_check_works(server):
    data = os.urandom(100000)
    with open(server.path("paramiko-checked"), "wb") as f:
        f.write(data)
    client = server.sftp()
    with client.open("paramiko-checked") as f:
        assert f.check("sha1") == hashlib.sha1(data).digest()
        assert f.check("md5", 0, 0, 512) == b"".join(hashlib.md5(data[at:at + 512]).digest() for at in range(0, len(data), 512))
    client.transport.close()


# ---- the old protocol of scp ----

@pytest.fixture(scope="module")
def old(user_key):
    with serving(config="sftp: { scp: yes }\n", key=user_key) as server:
        yield server


def scp(server, *arguments, ok=True):
    arguments = [a.replace("@:", "%s@127.0.0.1:" % server.user) for a in arguments]
    return run("scp", "-O", "-q", "-P", str(server.sftp_port), *ssh_options(server), *arguments, ok=ok)


def test_old_scp_is_refused_with_words_by_default(server, here):
    (here / "up").write_bytes(b"x")
    done = scp(server, "up", "@:up", ok=False)
    assert done.returncode != 0 and "speaks SFTP, not the old protocol of scp" in done.text
    assert not os.path.exists(server.path("up"))


def test_old_scp_keeps_to_the_rates(here, user_key):
    """Half a mebibyte at 256 KiB a second: a second of it may come at once."""
    (here / "up").write_bytes(os.urandom(1 << 19))
    with serving(config="sftp: { scp: yes }\nlimits: { rate-up: 256K, rate-down: 256K }\n", key=user_key) as server:
        for source, target in (("up", "@:up"), ("@:up", "down")):
            began = time.monotonic()
            scp(server, source, target)
            assert time.monotonic() - began > 0.5
    assert sha256("down") == sha256("up")


def test_old_scp_there_and_back(old, here):
    data = os.urandom(3_000_001)
    (here / "up").write_bytes(data)
    (here / "empty").write_bytes(b"")
    os.utime(here / "up", (1500000000, 1500000001))
    scp(old, "-p", "up", "@:one")
    assert open(old.path("one"), "rb").read() == data and int(os.stat(old.path("one")).st_mtime) == 1500000001
    os.mkdir(old.path("dir"))
    scp(old, "up", "empty", "@:dir")
    assert open(old.path("dir", "up"), "rb").read() == data and os.stat(old.path("dir", "empty")).st_size == 0
    scp(old, "-p", "@:/one", "down")
    assert (here / "down").read_bytes() == data and int(os.stat(here / "down").st_mtime) == 1500000001
    scp(old, "@:dir/empty", "down")
    assert (here / "down").read_bytes() == b""


def test_old_scp_moves_trees(old, here):
    make_tree(here / "tree", 300, "old scp")
    os.makedirs(here / "tree" / "none" / "in it")
    (here / "tree" / "sp ace 'q' ü").write_bytes(b"odd")
    scp(old, "-r", "tree", "@:trees")
    assert sums(old.path("trees")) == sums("tree")
    scp(old, "-r", "tree", "@:trees")  # now it exists: below it
    assert sums(old.path("trees", "tree")) == sums("tree")
    scp(old, "-r", "@:trees/tree", "back")
    assert sums("back") == sums("tree") and os.path.isdir("back/none/in it")


def test_old_scp_takes_a_pattern_for_a_name(old, here):
    """As where no file fits a shell's pattern; so it says that there is none, and not that this is no shell."""
    (here / "name[1]").write_bytes(b"odd")
    scp(old, "name[1]", "@:name[1]")
    assert open(old.path("name[1]"), "rb").read() == b"odd"
    scp(old, "@:name[1]", "back")
    assert (here / "back").read_bytes() == b"odd"
    assert "*.c" in scp(old, "@:*.c", ".", ok=False).text


def test_old_scp_knows_home(old, here):
    (here / "tilde").write_bytes(b"home")
    scp(old, "tilde", "@:~/home")
    scp(old, "@:~/home", "down")
    scp(old, "tilde", "@:~")
    assert (here / "down").read_bytes() == open(old.path("tilde"), "rb").read() == b"home"
    assert scp(old, "@:~root/home", ".", ok=False).returncode == 1


def test_old_scp_keeps_the_times_of_directories(old, here):
    make_tree(here / "dated", 6, "dates")
    when = {}
    for base, dirs, _ in os.walk("dated", topdown=False):
        when[base] = 1500000000 + len(when)
        os.utime(base, (1400000000, when[base]))
    scp(old, "-r", "-p", "dated", "@:dated")
    assert {base: int(os.stat(old.path(base)).st_mtime) for base in when} == when
    scp(old, "-r", "-p", "@:dated", "back")
    assert {base: int(os.stat(base.replace("dated", "back", 1)).st_mtime) for base in when} == when


def test_old_scp_says_what_does_not_work_and_does_the_rest(old, here):
    (here / "up").write_bytes(b"x")
    assert "directory" in scp(old, "up", "@:missing/dir/", ok=False).text
    done = scp(old, "@:missing", "down", ok=False)
    assert done.returncode == 1 and "missing" in done.text
    os.makedirs(old.path("half", "d"), exist_ok=True)
    for name in ("a", "b", "c"):
        with open(old.path("half", name), "wb") as f:
            f.write(name.encode())
    assert scp(old, "@:half", ".", ok=False).returncode == 1  # no -r
    os.symlink("/etc/passwd", old.path("half", "out"))
    done = scp(old, "-r", "@:half", ".", ok=False)
    assert done.returncode == 1 and sorted(os.listdir("half")) == ["a", "b", "c", "d"]


@needs("pscp")
def test_pscp_by_the_old_protocol(old, here):
    data = os.urandom(100000)
    (here / "up").write_bytes(data)
    login = ["-batch", "-scp", "-P", str(old.sftp_port), "-l", old.user, "-pw", old.password, "-hostkey",
             run("ssh-keygen", "-lf", old.known_hosts).text.split()[1]]
    run("pscp", *login, "up", "127.0.0.1:pscp")
    run("pscp", *login, "127.0.0.1:pscp", "down")
    assert (here / "down").read_bytes() == data == open(old.path("pscp"), "rb").read()


def scp_raw(server, command):
    t = connect(server)
    chan = t.open_session()
    chan.settimeout(10)
    chan.exec_command(command)
    return t, chan


def test_old_scp_hears_of_the_end_of_a_directory_when_it_has_its_times(old):
    """The client goes when it has heard of the last one."""
    t, chan = scp_raw(old, "scp -r -p -t slow")
    assert chan.recv(1) == b"\0"
    for line in (b"T1500000000 0 1500000000 0\n", b"D0755 0 slow\n"):
        chan.sendall(line)
        assert chan.recv(1) == b"\0"
    beside = Raw(old, transport=t)
    worker = old.sessions()["coffer-worker"][0]
    os.kill(worker, signal.SIGSTOP)
    try:
        chan.sendall(b"E\n")
        assert beside.ask(EXTENDED, s("limits@openssh.com"))[0] == EXTENDED_REPLY  # for which no worker is asked
        assert not chan.recv_ready()
    finally:
        os.kill(worker, signal.SIGCONT)
    assert chan.recv(1) == b"\0"
    assert os.stat(old.path("slow")).st_mtime == 1500000000
    t.close()


@pytest.mark.parametrize("lines", [b"C0644 5 ../up\n", b"C0644 5 a/b\n", b"C0644 5 ..\n", b"C0644 5 \n", b"D0755 0 ..\n", b"C0644 -1 x\n",
                                   b"C0644 99999999999999999999 x\n", b"C9999 5 x\n", b"C644 5 x\n", b"E\n", b"hello\n", b"T1 2 3\n",
                                   b"C0644 5 x\0y\n", b"x" * 10000], ids=range(14))
def test_a_client_of_old_scp_that_lies_gets_nowhere(old, lines):
    t, chan = scp_raw(old, "scp -r -t /liar")
    os.makedirs(old.path("liar"), exist_ok=True)
    assert chan.recv(1) == b"\0"
    with contextlib.suppress(OSError):  # it may be over by now
        chan.sendall(lines)
        chan.sendall(b"hello\0")
        chan.shutdown_write()
    answer = b""
    while True:
        more = chan.recv(1000)
        if not more:
            break
        answer += more
    assert b"\1scp: " in answer or lines.startswith(b"xxx")
    assert os.listdir(old.path("liar")) == [] and not os.path.exists(old.path("up"))
    t.close()


def test_a_file_that_breaks_off_in_old_scp_is_not_there(old):
    t, chan = scp_raw(old, "scp -t /broken")
    assert chan.recv(1) == b"\0"
    chan.sendall(b"C0644 1000 broken\n")
    assert chan.recv(1) == b"\0"
    chan.sendall(b"x" * 500)
    chan.shutdown_write()
    assert chan.recv_exit_status() == 1
    t.close()
    assert not os.path.exists(old.path("broken"))
