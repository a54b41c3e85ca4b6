# SPDX-License-Identifier: ISC
"""Attacks on FTPS that are known from other servers, each with its number in the project's ledger."""

import contextlib
import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import time

import pytest

from conftest import SYSTEM_USER, eventually, needs_root, serving, status
from rawftps import Raw, cut, read, until

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
versions = pytest.mark.parametrize("version", VERSIONS, ids=["tls12", "tls13"])


@pytest.fixture(scope="module")
def fast():
    """Short delays, few passive ports."""
    with serving(config="auth: {failure-delay: 100ms}\n"
                        "limits: {data-connect-time: 1s, stall-time: 1s, idle-time: 2s, login-time: 3s}\n") as s:
        with open(s.path("big"), "wb") as f:
            f.truncate(100 << 20)
        yield s


@pytest.fixture(scope="module")
def guessing():
    with serving(config="auth: {failure-delay: 100ms, tries: 20}\n") as s:
        yield s


def seconds_of_cpu(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            with open("/proc/%d/stat" % pid, encoding="ascii") as f:
                words = f.read().rsplit(")", 1)[1].split()
            total += int(words[11]) + int(words[12])
    return total / os.sysconf("SC_CLK_TCK")


def is_still(pid):
    """Has it used no CPU for a while?"""
    before = seconds_of_cpu([pid])
    time.sleep(0.3)
    return before > 0 and seconds_of_cpu([pid]) == before


def wires(server):
    return server.sessions().get("coffer-wire", [])


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


# ---- PF: before login ----


def test_PF01_random_lines_get_500_and_the_session_goes_on(server):
    r = random.Random(1)
    with Raw(server) as c:
        before = wires(server)
        for _ in range(50):
            lines = [bytes(r.choice([0xff, 0xf4, 0xf2, r.randrange(1, 256)]) for _ in range(r.randrange(1, 60)))
                     .replace(b"\n", b"x").replace(b"\r", b"y") for _ in range(100)]
            # Behind telnet commands alone nothing is left: an empty line, which has no answer.
            lines = [b"Z" + line for line in lines]
            c.send(b"".join(line + b"\r\n" for line in lines))
            assert set(c.codes(100)) <= {"500", "501"}
        for byte in range(1, 256):
            if byte not in (10, 13):
                c.send(b"Q%cQ\r\n" % byte)
                c.expect(None, "500")
        c.send(b"\xff\xf4\xff\xf2ABOR\r\n")
        c.expect(None, "225")
        c.send(b"\xff\xffNOOP\r\n")
        c.expect(None, "200")
        c.send(b"\xff\xf4\xff\r\nNOOP\r\n")
        c.expect(None, "200")
        assert wires(server) == before


def test_PF02_a_long_line_is_one_line_and_hides_nothing(server):
    with Raw(server) as c:
        wire = wires(server)
        for length in (512, 1024, 4096, 8190, 8191, 8192, 8193, 60000):
            c.send(b"X" * length + b"SITE HELP\r\nNOOP\r\n")
            assert c.codes(2) == ["500", "200"], length
        assert seconds_of_cpu(wire) < 1
        c.send(b"B" * 70000)
        c.expect(None, "421")
        assert c.ended()


def test_PF02_a_megabyte_without_an_end_is_hung_up_on(server):
    with Raw(server, login=False) as c:
        with contextlib.suppress(OSError):
            c.send(b"A" * (1 << 20))
        assert "421" in c.reply()
        assert c.ended()


def test_PF03_empty_and_torn_lines_have_one_answer_or_none(server):
    with Raw(server) as c:
        for torn in (b"\r\n", b"\n", b"\r\r\n", b"\r\n\r\n", b" \r\n", b"\r\r\r\n\n\n"):
            c.send(torn + b"SYST\r\n")
            while not (reply := c.reply()).startswith("215"):
                assert reply.startswith("500"), (torn, reply)
        for torn in (b"NO\0OP", b"\0", b"\0\0\0", b"CWD \0", b"NOOP\0"):
            c.send(torn + b"\r\nSYST\r\n")
            assert c.codes(2) == ["501", "215"], torn
        for torn in ('CWD "', "CWD \\", "MLST '", 'STAT "a', "SITE CHMOD 644 \\", "RNFR \"\\"):
            c.expect(torn, "550", "501")
        assert c.is_silent()


def test_PF04_what_was_said_in_clear_behind_AUTH_is_not_served(server):
    with Raw(server, tls=False) as c:
        c.send(b"AUTH TLS\r\nUSER evil\r\nFEAT\r\n")
        c.expect(None, "421")
        assert c.ended()
    with Raw(server, tls=False) as c:
        c.expect("AUTH TLS", "234")
        time.sleep(0.05)
        c.send(b"USER evil\r\nFEAT\r\n")
        said = b""
        with contextlib.suppress(OSError):
            while got := c.raw.recv(4096):
                said += got
        assert b"331" not in said and b"211" not in said and b"530" not in said
    with Raw(server, login=False) as c:
        assert c.is_silent(0.5)
        c.expect("FEAT", "211")
        assert c.is_silent()


def test_PF05_no_login_in_clear_and_no_memory_of_it(server):
    for line in ("USER root", "USER x", "PASS geheim99", "ACCT x", "REIN"):
        with Raw(server, tls=False) as c:
            reply = c.expect(line, "530")
            assert "AUTH TLS" in reply
    with Raw(server, tls=False) as c:
        c.expect("USER " + server.user, "530")
        c.secure()
        c.expect("PASS " + server.password, "503")
    assert "geheim99" not in server.log()
    assert re.search(r"refused-clear: .*verb=PASS", server.log())


def test_PF06_percent_signs_are_characters(server):
    evil = "%n%s%x%p%99999d"
    with Raw(server) as c:
        for line in ("CWD ", "RNFR ", "SITE ", "STAT ", "SIZE ", "OPTS ", "MLST "):
            c.expect(line + evil, "550", "501", "504")
        c.expect("CLNT " + evil, "200")
        assert evil in c("MKD " + evil)
        c.expect("RMD " + evil, "250")
        c.expect("NOOP", "200")
    with Raw(server, login=False) as c:
        c.expect("USER " + evil, "331")
        c.expect("PASS " + evil, "530")
    assert evil in server.log()


def test_PF07_before_login_only_the_verbs_of_a_login_are_served(server):
    allowed = "AUTH PBSZ PROT USER PASS HOST FEAT NOOP QUIT HELP SYST OPTS CLNT LANG".split()
    with Raw(server, login=False) as c:
        verbs = set(re.findall(r"[A-Z][A-Z0-9]{2,6}", "".join(c("HELP").split("\n")[1:-1])))
        assert set(allowed) <= verbs
        for verb in sorted(verbs - set(allowed)):
            c.expect(verb + " x", "530")
    with Raw(server, tls=False) as c:
        for verb in sorted(verbs - set(allowed)):
            c.expect(verb + " x", "530")


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_PF08_other_protocols_are_hung_up_on_without_an_echo(server, tls):
    for opening in (b"GET / HTTP/1.1\r\n" + b"Host: attacker\r\n" * 20, b"POST /x HTTP/1.0\r\n\r\n",
                    b"EHLO attacker\r\nMAIL FROM:<a@b>\r\n", b"SSH-2.0-attacker\r\n"):
        with Raw(server, tls=tls, login=False) as c:
            c.send(opening)
            replies = []
            with contextlib.suppress(EOFError, OSError, ssl.SSLError):
                while len(replies) < 30:
                    replies.append(c.reply())
            assert 1 <= len(replies) <= 4 and replies[-1].startswith("421")
            assert not any("attacker" in r or "HTTP" in r for r in replies)
    with Raw(server, tls=tls, login=False) as c:
        assert [c(x)[:3] for x in ("FOO", "BAR", "BAZ")] == ["500"] * 3
        c.expect(None, "421")
        assert c.ended()


def test_PF08_a_ClientHello_in_clear_is_hung_up_on(server):
    with Raw(server, tls=False) as c:
        c.send(b"\x16\x03\x01\x00\x05hello\n")
        assert c.ended()


def test_PF09_odd_user_names_are_refused_like_any_other(guessing):
    names = ["x:)", "a'; DROP TABLE", '"', "%', 1)", "-f", "../x", "a", "x" * 33, "x" * 256, "x" * 4096, "\u2028", "a\tb"]
    c = Raw(guessing, login=False)
    for name in names:
        c.expect("USER " + name, "331")
        assert c("PASS x") == "530 Login incorrect."
    c.send(b"USER \xff\xfe\xfd\r\n")
    c.expect(None, "331")
    assert c("PASS x") == "530 Login incorrect."
    c.send(b"USER a\0b\r\n")
    c.expect(None, "501")
    # Whoever cuts a name at its NUL, or after so many bytes, would let this one in.
    c.expect("USER " + guessing.user + "x" * 5000, "331")
    c.expect("PASS " + guessing.password, "530")
    c.close()


def test_PF10_before_login_nothing_tells_what_runs_here(server):
    with Raw(server, tls=False) as c:
        said = c.greeting + "".join(c(x) for x in ("SYST", "HELP", "FEAT", "STAT", "HOST x", "NOOP", "USER x"))
        c.secure()
        said += "".join(c(x) for x in ("SYST", "HELP", "FEAT", "STAT", "CSID x", "SITE HELP"))
    for secret in ("coffer", "openssl", "debian", "linux", socket.gethostname(), os.path.realpath(server.root)):
        assert secret.lower() not in said.lower(), secret
    assert not re.search(r"\d+\.\d+", said)


# ---- TL: TLS ----


def s_client(server, *arguments, say=b"QUIT\r\n", timeout=15):
    done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.ftps_port, "-starttls", "ftp",
                           *arguments], input=say, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    return done.stdout.decode(errors="replace")


