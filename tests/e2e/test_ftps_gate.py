# SPDX-License-Identifier: ISC
"""Passive ports that several clients share, and load balancers that say by PROXY headers for whom they come."""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess

import pytest

from conftest import comm, descendants, run, serving
from rawftps import Raw, read, until

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(peer="192.0.2.7", port=4000, reached="198.51.100.1"):
    return b"PROXY TCP4 %s %s %d 21\r\n" % (peer.encode(), reached.encode(), port)


def v2(peer="192.0.2.7", port=4000, reached="198.51.100.1", command=0x21):
    body = socket.inet_aton(peer) + socket.inet_aton(reached) + struct.pack("!HH", port, 21)
    return SIGNATURE + bytes([command, 0x11]) + struct.pack("!H", len(body)) + body


def gate_of(server):
    return [p for p in descendants(server.pid) if comm(p) == "coffer-gate"]


# ---- shared ports ----

def test_one_passive_port_serves_forty_addresses_at_the_same_time():
    with serving(config="ftps: {passive-ports: 31990-31990}\n") as s, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Raw(s, source="127.0.1.%d" % i)) for i in range(1, 41)]
        ports = [c.epsv() for c in clients]
        assert set(ports) == {31990}
        # Connections come in another order than the wishes, and the peer alone decides whose they are.
        data = {i: clients[i].data(port=31990) for i in reversed(range(40))}
        for i, c in enumerate(clients):
            c.expect("STOR of-%d" % i, "150")
        for i in range(40):
            data[i] = clients[i].wrap(data[i])
            data[i].sendall(b"%d" % i * 1000)
        for i, c in enumerate(clients):
            data[i].unwrap()
            data[i].close()
            c.expect(None, "226")
            assert read(s.root, "of-%d" % i) == b"%d" % i * 1000


def test_two_sessions_of_one_address_never_share_a_port():
    with serving(config="ftps: {passive-ports: 31990-31991}\n") as s:
        with Raw(s) as one, Raw(s) as two, Raw(s) as three:
            assert {one.epsv(), two.epsv()} == {31990, 31991}
            assert "31990-31991" in three.expect("EPSV", "425")
            one.expect("ABOR", "225")  # gives its port back
            until(lambda: three("EPSV").startswith("229"), 5)


def test_a_crowd_at_one_port_takes_no_data_connection_from_others():
    """Who is accepted for a session that does not take him off is a descriptor in flight, and those are counted together."""
    with serving(config="limits: {sessions: 20, waiting: 20, waiting-per-address: 20}\n") as s, contextlib.ExitStack() as stack:
        one, two, other = [stack.enter_context(Raw(s)) for _ in range(3)]
        for port in (one.epsv(), two.epsv()):
            for _ in range(400):
                crowd = stack.enter_context(socket.socket())
                crowd.settimeout(10)
                crowd.connect(("127.0.0.1", port))
        for n in range(20):
            assert other.put("f%d" % n, b"x")[:3] == "226"
        with Raw(s) as third:
            assert third.put("third", b"x")[:3] == "226"


def test_ports_are_closed_when_nobody_wants_them():
    with serving(config="ftps: {passive-ports: 31990-31990}\n") as s:
        with Raw(s) as c:
            c.epsv()
            c.expect("ABOR", "225")
            until(lambda: socket.socket().connect_ex(("127.0.0.1", 31990)) != 0, 5)
            assert c.put("after", b"x")[:3] == "226"
        until(lambda: socket.socket().connect_ex(("127.0.0.1", 31990)) != 0, 5)


def test_a_port_serves_the_next_transfer_as_soon_as_the_last_is_done():
    with serving(config="ftps: {passive-ports: 31990-31990}\n") as s, Raw(s) as c:
        for n in range(20):
            assert c.put("next-%d" % n, b"x")[:3] == "226"


