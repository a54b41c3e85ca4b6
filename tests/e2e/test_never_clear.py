# SPDX-License-Identifier: ISC
"""Promise 1: no secret, name or content byte ever crosses the wire in clear."""

import ftplib
import os
import socket
import struct
import threading

import pytest

from conftest import IS_ROOT, needs_root, run

SECRET_NAME = "quarterly-figures-zebra.txt"
SECRET_BYTES = b"the heron eats at midnight " * 64
HINT = b'choose "explicit FTP over TLS" (AUTH TLS) in your client'


class Capture:
    """Every byte of TCP that crosses the loopback interface, by a packet socket."""

    def __enter__(self):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
        self.sock.bind(("lo", 0))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self.sock.settimeout(0.2)
        self.done, self.packets = threading.Event(), []
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()
        return self

    def listen(self):
        while True:
            try:
                self.packets.append(self.sock.recv(70000))
            except TimeoutError:
                if self.done.is_set():
                    return

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        lost = struct.unpack("II", self.sock.getsockopt(263, 6, 8))[1]  # SOL_PACKET, PACKET_STATISTICS
        self.sock.close()
        assert lost == 0, "the capture is not whole"

    def streams(self):
        """Payload per direction, in the order of arrival (loopback neither drops nor reorders)."""
        found = {}
        for p in self.packets:
            if p[12:14] != b"\x08\x00" or p[23] != 6:
                continue
            ip = 14
            tcp = ip + (p[ip] & 15) * 4
            total = struct.unpack(">H", p[ip + 2:ip + 4])[0]
            payload = p[tcp + (p[tcp + 12] >> 4) * 4:ip + total]
            if payload:
                found.setdefault(p[ip + 12:ip + 20] + p[tcp:tcp + 4], bytearray()).extend(payload)
        return found


def test_user_before_tls_is_refused_with_help(server):
    with server.clear() as c:
        reply = c.ask(b"USER alice")
    assert reply.startswith(b"530 ") and HINT in reply


def test_pass_in_clear_is_never_looked_at(server):
    with server.clear() as c:
        assert c.ask(b"PASS " + server.password.encode()).startswith(b"530 ")
    assert server.password not in server.log()


@pytest.mark.parametrize("command", ["PROT C", "CCC"])
def test_protection_cannot_be_switched_off(server, command):
    with server.ftp() as f:
        with pytest.raises(ftplib.error_perm):
            f.voidcmd(command)


def test_data_needs_prot_p(server):
    with server.ftp(login=False) as f:
        f.login(server.user, server.password)
        with pytest.raises(ftplib.error_perm, match="^521"):
            f.retrlines("LIST")


def whole_sessions(server, here):
    local = here / SECRET_NAME
    local.write_bytes(SECRET_BYTES)
    # The client that tries in clear, and gets the hint.
    with server.clear() as c:
        assert HINT in c.ask(b"USER " + server.user.encode())
        assert c.ask(b"PASS decoy-clear-password").startswith(b"530")
    with server.ftp(login=False) as ftp:
        with pytest.raises(ftplib.error_perm):
            ftp.login(server.user, "wrong-" + server.password)
    with server.ftp() as ftp:
        with open(local, "rb") as data:
            ftp.storbinary("STOR " + SECRET_NAME, data)
        got = []
        ftp.retrbinary("RETR " + SECRET_NAME, got.append)
        assert b"".join(got) == SECRET_BYTES
        lines = []
        ftp.retrlines("LIST", lines.append)
        assert any(SECRET_NAME in line for line in lines)
    run("curl", "-sS", "--ssl-reqd", "--cacert", server.ca, "-u", server.user + ":" + server.password,
        "ftp://localhost:%d/" % server.ftps_port)
    sftp = server.sftp()
    sftp.put(str(local), SECRET_NAME + ".2")
    assert SECRET_NAME in sftp.listdir(".")
    with sftp.open(SECRET_NAME) as data:
        assert data.read() == SECRET_BYTES
    sftp.transport.close()


@needs_root
def test_capture_of_whole_sessions_has_no_secret(server, here):
    with Capture() as capture:
        whole_sessions(server, here)
    streams = capture.streams()
    everything = b"\0".join(bytes(s) for s in streams.values())
    # It is the right traffic, and complete: the clear parts are there.
    assert HINT in everything and b"decoy-clear-password" in everything and b"SSH-2.0-" in everything
    assert len(everything) > 8 * len(SECRET_BYTES)
    for secret in (server.password.encode(), SECRET_NAME.encode(), SECRET_BYTES[:27], b"quarterly"):
        assert secret not in everything, secret
    assert os.path.exists(server.path(SECRET_NAME))
    assert IS_ROOT
