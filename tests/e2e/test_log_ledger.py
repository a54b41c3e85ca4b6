# SPDX-License-Identifier: ISC
"""What the log says and does not say, and what neither names nor numbers may do to us. Ledger LG02, LG03, LG05, LG06, RX10, RX11."""

import contextlib
import ftplib
import os
import re
import secrets
import socket
import subprocess

import paramiko
import pytest

from conftest import TOP, etc_kept, eventually, needs_root, run, serving
from rawftps import Raw
from test_sftp_ledger import MKDIR, OK, PERMISSION_DENIED, REMOVE, RENAME, RMDIR, STATUS, s, u32
from test_sftp_ledger import Raw as RawSftp

BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "release"))


@contextlib.contextmanager
def configured(tmp_path, text, *more):
    (tmp_path / "extra.yaml").write_text(text)
    with serving("--config", str(tmp_path / "extra.yaml"), "--dir", str(tmp_path / "d"), *more) as server:
        server.conf = str(tmp_path / "d" / "coffer.yaml")
        yield server


def test_lg02_no_password_is_in_the_log_at_any_level_whatever_field_it_was_typed_into(tmp_path):
    words = ["Zq-" + secrets.token_hex(8) for _ in range(3)]
    with configured(tmp_path, "log: {level: debug}\nauth: {failure-delay: 100ms}\n") as server:
        for user, password in ((server.user, words[0]), (words[1], words[2]), (server.user, server.password)):
            with contextlib.closing(server.ftp(login=False)) as f, contextlib.suppress(ftplib.error_perm):
                f.login(user, password)
            for how in ("auth_password", "auth_interactive"):
                t = paramiko.Transport((server.host, server.sftp_port))
                t.start_client(timeout=20)
                with contextlib.suppress(paramiko.SSHException):
                    if how == "auth_password":
                        t.auth_password(user, password, fallback=False)
                    else:
                        t.auth_interactive(user, lambda title, text, prompts, p=password: [p] * len(prompts))
                t.close()
        eventually(lambda: not server.sessions(), 15, "the end of all sessions")
        log = server.log()
        assert log.count(" login: ") == 3 and log.count("login-failed") == 6, log
        assert log.count("user=<unknown> length=%d" % len(words[1])) == 3, log
        assert not [w for w in [*words, server.password] if w in log]


def test_lg03_every_change_is_one_record_with_who_where_and_what_came_of_it(tmp_path):
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "closed").mkdir()
    text = ("shares: {root: {path: %s/share, mount: /, rights: 'read-write, chmod, times', mode-requests: refuse,"
            " paths: {/closed: read-only}}}\n" % tmp_path)
    done = {}
    with configured(tmp_path, text) as server:
        with Raw(server) as c:
            assert c.put("file", b"content")[:3] == "226"
            for line, code in (("MKD dir", "257"), ("SITE CHMOD 600 file", "200"), ("RNFR file", "350"), ("RNTO other", "250"),
                               ("DELE other", "250"), ("RMD dir", "250"), ("MKD closed/dir", "550"), ("DELE closed/none", "550")):
                c.expect(line, code)
            assert c.put("closed/file", b"content")[:3] in ("550", "553")
        eventually(lambda: not server.sessions(), 15, "the end of the session")
        done["ftps"] = server.log()
        with RawSftp(server) as r:
            assert r.ask(MKDIR, s("/dir") + u32(0)) == (STATUS, OK)
            assert r.ask(RENAME, s("/dir") + s("/other")) == (STATUS, OK)
            assert r.ask(RMDIR, s("/other")) == (STATUS, OK)
            assert r.ask(MKDIR, s("/closed/dir") + u32(0)) == (STATUS, PERMISSION_DENIED)
            assert r.ask(REMOVE, s("/closed/none"))[0] == STATUS
        eventually(lambda: not server.sessions(), 15, "the end of the session")
        done["sftp"] = server.log()[len(done["ftps"]):]
    for proto, log in done.items():
        records = [line for line in log.splitlines() if " worker " in line and " worker refused: " not in line]
        assert all(re.search(r" session=[0-9a-f]{16} proto=%s addr=127\.0\.0\.1 user=tester" % proto, line) for line in records), log
        wanted = [("mkdir", "/dir", True), ("mkdir", "/closed/dir", False), ("delete", "/closed/none", False)] + {
            "ftps": [("put", "/file", True), ("put", "/closed/file", False), ("chmod", "/file", True), ("rename", "/file", True),
                     ("delete", "/other", True), ("rmdir", "/dir", True)],
            "sftp": [("rename", "/dir", True), ("rmdir", "/other", True)]}[proto]
        for op, path, good in wanted:
            found = [line for line in records if " op=%s path=%s " % (op, path) in line]
            assert len(found) == 1 and bool(re.search("result=ok|outcome=complete", found[0])) == good, (op, path, good, log)