def test_a_dead_gate_is_replaced_and_sessions_are_told():
    with serving(config="{}\n") as server, Raw(server) as c:
        before = gate_of(server)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: gate_of(server) and gate_of(server) != before)
        assert "connect again" in c.expect("EPSV", "425")
        c.expect("PWD", "257")
        with Raw(server) as c2:
            assert c2.put("after-gate", b"x")[:3] == "226"


def test_sessions_from_before_a_reload_keep_their_ports():
    with serving(config="{}\n") as server, Raw(server) as c:
        os.kill(server.pid, signal.SIGHUP)
        server.wait_for_log("reload: result=ok")
        assert c.put("before-reload", b"x")[:3] == "226"
        with Raw(server) as new:
            assert new.put("behind-reload", b"x")[:3] == "226"
            assert len(gate_of(server)) >= 1


# ---- PROXY headers ----

class Behind(Raw):
    """A client whose balancer sends a header first."""

    header = b""

    def reply(self):
        if self.header and self.sock is self.raw:
            self.raw.sendall(self.header)
            self.header = b""
        return super().reply()


def behind(server, header, **kw):
    return type("Behind", (Behind,), {"header": header})(server, **kw)


BALANCED = "listeners: {ftps: {proxy-from: [127.0.0.9]%s}, sftp: {proxy-from: [127.0.0.9]}}\n"


@pytest.mark.parametrize("header", [v1(), v2()], ids=["v1", "v2"])
def test_the_client_behind_a_balancer_is_the_one_of_the_header(header):
    with serving(config=BALANCED % "") as s:
        with behind(s, header, source="127.0.0.9") as c:
            assert "from 192.0.2.7" in c("STAT")
            assert c.expect("PASV", "227").split("(")[1].startswith("198,51,100,1,")
        s.wait_for_log("login: ")
        assert all("addr=192.0.2.7" in line for line in s.log().splitlines() if " login: " in line)
        # Everybody else speaks for himself, and a header is no command.
        with Raw(s) as c:
            assert "from 127.0.0.1" in c("STAT")
        with Raw(s, tls=False) as c:
            assert c(v1().decode().strip()).startswith("500")


