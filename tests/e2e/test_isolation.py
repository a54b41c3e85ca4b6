# SPDX-License-Identifier: ISC
"""Secrets in memory, tampered transports, and a listener that becomes a fresh image of itself."""

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from conftest import SYSTEM_USER, TOP, comm, descendants, eventually, needs_root, run, serving, sha256
from test_hostile import in_memory

PASSWORD_MARK = "mauve-walrus-"


def processes(server):
    return [(pid, comm(pid)) for pid in [server.pid] + descendants(server.pid)]


def who_remembers(server, secret):
    return {name for pid, name in processes(server) if in_memory(pid, secret.encode())}


@needs_root
@pytest.mark.parametrize("protocol", ["ftps", "sftp"])
def test_passwords_are_gone_after_the_verdict(server, protocol):
    """AU12: neither the right nor a wrong password is in any process, log, command line or environment."""
    wrong = PASSWORD_MARK + protocol
    if protocol == "ftps":
        good = server.ftp()
        bad = server.ftp(login=False)
        with pytest.raises(Exception):
            bad.login(server.user, wrong)
    else:
        import paramiko
        good = server.sftp()
        bad = paramiko.Transport((server.host, server.sftp_port))
        bad.start_client()
        with pytest.raises(paramiko.AuthenticationException):
            bad.auth_password(server.user, wrong)
    try:
        for secret in (server.password, wrong):
            eventually(lambda s=secret: not who_remembers(server, s), 20, "memory without the password")
            assert secret not in server.log()
            for pid, _ in processes(server):
                for name in ("cmdline", "environ"):
                    with open("/proc/%d/%s" % (pid, name), "rb") as f:
                        assert secret.encode() not in f.read()
    finally:
        for c in (good, bad):
            (c.close if protocol == "ftps" else getattr(c, "transport", c).close)()


class Proxy(threading.Thread):
    """Forwards one SSH connection; change(direction, packet) may alter the packets before encryption
    begins, and after(data) the client's first bytes behind its NEWKEYS."""

    def __init__(self, port, before=None, after=None):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.target, self.before, self.after = self.listener.getsockname()[1], port, before, after
        self.start()

    def run(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.target))
        back = threading.Thread(target=self.copy, args=(server, client), daemon=True)
        back.start()
        try:
            self.forward(client, server)
        except OSError:
            pass
        back.join(10)
        client.close()
        server.close()

    @staticmethod
    def copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        with contextlib.suppress(OSError):  # a reset is an end too, and the client waits for one
            b.shutdown(socket.SHUT_WR)

    def forward(self, client, server):
        f = client.makefile("rb")
        server.sendall(f.readline())
        while True:
            head = f.read(5)
            if len(head) < 5:
                return
            length, padding = struct.unpack(">IB", head)
            packet = head + f.read(length - 1)
            if packet[5] == 21:  # NEWKEYS
                if self.before:
                    server.sendall(self.before)
                server.sendall(packet)
                break
            server.sendall(packet)
        first = f.read1(65536)
        server.sendall(self.after(first) if self.after else first)
        while data := f.read1(65536):
            server.sendall(data)