@needs_root
def test_lg05_a_full_disk_of_the_log_stops_no_session(tmp_path):
    where = tmp_path / "full"
    where.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "none", str(where))
    try:
        with configured(tmp_path, "log: {file: %s/log, level: debug}\n" % where) as server:
            with open(where / "fill", "wb", buffering=0) as f, contextlib.suppress(OSError):
                while f.write(b"x" * 4096):
                    pass
            with Raw(server) as c, RawSftp(server) as r:
                for i in range(40):
                    assert c.put("file-%d" % i, b"x" * 5000)[:3] == "226"
                    assert r.ask(MKDIR, s("/dir-%d" % i) + u32(0)) == (STATUS, OK)
            os.unlink(where / "fill")
            with Raw(server) as c:
                c.expect("MKD after", "257")
            eventually(lambda: "after" in (where / "log").read_text(), 10, "a record of what came when there was room again")
    finally:
        run("umount", "-l", str(where))


@needs_root
def test_lg06_nobody_but_root_speaks_to_the_control_socket(tmp_path):
    with configured(tmp_path, "") as server:
        path = str(tmp_path / "d" / "run" / "control")
        for at in (path, os.path.dirname(path), str(tmp_path / "d"), str(tmp_path)):
            os.chmod(at, 0o777)  # as if somebody had opened the door
        script = ("import os, socket, sys\nos.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
                  "os.chdir(sys.argv[1])\nc = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\nc.settimeout(5)\n"
                  "c.connect('control')\ntry:\n    c.send(b'who')\n    print(repr(c.recv(4096)))\nexcept OSError as e:\n    print('refused', e)\n")
        run_dir = os.open(os.path.dirname(path), os.O_PATH)
        try:
            said = subprocess.run(["python3", "-c", script, "/proc/self/fd/%d" % run_dir], pass_fds=[run_dir], capture_output=True,
                                  text=True, timeout=30)
        finally:
            os.close(run_dir)
        assert "refused" in said.stdout or "b''" in said.stdout, said
        for _ in range(1000):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as c:
                c.connect(path)
        assert run(os.path.join(BUILD, "cofferctl"), "who", "-c", server.conf).returncode == 0
        with Raw(server) as c:
            c.expect("NOOP", "200")


@needs_root
def test_rx10_no_login_asks_for_a_name_of_the_network(tmp_path):
    """A name server of ours on the loopback of this namespace, which is asked by others and not by us."""
    with etc_kept("resolv.conf"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dns:
        dns.bind(("127.0.0.1", 53))
        with open("/etc/resolv.conf", "w", encoding="ascii") as f:
            f.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        subprocess.run(["python3", "-c", "import socket\ntry:\n    socket.getaddrinfo('asked.example', 1)\nexcept OSError: pass"],
                       timeout=60, check=True)
        dns.settimeout(5)
        assert b"asked" in dns.recv(4096)
        dns.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while dns.recv(4096):
                pass
        with configured(tmp_path, "") as server, Raw(server) as c, RawSftp(server) as r:
            c.expect("CLNT asked.example", "200")
            assert r.ask(MKDIR, s("/dir") + u32(0)) == (STATUS, OK)
        with pytest.raises(BlockingIOError):
            dns.recv(4096)


@pytest.mark.parametrize("value", ["2147483647", "2147483648s", "-1", "-1s", "18446744073709551616s", "99999999999d", "1e9s"])
def test_rx11_times_that_would_run_over_are_mistakes_with_their_place(tmp_path, value):
    with configured(tmp_path, "") as server:
        with open(server.conf, encoding="utf-8") as f:
            text = f.read()
        other = tmp_path / "d" / "other.yaml"
        other.write_text(text.replace("limits:\n", "limits:\n  idle-time: %s\n" % value, 1))
        os.chmod(other, 0o600)
        done = run(os.path.join(BUILD, "cofferctl"), "check", "-c", str(other), ok=False)
        assert done.returncode == 1 and re.search(r"other.yaml:\d+:\d+: limits.idle-time", done.text), done.text