def test_TL01_old_versions_and_weak_ciphers_are_refused(server):
    for weak in (["-tls1"], ["-tls1_1"], ["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
                 ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA"],
                 ["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"], ["-tls1_2", "-cipher", "eNULL:@SECLEVEL=0"],
                 ["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "PSK"]):
        assert "Cipher is ECDHE" not in (said := s_client(server, *weak)) and "TLS_" not in said, weak
    assert "ECDHE-ECDSA" in s_client(server, "-tls1_2")
    assert "Cipher is TLS_" in s_client(server, "-tls1_3")


@versions
def test_TL02_an_upload_without_close_notify_is_no_upload(server, version):
    name = "cut-%d" % version
    content = os.urandom(300000)
    with Raw(server, version=version) as c:
        data = c.begin("STOR " + name)
        data.sendall(content[:100000])
        cut(data)
        assert "close_notify" in c.expect(None, "426")
        assert not os.path.exists(server.path(name))
        # It can go on from what came.
        came = int(c.expect("SIZE " + name, "213")[4:])
        assert 0 < came <= 100000
        c.expect("REST %d" % came, "350")
        assert c.put(name, content[came:])[:3] == "226"
        assert read(server.root, name) == content
        # And what was there before is not touched by a broken one.
        data = c.begin("STOR " + name)
        data.sendall(b"x" * 50000)
        cut(data)
        c.expect(None, "426")
        assert read(server.root, name) == content


def test_TL03_no_session_ticket_comes_on_data_connections(server):
    with Raw(server, version=ssl.TLSVersion.TLSv1_3) as c:
        data = c.begin("STOR tickets")
        data.sendall(b"x" * 300000)
        time.sleep(0.1)
        # A client that only writes leaves what it got unread: nothing may be there.
        data.setblocking(False)
        with pytest.raises(BlockingIOError):
            socket.socket.recv(socket.socket(fileno=os.dup(data.fileno())), 100, socket.MSG_PEEK)
        data.setblocking(True)
        data.unwrap()
        data.close()
        c.expect(None, "226")
        assert os.path.getsize(server.path("tickets")) == 300000


@versions
def test_TL04_TL05_only_the_own_session_opens_the_data_connection_and_the_old_file_stays(server, version):
    with Raw(server, version=version) as c, Raw(server, version=version, source="127.0.0.4") as other:
        assert c.put("bound", b"old")[:3] == "226"
        before = os.stat(server.path("bound"))
        for how in ("fresh", "plain", "foreign"):
            data = c.data()
            c.expect("STOR bound", "150")
            with contextlib.suppress(OSError, ssl.SSLError):
                if how == "plain":
                    data.sendall(b"evil\r\n")
                    data.recv(10)
                else:
                    session = None
                    if how == "foreign":
                        other.expect("NOOP", "200")  # its ticket is here
                        session = other.sock.session
                    data = (other if how == "foreign" else c).context.wrap_socket(data, server_hostname="localhost",
                                                                                  session=session)
                    data.sendall(b"evil")
                    data.unwrap()
            reply = c.expect(None, "425" if how == "plain" else "522")
            assert how == "plain" or "session reuse" in reply
            data.close()
            after = os.stat(server.path("bound"))
            assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
            assert read(server.root, "bound") == b"old"
        assert c.put("bound", b"new")[:3] == "226"


def test_TL05_200_transfers_with_clients_that_use_each_ticket_once(server):
    with Raw(server, version=ssl.TLSVersion.TLSv1_3) as c:
        assert c.put("once", b"x" * 100)[:3] == "226"
        seen = set()
        for _ in range(200):
            port = c.epsv()
            data = c.data(port=port)
            c.expect("RETR once", "150")
            assert c.sock.session.id not in seen
            seen.add(c.sock.session.id)
            data = c.wrap(data)
            assert data.session_reused
            while data.recv(1000):
                pass
            data.close()
            c.expect(None, "226")


def test_TL06_renegotiation_and_key_update_floods_end(server):
    assert "no renegotiation" in s_client(server, "-tls1_2", say=b"R\n").lower() or \
        "handshake failure" in s_client(server, "-tls1_2", say=b"R\n").lower()
    client = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.ftps_port, "-starttls", "ftp",
                               "-tls1_3"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wire = eventually(lambda: wires(server), 10, "a session")
        begin, used = time.monotonic(), 0
        with contextlib.suppress(BrokenPipeError):
            while time.monotonic() < begin + 120 and client.poll() is None and wires(server):
                client.stdin.write(b"k\n")  # s_client takes one of what a read brings: few a second on a busy machine
                client.stdin.flush()
                used = max(used, seconds_of_cpu(wire))
                time.sleep(0.0003)
        eventually(lambda: not wires(server), 10, "the end of the flood")  # it may be the client that is gone first
        assert used < 1
    finally:
        client.kill()
        client.wait()


def test_TL07_nothing_turns_encryption_off(server):
    with Raw(server, prot=False) as c:
        c.expect("CCC", "534")
        c.expect("PROT C", "534")
        for line in ("RETR x", "LIST", "STOR x"):
            c.epsv()
            c.expect(line, "521")
        c.expect("PBSZ 0", "200")
        c.expect("PROT C", "534")
        c.expect("LIST", "521")
        c.expect("PROT P", "200")
        data = c.data()
        c.expect("LIST", "150")
        assert c.is_silent(0.1)
        data.settimeout(0.2)
        with pytest.raises(TimeoutError):  # no byte before the client's ClientHello
            data.recv(1)
        data.settimeout(5)
        data.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(OSError):
            assert data.recv(1) in (b"", b"\x15")  # gone, or a TLS alert
        data.close()
        c.expect(None, "425")


def test_TL08_ALPN_must_be_ftp_or_nothing(server):
    for names, fine in ((["http/1.1"], False), (["smtp", "h2"], False), (["ftp"], True), (["x-filezilla-ftp", "ftp"], True),
                        (["ftpx"], False)):
        context = server.tls()
        context.set_alpn_protocols(names)
        if fine:
            with Raw(server, context=context, login=False) as c:
                assert c.sock.selected_alpn_protocol() in names
        else:
            with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
                Raw(server, context=context, login=False)
    assert re.search("CN ?= ?localhost", s_client(server, "-servername", "elsewhere.example"))


def test_TL10_AUTH_twice_and_other_mechanisms(server):
    with Raw(server, tls=False) as c:
        for line, code in (("AUTH GSSAPI", "504"), ("AUTH KERBEROS_V4", "504"), ("AUTH", "501")):
            c.expect(line, code)
        c.expect("AUTH SSL", "234")
    with Raw(server, login=False) as c:
        for line in ("AUTH TLS", "AUTH SSL", "AUTH tls-c", "AUTH GSSAPI"):
            c.expect(line, "503")
    with Raw(server) as c:
        c.expect("AUTH TLS", "503")
        c.expect("PWD", "257")


def test_TL11_slow_and_oversized_handshakes_end(fast):
    slow = [Raw(fast, tls=False) for _ in range(20)]
    for c in slow:
        c.expect("AUTH TLS", "234")
        c.raw.sendall(b"\x16")
    with Raw(fast) as c:  # the 21st is served at once
        c.expect("PWD", "257")
    begin = time.monotonic()
    for c in slow:
        with contextlib.suppress(OSError):
            c.raw.sendall(b"\x03")
        assert c.ended()
        c.close()
    assert time.monotonic() < begin + 8


def test_TL11_a_handshake_without_an_end_is_hung_up_on(server):
    # A ClientHello that says it has 16 MiB; this server would wait for a minute.
    with Raw(server, tls=False) as c:
        c.expect("AUTH TLS", "234")
        first = b"\x01\xff\xff\xff" + b"\x03\x03" + bytes(16378)
        with contextlib.suppress(OSError):
            for i in range(64):
                body = first if i == 0 else bytes(16384)
                c.raw.sendall(b"\x16\x03\x01" + struct.pack(">H", len(body)) + body)
        assert c.ended()
    server.wait_for_log("failed=")


def test_TL13_early_data_is_not_taken(server, tmp_path):
    session = str(tmp_path / "session")
    early = str(tmp_path / "early")
    with open(early, "wb") as f:
        f.write(b"USER x\r\n")
    s_client(server, "-tls1_3", "-sess_out", session, say=b"NOOP\r\nQUIT\r\n")
    said = s_client(server, "-tls1_3", *(["-sess_in", session] if os.path.exists(session) else []), "-early_data", early)
    assert "Early data was accepted" not in said
    if os.path.exists(session):
        text = subprocess.run(["openssl", "sess_id", "-in", session, "-noout", "-text"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        assert "Max Early Data: 0" in text


# ---- FD: data connections ----


def test_FD01_active_mode_is_off_and_calls_nobody(server):
    with Raw(server) as c, socket.create_server(("127.0.0.2", 0)) as trap:
        port = trap.getsockname()[1]
        for line in ("PORT 127,0,0,2,%d,%d" % (port >> 8, port & 255), "EPRT |1|127.0.0.2|%d|" % port,
                     "PORT 127,0,0,1,0,22", "PORT 10,0,0,1,0,0"):
            c.expect(line, "502")
        c.expect("EPRT |1|127.0.0.1|65536|", "501")
        c.expect("LIST", "425")
        trap.settimeout(0.2)
        with pytest.raises(TimeoutError):
            trap.accept()


def test_FD01_active_mode_calls_its_own_client_only():
    with serving(config="ftps: {active: yes}\n") as s, Raw(s) as c:
        with socket.create_server(("127.0.0.2", 0)) as trap:
            port = trap.getsockname()[1]
            for line in ("PORT 127,0,0,2,%d,%d" % (port >> 8, port & 255), "EPRT |1|127.0.0.2|%d|" % port,
                         "PORT 127,0,0,2,0,22", "EPRT |2|::1|%d|" % port):
                c.expect(line, "501")
            for line in ("PORT 127,0,0,1,0,22", "PORT 127,0,0,1,0,0", "EPRT |1|127.0.0.1|1023|"):
                c.expect(line, "504")  # RFC 2577, section 3
            trap.settimeout(0.2)
            with pytest.raises(TimeoutError):
                trap.accept()
        with socket.create_server(("127.0.0.1", 0)) as mine:
            c.expect("EPRT |1|127.0.0.1|%d|" % mine.getsockname()[1], "200")
            c.expect("STOR active", "150")
            data = c.wrap(mine.accept()[0])
            data.sendall(b"called")
            data.unwrap()
            data.close()
            c.expect(None, "226")
            assert read(s.root, "active") == b"called"
            dead = mine.getsockname()[1]
        c.expect("EPRT |1|127.0.0.1|%d|" % dead, "200")
        c.expect("STOR active", "150")
        c.expect(None, "425")
        assert read(s.root, "active") == b"called"


def test_FD02_strangers_at_the_passive_port_cost_nothing(server):
    with Raw(server) as c:
        port = c.epsv()
        strangers = [c.data(port=port, source="127.0.0.2") for _ in range(5)]
        data = c.data(port=port)
        c.expect("STOR mine", "150")
        data = c.wrap(data)
        data.sendall(b"mine")
        data.unwrap()
        data.close()
        c.expect(None, "226")
        for s in strangers:
            s.settimeout(5)
            with contextlib.suppress(ConnectionResetError):
                assert s.recv(1) == b""
            s.close()
        # From the same address: silent ones, and ones that talk nonsense.
        port = c.epsv()
        strays = [c.data(port=port) for _ in range(6)]
        for s in strays[3:]:
            s.sendall(b"garbage garbage\r\n")
        data = c.data(port=port)
        c.expect("STOR mine", "150")
        data = c.wrap(data)
        data.sendall(b"still mine")
        data.unwrap()
        data.close()
        c.expect(None, "226")
        assert read(server.root, "mine") == b"still mine"
        for s in strays:
            s.close()


def test_FD02_one_that_begins_a_handshake_and_stalls_keeps_nobody_out(server):
    with Raw(server) as c:
        port = c.epsv()
        stray = c.data(port=port)
        stray.sendall(b"\x16\x03\x01")
        c.expect("STOR mine", "150")
        data = c.wrap(c.data(port=port))
        data.sendall(b"whole")
        data.unwrap()
        data.close()
        c.expect(None, "226")
        assert read(server.root, "mine") == b"whole"
        stray.close()


@versions
def test_FD02_who_shakes_hands_is_not_sent_away_for_a_stray_before_him(server, version):
    with Raw(server, version=version) as c:
        port = c.epsv()
        stray = c.data(port=port)
        stray.sendall(b"garbage garbage\r\n")
        with contextlib.suppress(ConnectionResetError):
            while stray.recv(100):
                pass
        data = c.data(port=port)
        came, go = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = c.context.wrap_bio(came, go, server_hostname="localhost", session=c.sock.session)
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        data.sendall(go.read())
        came.write(data.recv(65536))  # now the server waits for the client's last flight
        c.expect("STOR mine", "150")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                came.write(data.recv(65536))
        tls.write(b"his")
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()
        data.sendall(go.read())
        c.expect(None, "226")
        assert read(server.root, "mine") == b"his"
        data.close()
        stray.close()


def test_a_list_of_names_below_a_long_path_is_whole(server):
    long = "/".join(["d" * 200] * 3)
    os.makedirs(os.path.join(server.root, long))
    names = ["%03d" % i for i in range(900)]
    for name in names:
        open(os.path.join(server.root, long, name), "w", encoding="ascii").close()
    with contextlib.closing(server.ftp()) as f:
        assert sorted(f.nlst(long)) == [long + "/" + name for name in names]


def test_a_pattern_between_rnfr_and_rnto_renames_nothing(server):
    os.mkdir(os.path.join(server.root, "sub"))
    for name in ("victim", "sub/a.txt"):
        with open(os.path.join(server.root, name), "w", encoding="ascii") as f:
            f.write(name)
    with Raw(server) as c:
        c.expect("RNFR /victim", "350")
        assert "a.txt" in c.expect("STAT /sub/*.txt", "212", "213")
        c.expect("RNTO /newname", "503")
    assert sorted(n for n in os.listdir(server.root) if n in ("sub", "victim", "newname")) == ["sub", "victim"]


def test_FD03_passive_ports_are_random_and_inside_their_range(server):
    with Raw(server) as a, Raw(server) as b:
        ports = []
        for _ in range(150):
            pair = (a.epsv(), b.epsv())
            assert pair[0] != pair[1]
            ports += pair
        assert max(ports) - min(ports) <= 500
        assert len(set(ports)) > 120  # 300 of 501 at random: 225
        steps = [y - x for x, y in zip(ports, ports[1:])]
        assert max(steps.count(s) for s in set(steps)) < 15


def test_FD03_an_exhausted_range_is_425_at_once():
    first = random.randint(31900, 31970)
    with serving(config="ftps: {passive-ports: %d-%d}\n" % (first, first + 3)) as s:
        clients = [Raw(s) for _ in range(8)]
        begin = time.monotonic()
        replies = [c("EPSV")[:3] for c in clients]
        assert time.monotonic() < begin + 5
        assert replies.count("229") <= 4 and set(replies) <= {"229", "425"} and "425" in replies
        taken = [c for c, r in zip(clients, replies) if r == "229"]
        for c in taken:
            c.close()
        left = next(c for c, r in zip(clients, replies) if r == "425")
        until(lambda: left("EPSV").startswith("229"))
        for c in clients:
            c.close()


def test_FD04_EPSV_ALL_is_for_the_rest_of_the_session(server):
    with Raw(server) as c:
        c.expect("EPSV ALL", "200")
        for line in ("PASV", "PORT 127,0,0,1,9,9", "EPRT |1|127.0.0.1|9000|"):
            c.expect(line, "501")
        c.epsv()
        c.send("ABOR")
        c.expect(None, "225")
        c.expect("PASV", "501")
        c.epsv()


def test_FD05_data_connections_that_break_at_every_stage(server):
    with open(server.path("large"), "wb") as f:
        f.truncate(50 << 20)
    with Raw(server) as c:
        for _ in range(5):
            c.data().close()
            if c("LIST").startswith("150"):
                c.expect(None, "425")
            data = c.data()
            c.send("LIST")
            data.close()
            c.expect(None, "150")
            c.expect(None, "425", "426", "226")
            data = c.begin("RETR large")
            data.recv(1)
            data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            data.close()
            c.expect(None, "426")
        c.epsv()
        c.expect("ABOR", "225")
        c.epsv()
        c.expect("RETR large", "150")
        c.send("ABOR")
        assert c.codes(2) == ["426", "226"]
        data = c.begin("RETR large")
        data.recv(1000)
        c.expect("NOOP", "200")
        assert "Download: " in c.expect("STAT", "211")
        c.send(b"PWD\r\nABOR\r\n")
        assert c.is_silent()  # PWD waits for the transfer, and ABOR for PWD
        data.close()
        assert c.codes(3) == ["426", "257", "225"]
        data = c.begin("STOR aborted")
        data.sendall(b"z" * 100000)
        c.send("ABOR")
        assert c.codes(2) == ["426", "226"]
        data.close()
        assert not os.path.exists(server.path("aborted"))
        data = c.begin("STOR quit")
        data.sendall(b"z" * 1000)
        c.expect("QUIT", "221")  # at once; the connection stays for the result
        c.send("PWD")
        assert c.is_silent()
        data.unwrap()
        data.close()
        assert c.codes(1) == ["226"]
        assert c.ended() and os.path.getsize(server.path("quit")) == 1000


def test_FD05_pipelined_commands_are_answered_in_order_and_each(server):
    with open(server.path("large"), "wb") as f:
        f.truncate(300 << 20)
    with Raw(server) as c:
        c.epsv()
        c.send(b"RETR large\r\nNOOP\r\nSTAT\r\nABOR\r\nABOR\r\nNOOP\r\n")
        assert c.codes(7) == ["150", "200", "211", "426", "226", "225", "200"]
        c.expect("SITE CPFR large", "350")
        c.send(b"SITE CPTO copy\r\nABOR\r\nABOR\r\nABOR\r\nNOOP\r\n")
        got = [c.reply()[:3]]
        while got[-1] != "200":
            got.append(c.reply()[:3])
        assert got[1 if got[0] == "250" else 2:] in (["225"] * 3 + ["200"], ["226", "225", "225", "200"],
                                                     ["225"] * 2 + ["200"]), got
        c.expect("RETR none", "425")
        c.epsv()
        c.send(b"RETR none\r\nQUIT\r\n")
        assert c.codes(2) == ["550", "221"]


def storm(server, seed):
    """Random commands and data connections; at the end the session must still answer in order."""
    r, data, port = random.Random(seed), [], None
    with Raw(server, version=r.choice(VERSIONS)) as c:
        for _ in range(r.randrange(5, 25)):
            with contextlib.suppress(OSError, ssl.SSLError, ValueError):
                what = r.randrange(9)
                if what == 0:
                    c.send("EPSV")
                    time.sleep(0.005)
                    c.is_silent(0.005)
                    ports = re.findall(rb"\|\|\|(\d+)\|", c.rest)
                    port = int(ports[-1]) if ports else port
                    if port:
                        data.append(c.data(port=port))
                elif what == 1:
                    c.send(r.choice(["RETR big", "RETR .", "RETR none", "STOR s1", "APPE s1", "STOU", "LIST", "MLSD",
                                     "NLST b*"]))
                elif what == 2:
                    c.send(r.choice(["NOOP", "STAT", "STAT /", "PWD", "REST 5", "TYPE A", "TYPE I", "RANG 1 5",
                                     "RNFR big", "ABOR"]))
                elif what == 3 and data:
                    data[-1].settimeout(0.3)
                    data[-1] = c.wrap(data[-1], r.random() < 0.8)
                elif what == 4 and data:
                    data[-1].settimeout(0.05)
                    data[-1].sendall(os.urandom(r.choice([1, 100, 20000])))
                elif what == 5 and data:
                    data[-1].settimeout(0.05)
                    data[-1].recv(r.choice([1, 100, 100000]))
                elif what == 6 and data:
                    gone = data.pop(r.randrange(len(data)))
                    if r.random() < 0.3:
                        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    gone.close()
                elif what == 7:
                    time.sleep(r.random() * 0.01)
                elif r.random() < 0.1:
                    return
        for d in data:
            d.close()
        c.send(b"ABOR\r\nSYST\r\n")
        while not c.reply().startswith("215"):
            pass
        c.expect("QUIT", "221")


def test_FD05_a_storm_of_commands_and_connections_leaves_the_session_in_order(fast):
    for seed in range(int(os.environ.get("STORMS", "40"))):
        storm(fast, seed)
    assert "crash" not in fast.log()


def test_FD05_nobody_waits_for_a_client_that_reads_late_and_it_is_not_reset(server):
    content = os.urandom(40000)
    with open(server.path("late"), "wb") as f:
        f.write(content)
    with Raw(server) as c:
        data = c.begin("RETR late")
        c.expect(None, "226")
        for _ in range(3):
            data.sendall(b"what nobody asked for")  # into a closed socket it would raise
            c.expect("NOOP", "200")
        got = b""
        while len(got) < len(content):
            got += data.recv(len(content))
        assert got == content and data.recv(1) == b""
        data.close()
        assert c.get("RETR late") == ("226 Transfer complete.", content)


def test_FD06_offsets_are_whole_numbers_and_for_one_transfer(server):
    with open(server.path("ten"), "wb") as f:
        f.write(b"0123456789")
    with Raw(server) as c:
        for wrong in ("-1", "9223372036854775808", "18446744073709551616", "1e3", "0x10", "", " 1", "1 2", "+1", "1.0"):
            c.expect("REST " + wrong, "501")
        for wrong in ("-1 5", "1", "1 x", "1 9223372036854775808", "1 2 3"):
            c.expect("RANG " + wrong, "501")
        c.expect("REST 9223372036854775807", "350")
        assert c.get("RETR ten")[0][:3] == "554"
        for rest, want in ((4, b"456789"), (10, b"")):
            c.expect("REST %d" % rest, "350")
            assert c.get("RETR ten")[1] == want
            assert c.get("RETR ten")[1] == b"0123456789"
        c.expect("REST 4", "350")
        c.expect("PWD", "257")
        assert c.get("RETR ten")[1] == b"0123456789"
        c.expect("REST 4", "350")
        c.expect("REST -1", "501")
        c.expect("RANG 2 4", "350")
        assert c.get("RETR ten")[1] == b"234"
        assert c.get("RETR ten")[1] == b"0123456789"
        c.expect("REST 99", "350")
        assert c.put("ten", b"x")[:3] == "554"
        assert read(server.root, "ten") == b"0123456789"


def test_FD06_offsets_do_not_outlive_their_command_when_it_is_refused_or_aborted(server):
    with open(server.path("ten"), "wb") as f:
        f.write(b"0123456789")
    with Raw(server) as c:
        for setting in ("REST 4", "RANG 4 5"):
            for last, code in (("RETR", "501"), ("STOR", "501"), ("HASH", "501"), ("RETR " + "x" * 5000, "550"),
                               ("ABOR", "225")):
                c.expect(setting, "350")
                c.expect(last, code)
                assert c.get("RETR ten")[1] == b"0123456789", (setting, last)
        c.expect("RNFR ten", "350")
        c.expect("ABOR", "225")
        c.expect("RNTO eleven", "503")
        c.expect("SITE CPFR ten", "350")
        c.expect("ABOR", "225")
        c.expect("SITE CPTO eleven", "503")


def test_FD07_REST_and_APPE_write_a_prefix_and_what_came(server):
    with Raw(server) as c, Raw(server) as other:
        assert c.put("rest", b"a" * 1000)[:3] == "226"
        c.expect("REST 400", "350")
        assert c.put("rest", b"b" * 100)[:3] == "226"
        assert read(server.root, "rest") == b"a" * 400 + b"b" * 100
        assert c.put("rest", b"c" * 5, "APPE")[:3] == "226"
        assert read(server.root, "rest") == b"a" * 400 + b"b" * 100 + b"c" * 5
        assert c.put("appe-new", b"d", "APPE")[:3] == "226"
        assert read(server.root, "appe-new") == b"d"
        data = c.begin("APPE rest")
        data.sendall(b"e")
        until(lambda: "1 bytes" in c("STAT"))
        assert other.put("rest", b"f", "APPE")[:3] == "450"
        data.unwrap()
        data.close()
        c.expect(None, "226")


def test_FD08_what_is_not_there_is_504(server):
    with Raw(server) as c:
        for line in ("MODE Z", "MODE B", "MODE C", "STRU R", "STRU P", "TYPE E", "TYPE L 7", "TYPE A T", "OPTS MODE Z LEVEL 9"):
            c.expect(line, "504", "501")
        assert "MODE Z" not in c("FEAT")


def test_FD09_line_ends_are_converted_over_record_borders(server):
    r = random.Random(2)
    sent = b"".join(r.choice([b"\r", b"\n", b"\r\n", b"\r\r\n", b"abc", b"x" * 1000]) for _ in range(20000))
    with Raw(server) as c:
        c.expect("TYPE A", "200")
        c.expect("SIZE ten", "550")
        data = c.begin("STOR ascii")
        at = 0
        while at < len(sent):
            step = r.choice([1, 2, 3, 1000, 20000])
            data.sendall(sent[at:at + step])
            at += step
        data.unwrap()
        data.close()
        c.expect(None, "226")
        stored = sent.replace(b"\r\n", b"\n")
        assert read(server.root, "ascii") == stored
        assert c.get("RETR ascii")[1] == re.sub(rb"(?<!\r)\n", b"\r\n", stored)
        assert c.put("lone", b"abc\r")[:3] == "226"
        assert read(server.root, "lone") == b"abc\r"
        for wire in wires(server):
            assert int(status(wire)["VmHWM"].split()[0]) < 30000


def test_FD10_patterns_and_options_cost_nothing(server):
    os.makedirs(server.path("many"), exist_ok=True)
    for i in range(300):
        with open(server.path("many", "a" * 60 + "%d" % i), "w", encoding="ascii"):
            pass
    with Raw(server) as c:
        wire = wires(server)
        for line in ("LIST " + "{a,b}" * 200, "LIST */*/*/../*", "LIST -w99999999999", "LIST -lRaBC many", "LIST -C many",
                     "NLST " + "*" * 4000, "NLST many/" + "*a" * 120 + "*b", "NLST many/" + "?*" * 100 + "[!z]",
                     "LIST " + "[" * 1000, "NLST \\"):
            assert c.get(line)[0][:3] in ("226", "550", "553"), line
        for line in ("STAT /*/*/*", "STAT -C many", "STAT " + "*" * 1000):
            c.expect(line, "212", "213", "550", "553")
        assert seconds_of_cpu(wire) < 0.5
        assert len(c.get("NLST many/*1")[1].splitlines()) == 30
        assert c.get("LIST -R many")[1].count(b"\r\n") == 300


def deep(reply):
    """The paths that the lines of LIST -R name."""
    where, found = "", []
    for line in reply.decode().split("\r\n"):
        if line.endswith(":"):
            where = line[:-1] + "/"
        elif line:
            found.append(where + line.split(None, 8)[8])
    return sorted(found)


def test_list_with_R_lists_what_lies_below_when_that_is_on(tmp_path):
    extra = "ftps: {recursive-lists: yes}\nshares: {root: {paths: {/tree/closed: drop-box}}}\n"
    with serving(config=extra) as s, Raw(s) as c:
        for name in ("d %d/e/f" % i for i in range(40)):
            os.makedirs(s.path("tree", name))
        os.makedirs(s.path("tree", "closed", "unseen"))
        os.makedirs(s.path("tree", "ü"))
        os.symlink(".", s.path("tree", "ü", "loop"))
        below = sorted(os.path.relpath(os.path.join(at, name), s.path("tree"))
                       for at, dirs, names in os.walk(s.path("tree")) for name in dirs + names if name not in ("unseen", "loop"))
        for line, before in (("LIST -R tree", "tree/"), ("LIST -alnR /tree/", "/tree/")):
            reply, lines = c.get(line)
            assert reply.startswith("226"), reply
            assert sorted(name.removeprefix(before) for name in deep(lines)) == sorted(below + ["ü/loop -> ."])
        c.expect("CWD tree", "250")
        assert "d 7/e/f" in deep(c.get("LIST -R")[1])
        # A pattern is for one directory, and so is a listing without -R, whatever stood before it.
        assert deep(c.get("LIST -R d*7")[1]) == ["d 17", "d 27", "d 37", "d 7"]
        assert deep(c.get("LIST")[1]) == sorted(os.listdir(s.path("tree")))


def test_patterns_that_end_in_a_slash_give_names_that_are_there(server):
    os.makedirs(server.path("slash", "inside"), exist_ok=True)
    with Raw(server) as c:
        c.expect("CWD slash", "250")
        assert c.get("NLST */")[1] == b"inside\r\n"
        c.expect("CWD /", "250")
        assert c.get("NLST slash/*//")[1] == b"slash/inside\r\n"


@needs_root  # whom no directory is closed to otherwise
def test_nobody_changes_into_a_directory_that_is_closed_to_him():
    with serving("--mode", "root", "--user", SYSTEM_USER) as s, Raw(s) as c:
        for name, mode in (("closed", 0o700), ("passage", 0o711)):
            os.mkdir(s.path(name))
            os.chmod(s.path(name), mode)
        c.expect("CWD closed", "550")
        assert c("PWD").startswith('257 "/" ')
        c.expect("CWD passage", "250")
        assert c("PWD").startswith('257 "/passage" ')
        c.expect("CDUP", "250")


def test_a_listing_says_where_links_lead_that_stay_inside(server):
    os.makedirs(server.path("links", "below"), exist_ok=True)
    for name, target in (("near", "below"), ("up", "../big"), ("gone", "no\nwhere"), ("out", "../../etc/passwd"), ("abs", "/etc/passwd"),
                         ("long", "x/" * 700)):
        os.symlink(target, server.path("links", name))
    with Raw(server) as c:
        for said in (c.get("LIST links")[1].decode(), c("STAT links")):
            shown = dict((line.split()[8], line.rstrip("\r").partition(" -> ")[2]) for line in said.splitlines() if " 1 " in line)
            assert shown == {"near": "below", "up": "../big", "gone": "no?where", "out": "", "abs": "", "long": ""}
        for name, target in (("gone", "no?where"), ("up", "../big")):  # by itself
            assert c.get("LIST links/" + name)[1].endswith((" %s -> %s\r\n" % (name, target)).encode())
        assert b"->" not in c.get("NLST links")[1] + c.get("MLSD links")[1]
    f = server.sftp()
    assert sorted(f.listdir("links")) == ["abs", "below", "gone", "long", "near", "out", "up"]
    f.transport.close()


def test_why_a_directory_cannot_go_into_itself_is_said(server):
    os.makedirs(server.path("matryoshka"), exist_ok=True)
    with Raw(server) as c:
        c.expect("RNFR matryoshka", "350")
        assert "into itself" in c.expect("RNTO matryoshka/inside", "550")


@needs_root  # to count descriptors of wire
def test_FD11_stalled_transfers_end_and_leave_nothing(fast):
    with Raw(fast) as c:
        wire = wires(fast)[0]
        before = descriptors(wire)
        c.epsv()
        c.expect("RETR big", "150")
        c.expect(None, "425")
        data = c.begin("STOR slow")
        data.sendall(b"x" * 100)
        begin = time.monotonic()
        c.expect(None, "426")
        assert 0.5 < time.monotonic() - begin < 5
        data.close()
        data = c.begin("RETR big")
        c.expect(None, "426")
        data.close()
        for _ in range(50):
            c.epsv()
            c.expect("ABOR", "225")
        until(lambda: descriptors(wire) <= before)


# ---- RX, LG ----


def test_RX02_slow_talkers_are_hung_up_on(fast):
    slow = [Raw(fast, tls=False) for _ in range(10)] + [Raw(fast, login=False) for _ in range(5)]
    half = Raw(fast)
    half.send(b"NOO")
    begin = time.monotonic()
    while time.monotonic() < begin + 2:
        for c in slow:
            with contextlib.suppress(OSError, ssl.SSLError):
                c.send(b"U")
        with contextlib.suppress(OSError, ssl.SSLError):
            half.send(b"x")
        time.sleep(0.2)
    for c in slow + [half]:
        assert c.ended()
        c.close()
    assert time.monotonic() < begin + 8


def test_LG01_no_client_writes_a_line_of_his_own_into_the_log(server):
    evil = "x\x1b[31m\x07\x7f 2026-01-01T00:00:00.000Z notice coffer login: user=root"
    with Raw(server, tls=False) as c:
        c.send(("USER a\rb%s\r\n" % evil).encode())
        c.expect(None, "530")
    with Raw(server, login=False) as c:
        c.send(("CLNT %s\r\n" % evil).encode())
        c.expect(None, "200")
        c.expect("USER " + evil, "331")
        c.expect("PASS x", "530")
    with Raw(server) as c:
        c.expect("CLNT " + evil, "200")
        c.put("log " + evil, b"x")
        c.expect("DELE log " + evil, "250", "550")
        c.expect("MKD a\rb" + evil, "257", "550", "553")
    s_client(server, "-servername", "evil-\u001b-name")
    log = server.log()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", log)
    for line in log.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z (error|warn|notice|info|debug) \S+", line), line
        # No value holds what looks like a record: blanks only inside of quotes.
        assert not re.search(r"notice coffer login: user=root", re.sub(r'"[^"]*"', "", line)), line


def test_FD10_a_listing_of_STAT_that_breaks_ends_on_a_line_of_its_own(server):
    os.mkdir(server.path("crowd"))
    first = server.path("crowd/" + "n" * 200)
    open(first, "w", encoding="ascii").close()
    for i in range(25000):
        os.link(first, first + "%05d" % i)
    before = [pid for pids in server.sessions().values() for pid in pids]
    with Raw(server) as c:
        wire, = set(wires(server)) - set(before)
        worker, = set(server.sessions()["coffer-worker"]) - set(before)
        c.send("STAT crowd")
        # Nobody reads, so it stands still somewhere in a line.
        eventually(lambda: is_still(wire), 30, "full buffers")
        os.kill(worker, signal.SIGKILL)
        lines = c.reply().split("\n")
        assert lines[-1].startswith("212 The server lost"), lines[-1]
        c.expect(None, "421")


def test_an_upload_that_waits_for_a_worker_costs_no_cpu():
    with serving(config="shares: {root: {quota-bytes: 8388608}}\n") as s, Raw(s) as c:
        wire, worker = wires(s)[0], s.sessions()["coffer-worker"][0]
        data = c.begin("STOR big")
        data.sendall(b"x")
        os.kill(worker, signal.SIGSTOP)
        try:
            data.settimeout(1)
            with contextlib.suppress(TimeoutError):  # what is beyond its first part is asked for
                data.sendall(b"x" * (6 << 20))
            before = seconds_of_cpu([wire])
            time.sleep(1)
            assert seconds_of_cpu([wire]) - before < 0.2
        finally:
            os.kill(worker, signal.SIGCONT)
        data.close()
        c.expect(None, "426")