def ssh_through(server, proxy, cipher):
    return subprocess.run(["sftp", "-q", "-b", "/dev/null", "-P", str(proxy.port), "-c", cipher, "-i", server.key, "-o",
                           "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                           "%s@127.0.0.1" % server.user], capture_output=True, timeout=30)


CIPHERS = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr", "aes128-ctr"]


@pytest.mark.parametrize("cipher", CIPHERS)
def test_ss01_a_flipped_bit_ends_the_connection(server, cipher):
    """SS01: the tag of the first encrypted packet is wrong by one bit; nobody gets in."""
    plain = Proxy(server.sftp_port)
    assert ssh_through(server, plain, cipher).returncode == 0
    before = server.log().count(" login: ")
    bad = Proxy(server.sftp_port, after=lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    assert ssh_through(server, bad, cipher).returncode != 0
    assert server.log().count(" login: ") == before


def test_ss02_strict_kex_refuses_an_inserted_message(server):
    """SS02 (Terrapin): an IGNORE before NEWKEYS would shift the sequence numbers."""
    ignore = struct.pack(">IB", 12, 6) + b"\x02" + struct.pack(">I", 0) + b"\0" * 6
    bad = Proxy(server.sftp_port, before=ignore)
    assert ssh_through(server, bad, "chacha20-poly1305@openssh.com").returncode != 0


def test_a_new_image_keeps_running_sessions(server, here):
    """LC09, cofferctl upgrade: the same pid, fresh memory, and a transfer that goes across it."""
    ctl = os.path.join(os.environ.get("BUILD", os.path.join(TOP, "build", "release")), "cofferctl")
    (here / "up").write_bytes(os.urandom(8 << 20))
    before = open("/proc/%d/maps" % server.pid, encoding="ascii").readline() if os.geteuid() == 0 else "?"
    with server.ftp() as f:
        conn = f.transfercmd("STOR across")
        data = (here / "up").read_bytes()
        conn.sendall(data[:4 << 20])
        run(ctl, "upgrade", "-c", os.path.join(os.path.dirname(server.ca), "coffer.yaml"))
        server.wait_for_log("listener renewed: ")
        conn.sendall(data[4 << 20:])
        conn.unwrap()
        conn.close()
        assert f.voidresp().startswith("226")
        with server.ftp() as g:
            assert g.voidcmd("NOOP").startswith("200")
    assert sha256(server.path("across")) == sha256("up")
    if before != "?":
        assert open("/proc/%d/maps" % server.pid, encoding="ascii").readline() != before


def test_sighup_with_a_broken_file_changes_nothing(server):
    """LC07: the old configuration stays, and the log says file, line and column."""
    path = os.path.join(os.path.dirname(server.ca), "coffer.yaml")
    good = open(path, encoding="utf-8").read()
    try:
        with open(path, "a", encoding="utf-8") as f:
            f.write("no-such-key: 1\n")
        os.kill(server.pid, signal.SIGHUP)
        server.wait_for_log("reload: result=failed")
        assert re.search(r"config: at=\S*coffer.yaml:\d+:\d+ ", server.log())
        with server.ftp() as f:
            f.voidcmd("NOOP")
    finally:
        with open(path, "w", encoding="utf-8") as f:
            f.write(good)
    os.kill(server.pid, signal.SIGHUP)
    server.wait_for_log("reload: result=ok")


@pytest.mark.parametrize("what", ["a port that is taken", "a mistake", "a log that cannot be written"])
def test_a_new_image_that_would_not_start_is_not_begun(tmp_path, what):
    """Not even after a crash: sessions and listeners stay, and the log, wherever it is, says why."""
    own = tmp_path / "own.log"
    (tmp_path / "extra.yaml").write_text("log: {file: %s}\n" % own)
    with serving("--config", str(tmp_path / "extra.yaml")) as s, socket.socket() as taken:
        path = os.path.join(os.path.dirname(s.ca), "coffer.yaml")
        good = open(path, encoding="utf-8").read()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wrong, words = {
            "a port that is taken": (good + "  third: {protocol: sftp, address: 127.0.0.1, port: %d}\n" % taken.getsockname()[1],
                                     "Address already in use"),
            "a mistake": (good + "no-such-key: 1\n", "no-such-key"),
            "a log that cannot be written": (good.replace(str(own), "/nonexistent/log"), "/nonexistent/log"),
        }[what]
        if what == "a port that is taken":  # into the mapping of listeners, wherever it stands
            lines = good.splitlines(keepends=True)
            at = lines.index("listeners:\n") + 1
            wrong = "".join(lines[:at] + [wrong[len(good):]] + lines[at:])
        with s.ftp() as f:
            with open(path, "w", encoding="utf-8") as file:
                file.write(wrong)
            os.kill(s.pid, signal.SIGUSR2)
            eventually(lambda: "renew: result=failed" in own.read_text(), what="the refusal")
            assert words in own.read_text()
            f.voidcmd("NOOP")
        with s.ftp() as f:
            f.voidcmd("NOOP")
        with open(path, "w", encoding="utf-8") as file:
            file.write(good)
        os.kill(s.pid, signal.SIGUSR2)
        eventually(lambda: " renewed: " in own.read_text(), what="a new image")


@needs_root
def test_a_signer_that_cannot_start_is_not_tried_without_a_pause(tmp_path):
    with serving("--mode", "root", "--user", SYSTEM_USER) as s:
        key = os.path.join(os.path.dirname(s.ca), "tls.key")
        os.rename(key, key + ".away")
        (signer,) = [p for p, name in processes(s) if name == "coffer-signer"]
        os.kill(signer, signal.SIGKILL)
        began = time.monotonic()
        eventually(lambda: len(re.findall(r"config: at=-:0:0 text=\S*tls.key: No such", s.log())) >= 4, what="four tries")
        assert time.monotonic() - began > 2  # of a second each, whatever else the machine does
        os.rename(key + ".away", key)
        eventually(lambda: any(name == "coffer-signer" for _, name in processes(s)), what="a new signer")
        with s.ftp() as f:
            f.voidcmd("NOOP")


def test_wire_list_and_rooms_say_the_same():
    """A room that wire runs imports no function whose system call is not on wire's list."""
    rules = open(os.path.join(TOP, "server", "sandbox_rules.c"), encoding="ascii").read()
    lists = rules.split("static const struct filter_rule wire[]")[0].split("common[]")[1] + \
        rules.split("static const struct filter_rule wire[]")[1].split("wire_tried[]")[0]
    allowed = set(re.findall(r"CALL(?:_IF2?)?\((\w+)", lists))
    means = {"recv": "recvfrom", "send": "sendto", "pread": "pread64", "pwrite": "pwrite64", "_exit": "exit_group",
             "malloc": "brk", "getline": "read"}
    build = os.environ.get("BUILD", os.path.join(TOP, "build", "release"))
    calls = set("""accept accept4 bind chdir chmod chown chroot clone close connect dup dup2 dup3 execve fchmod fchown fcntl flock fork
        fstat fstatat fsync ftruncate getdents getpeername getpid getrandom getsockname getsockopt ioctl kill lseek link listen
        mkdir mmap mount mprotect open openat pipe pipe2 poll ppoll prctl pread ptrace pwrite read readlink readv recv recvfrom
        recvmsg rename rmdir select send sendfile sendmsg sendto setitimer setresuid setsockopt setuid shutdown signalfd socket
        socketpair splice stat symlink syscall tgkill truncate umask unlink unshare utimensat wait4 waitpid write writev""".split())
    # What the listener does before any fork, in rooms that wire runs.
    before_fork = {"protocols/tls/tls_key", "protocols/sftp/ssh_keys", "protocols/sftp/ssh_selftest"}
    bad = []
    for top in ("protocols/common", "protocols/tls", "protocols/ftp", "protocols/sftp"):
        folder = os.path.join(build, top)
        for name in sorted(os.listdir(folder)):
            unit = os.path.join(top, name[:-2])
            if not name.endswith(".o") or unit in before_fork:
                continue
            for symbol in re.findall(r"\bU (\w+)", run("nm", "-u", os.path.join(folder, name)).text):
                symbol = re.sub(r"^__(\w+?)_chk$", r"\1", symbol).removesuffix("64")
                if symbol in calls and means.get(symbol, symbol) not in allowed and symbol not in ("syscall",):
                    bad.append("%s imports %s" % (unit, symbol))
    assert not bad


def test_clock_is_not_used_for_readiness():
    """The suite itself: no test waits for a time instead of an event."""
    assert not re.search(r"^\s*time\.sleep\((?!0\.0[0-9])", open(__file__, encoding="ascii").read(), re.M)
    assert time.monotonic() > 0