def test_a_header_may_come_in_pieces():
    with serving(config=BALANCED % "") as s:
        sock = socket.create_connection(("127.0.0.1", s.ftps_port), source_address=("127.0.0.9", 0), timeout=10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in v2():
            sock.sendall(bytes([byte]))
        assert sock.recv(100).startswith(b"220")
        sock.close()


@pytest.mark.parametrize("what", ["nothing", "wrong", "huge", "http"])
def test_a_balancer_without_a_good_header_is_closed(what):
    said = {"nothing": b"", "wrong": b"PROXY TCP4 1 2 3 4\r\n", "huge": SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 3000,
            "http": b"GET / HTTP/1.1\r\n\r\n"}[what]
    with serving(config=BALANCED % "") as s:
        sock = socket.create_connection(("127.0.0.1", s.ftps_port), source_address=("127.0.0.9", 0), timeout=10)
        sock.sendall(said)
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(100) == b""  # not a byte, and not before its time is over
        s.wait_for_log("proxy-header: ")
        assert "addr=127.0.0.9" in s.log()


def test_health_checks_of_a_balancer_cost_it_nothing():
    with serving(config=BALANCED % "" + "penalties: {enabled: yes}\n") as s:
        for _ in range(30):
            sock = socket.create_connection(("127.0.0.1", s.ftps_port), source_address=("127.0.0.9", 0), timeout=10)
            sock.sendall(v2(command=0x20))
            assert sock.recv(100).startswith(b"220")
            sock.close()
        assert "turned-away" not in s.log()


def test_penalties_are_for_the_client_and_not_for_the_balancer():
    with serving(config=BALANCED % "" + "penalties: {enabled: yes}\nauth: {failure-delay: 100ms}\n") as s:
        for _ in range(2):
            with behind(s, v2(), source="127.0.0.9", login=False) as c:
                for _ in range(2):
                    c.expect("USER nobody", "331")
                    c.expect("PASS wrong", "530")
        with behind(s, v2(), source="127.0.0.9", tls=False) as c:
            assert c.greeting.startswith("421")
        with behind(s, v2(peer="192.0.2.8"), source="127.0.0.9") as c:
            c.expect("PWD", "257")


@pytest.mark.parametrize("header", [v2(), b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 4000 21\r\n"], ids=["four", "mapped"])
def test_data_connections_through_a_balancer_say_for_whom_they_come(header):
    with serving(config=BALANCED % ", proxy-data: yes") as s, behind(s, header, source="127.0.0.9") as c:
        stranger = c.data(source="127.0.0.9")
        port = stranger.getpeername()[1]
        stranger.sendall(v2(peer="192.0.2.66"))
        data = c.data(port=port, source="127.0.0.9")
        data.sendall(header)
        c.expect("STOR proxied", "150")
        data = c.wrap(data)
        data.sendall(b"by way of a balancer")
        data.unwrap()
        data.close()
        c.expect(None, "226")
        assert read(s.root, "proxied") == b"by way of a balancer"
        assert stranger.recv(1) == b""
        assert "data-stranger: closed=yes addr=192.0.2.66" in s.log()


def test_sftp_behind_a_balancer():
    import paramiko
    with serving(config=BALANCED % "") as s:
        sock = socket.create_connection(("127.0.0.1", s.sftp_port), source_address=("127.0.0.9", 0), timeout=10)
        sock.sendall(v1(peer="192.0.2.9"))
        transport = paramiko.Transport(sock)
        transport.connect(username=s.user, password=s.password)
        assert paramiko.SFTPClient.from_transport(transport).listdir("/") == []
        transport.close()
        s.wait_for_log("login: ")
        assert any("addr=192.0.2.9" in line for line in s.log().splitlines() if " login: " in line)


HAPROXY = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen ftps
    bind 127.0.0.1:%d
    server coffer 127.0.0.8:%d send-proxy%s source 127.0.0.9
listen data
    bind 127.0.0.1:31980-31989
    server coffer 127.0.0.8 send-proxy%s source 127.0.0.9
"""


@pytest.mark.skipif(not shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin"), reason="needs haproxy")
@pytest.mark.parametrize("version", ["", "-v2"], ids=["v1", "v2"])
def test_a_session_behind_haproxy_with_its_data_connections(tmp_path, version):
    """Coffer is at 127.0.0.8, HAProxy with the same ports at 127.0.0.1."""
    text = ("listeners: {ftps: {address: 127.0.0.8, proxy-from: [127.0.0.9], proxy-data: yes}}\n"
            "ftps: {passive-ports: 31980-31989}\n")
    with serving(config=text) as s:
        (tmp_path / "ha.cfg").write_text(HAPROXY % (31979, s.ftps_port, version, version))
        haproxy = subprocess.Popen([shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin"), "-db", "-f", str(tmp_path / "ha.cfg")])
        try:
            until(lambda: socket.socket().connect_ex(("127.0.0.1", 31979)) == 0)
            (tmp_path / "up").write_bytes(os.urandom(3 << 20))
            url = "ftp://127.0.0.1:31979/"
            for arguments in (["-T", str(tmp_path / "up"), url + "file"], [url + "file", "-o", str(tmp_path / "down")],
                              [url]):
                run("curl", "-sS", "--ssl-reqd", "--cacert", s.ca, "-u", "%s:%s" % (s.user, s.password), *arguments)
            assert read(tmp_path, "down") == read(tmp_path, "up") == read(s.root, "file")
            logins = [line for line in s.log().splitlines() if " login: " in line]
            assert logins and all("addr=127.0.0.1" in line for line in logins)
        finally:
            haproxy.terminate()
            haproxy.wait(10)
