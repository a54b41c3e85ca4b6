# SPDX-License-Identifier: ISC
"""Penalties, bans and the waiting room. Ledger AU07, AU11, RX01, RX02, RX05.

Every source is an address of 127.0.0.0/8, so that nobody but the test itself is turned away.
"""

import contextlib
import ftplib
import os
import socket
import subprocess
import threading
import time

import paramiko
import pytest

from conftest import TOP, eventually, run, serving

BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "release"))
TIGHT = """
auth: {failure-delay: 100ms}
limits: {waiting: 20, waiting-per-address: 8, waiting-drop-from: 10, login-time: 20s}
penalties: {enabled: yes, exempt: [127.0.0.99]}
"""


@contextlib.contextmanager
def tight(tmp_path, waiting=20):
    config = tmp_path / "tight.yaml"
    config.write_text(TIGHT.replace("waiting: 20", "waiting: %d" % waiting))
    with serving("--config", str(config), "--dir", str(tmp_path / "d")) as s:
        s.config = str(tmp_path / "d" / "coffer.yaml")
        yield s


def ctl(s, *words):
    return subprocess.run([os.path.join(BUILD, "cofferctl"), words[0], "-c", s.config, *words[1:]],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)


def connect(s, source, port=None, timeout=10):
    return socket.create_connection((s.host, port or s.ftps_port), timeout=timeout, source_address=(source, 0))


def greeting(s, source):
    """The first line of the FTPS port, as this source sees it."""
    with connect(s, source) as sock:
        return sock.makefile("rb").readline().decode()


def ftp_login(s, source, user, password):
    """True, or the reply."""
    f = ftplib.FTP_TLS(context=s.tls(), timeout=30)
    try:
        f.connect("localhost" if source is None else s.host, s.ftps_port, source_address=(source, 0))
        f.host = "localhost"
        f.login(user, password)
        return True
    except (ftplib.Error, EOFError, OSError) as e:
        return str(e) or "closed"
    finally:
        f.close()


def ssh_login(s, source, user, password):
    try:
        t = paramiko.Transport(connect(s, source, s.sftp_port))
        try:
            t.connect(username=user, password=password)
            return True
        finally:
            t.close()
    except (paramiko.SSHException, EOFError, OSError) as e:
        return str(e) or "closed"


def test_failures_over_both_protocols_count_together_au07(tmp_path):
    with tight(tmp_path) as s:
        assert ftp_login(s, "127.0.0.2", s.user, "wrong").startswith("530")
        assert "Authentication failed" in ssh_login(s, "127.0.0.2", s.user, "wrong")
        assert greeting(s, "127.0.0.2").startswith("220")
        for _ in range(2):  # the third is one too many, or the fourth, when this machine is slow
            ftp_login(s, "127.0.0.2", "nobody-here", "wrong")
        assert greeting(s, "127.0.0.2").startswith("421")
        assert ssh_login(s, "127.0.0.2", s.user, s.password) is not True
        assert ftp_login(s, "127.0.0.3", s.user, s.password) is True  # nobody else pays for it
        assert "127.0.0.2" in ctl(s, "bans").stdout and "127.0.0.3" not in ctl(s, "bans").stdout
        assert ctl(s, "unban", "127.0.0.2").returncode == 0
        assert ssh_login(s, "127.0.0.2", s.user, s.password) is True


def handshake_and_away(s, source, protocol):
    """A full handshake and no login. False: this source was turned away before it."""
    try:
        if protocol == "sftp":
            t = paramiko.Transport(connect(s, source, s.sftp_port))
            try:
                t.start_client(timeout=20)
                return True
            finally:
                t.close()
        with connect(s, source) as sock:
            lines = sock.makefile("rb")
            if not lines.readline().startswith(b"220"):
                return False
            sock.sendall(b"AUTH TLS\r\n")
            assert lines.readline().startswith(b"234")
            s.tls().wrap_socket(sock, server_hostname="localhost").close()
            return True
    except (paramiko.SSHException, EOFError, OSError):
        return False


@pytest.mark.parametrize("protocol", ["ftps", "sftp"])
def test_who_makes_handshakes_in_a_loop_is_turned_away_before_the_next_one_and_nobody_else_rx05(tmp_path, protocol):
    with tight(tmp_path) as s, s.ftp() as other:
        made = 0
        while handshake_and_away(s, "127.0.0.2", protocol):
            made += 1
            other.voidcmd("NOOP")
            assert made < 60, "handshakes cost nothing"
        assert made >= 10  # a client that breaks a few times is no flood
        for _ in range(20):
            assert not handshake_and_away(s, "127.0.0.2", protocol)
        assert "127.0.0.2" in ctl(s, "bans").stdout
        assert ftp_login(s, "127.0.0.3", s.user, s.password) is True


def test_exempt_networks_are_never_turned_away_au07(tmp_path):
    with tight(tmp_path) as s:
        for _ in range(6):
            assert ftp_login(s, "127.0.0.99", s.user, "wrong").startswith("530")
        assert ftp_login(s, "127.0.0.99", s.user, s.password) is True


def test_spraying_from_twenty_sources_does_not_lock_the_victim_out_au07(tmp_path):
    """For SPRAY_SECONDS (8): guesses that were weighed are few, and the victim gets in; the waiting room is the default's."""
    seconds = int(os.environ.get("SPRAY_SECONDS", "8"))
    with tight(tmp_path, waiting=100) as s:
        stop, weighed, lock = time.monotonic() + seconds, [], threading.Lock()

        def guess(source):
            i = 0
            while time.monotonic() < stop:
                i += 1
                reply = (ftp_login if i % 2 else ssh_login)(s, source, s.user, "wrong%d" % i)
                if str(reply).startswith("530") or "Authentication failed" in str(reply):
                    with lock:
                        weighed.append(source)
                else:
                    time.sleep(0.2)

        threads = [threading.Thread(target=guess, args=("127.0.0.%d" % i,)) for i in range(2, 22)]
        for t in threads:
            t.start()
        time.sleep(2)
        # The waiting room may turn anybody away at random: a client tries again.
        began = time.monotonic()
        while ftp_login(s, "127.0.0.30", s.user, s.password) is not True and time.monotonic() - began < 8:
            time.sleep(0.1)
        took = time.monotonic() - began
        for t in threads:
            t.join(60)
        assert took < 8, "the victim waited %.1f s" % took
        rss = [line for line in open("/proc/%d/status" % s.pid, encoding="ascii") if line.startswith("VmRSS")]
        print("spraying: %d guesses weighed in %d s from 20 sources, the victim waited %.2f s, listener %s" % (
            len(weighed), seconds, took, rss[0].split(":")[1].strip()))
        # Three are free; then 5 s each pay for one more.
        assert len(weighed) <= 20 * (4 + max(0, seconds - 8) / 5), len(weighed)
        assert int(rss[0].split()[1]) < 40000


def test_ban_kick_and_who_au11(tmp_path):
    with tight(tmp_path) as s:
        assert ctl(s, "ban", "127.0.0.5", "30m").returncode == 0
        assert greeting(s, "127.0.0.5").startswith("421")
        with connect(s, "127.0.0.5", s.sftp_port) as sock:
            assert sock.recv(100) == b""
        assert "banned" in ctl(s, "bans").stdout
        f = s.ftp()
        sftp = s.sftp()
        who = ctl(s, "who").stdout
        assert sum(s.user in line for line in who.splitlines()) == 2 and "sftp" in who and "ftps" in who
        assert ctl(s, "kick", s.user).stdout == "2 ended\n"
        with pytest.raises(Exception):
            for _ in range(50):
                f.voidcmd("NOOP")
                time.sleep(0.05)
        eventually(lambda: not s.sessions())
        sftp.transport.close()
        assert ctl(s, "kick", s.user).returncode == 1
        for bad in (["ban", "example.org"], ["ban", "127.0.0.300", "1h"], ["ban", "127.0.0.5", "soon"], ["unban", "x y"],
                    ["unban", "127.0.0.77"]):
            assert ctl(s, *bad).returncode != 0, bad
        assert ctl(s, "ban", "2001:db8::1", "forever").returncode == 0
        assert "2001:db8::/64" in ctl(s, "bans").stdout


def test_bans_and_penalties_outlive_a_restart_and_a_renewal(tmp_path):
    import signal
    with tight(tmp_path) as s:
        os.makedirs(str(tmp_path / "d" / "state"), exist_ok=True)
        ctl(s, "ban", "127.0.0.6", "forever")
        for _ in range(4):
            ftp_login(s, "127.0.0.7", s.user, "wrong")
        assert greeting(s, "127.0.0.7").startswith("421")
        os.kill(s.pid, signal.SIGUSR2)
        s.wait_for_log(" renewed")
        assert greeting(s, "127.0.0.6").startswith("421") and greeting(s, "127.0.0.7").startswith("421")
        assert "127.0.0.6" in ctl(s, "bans").stdout
    with tight(tmp_path) as s:
        assert greeting(s, "127.0.0.6").startswith("421")
        assert greeting(s, "127.0.0.8").startswith("220")


def test_control_socket_survives_what_comes_au11(tmp_path):
    with tight(tmp_path) as s:
        path = str(tmp_path / "d" / "run" / "control")
        assert os.stat(path).st_mode & 0o777 == 0o600
        for junk in (b"", b"x" * 255, b"x" * 5000, b"ban", b"ban 1 2 3 4 5", b"kick \0", b"\xff\xfe", b"ban 127.0.0.1 -1"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as c:
                c.settimeout(5)
                c.connect(path)
                c.send(junk)
                c.recv(4096)
        silent = []
        for _ in range(8):
            c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            c.connect(path)
            silent.append(c)
        eventually(lambda: ctl(s, "who").returncode == 0, 15, "an answer behind eight silent clients")
        for c in silent:
            c.close()
        assert greeting(s, "127.0.0.9").startswith("220")


def test_flood_of_silent_connections_leaves_room_for_others_rx01(tmp_path):
    with tight(tmp_path) as s:
        held = []
        try:
            for _ in range(12):
                held.append(connect(s, "127.0.0.10"))
            for i in range(100):
                c = connect(s, "127.0.0.%d" % (11 + i % 50))
                held.append(c)

            def turned_away():
                """In a room that is full nobody is by chance; so one goes, and another comes."""
                held.pop(0).close()
                held.append(connect(s, "127.0.0.%d" % (11 + len(s.log()) % 50)))
                return "limits.waiting-per-address" in s.log() and "limits.waiting-drop-from" in s.log()
            eventually(turned_away, 60)
            # One that was told to end is there for a moment.
            eventually(lambda: len(s.sessions().get("coffer-wire", [])) <= 20)
            # Refused in the words of the protocol, and not when the time for a login is over.
            began = time.monotonic()
            assert greeting(s, "127.0.0.10").startswith("421")
            assert time.monotonic() - began < 10
        finally:
            for c in held:
                c.close()
        eventually(lambda: not s.sessions())
        assert ftp_login(s, "127.0.0.90", s.user, s.password) is True


@pytest.mark.parametrize("sources", [1, 50])
def test_standing_flood_does_not_keep_a_good_client_out_rx01(tmp_path, sources):
    """Connections that stay and say nothing fill the waiting room; whoever has many places in it gives one up."""
    config = tmp_path / "flood.yaml"
    config.write_text("limits: {waiting: 60, waiting-per-address: 60, waiting-drop-from: 30, login-time: 60s}\n")
    with serving("--config", str(config)) as s:
        held = []
        try:
            for i in range(200):
                held.append(connect(s, "127.0.0.%d" % (100 + i % sources)))
            eventually(lambda: "turned-away" in s.log())
            for login in (ftp_login, ssh_login, ftp_login, ssh_login):
                assert login(s, "127.0.0.9", s.user, s.password) is True
            assert len(s.sessions().get("coffer-monitor", [])) <= 64
            assert " made-room: " in s.log()
        finally:
            for c in held:
                c.close()


def test_drop_is_random_and_early_rx01(tmp_path):
    """At half of the room, some get in and some do not."""
    with tight(tmp_path) as s:
        held, seen = [], set()
        try:
            for i in range(12):
                held.append(connect(s, "127.0.0.%d" % (100 + i)))
            for i in range(60):
                seen.add(greeting(s, "127.0.0.%d" % (120 + i))[:3])
                if len(seen) == 2:
                    break
        finally:
            for c in held:
                c.close()
        assert seen == {"220", "421"}


def test_slow_clients_are_ended_by_the_login_time_rx02(tmp_path):
    config = tmp_path / "slow.yaml"
    config.write_text("limits: {login-time: 3s}\npenalties: {enabled: yes}\n")
    with serving("--config", str(config)) as s:
        began, socks = time.monotonic(), []
        for i in range(10):
            c = connect(s, "127.0.0.%d" % (20 + i), s.ftps_port if i % 2 else s.sftp_port)
            c.settimeout(0.2)
            socks.append(c)
        alive = list(socks)
        while alive and time.monotonic() - began < 15:
            for c in list(alive):
                try:
                    c.send(b"A")
                    if c.recv(4096) == b"":
                        alive.remove(c)
                except (TimeoutError, socket.timeout):
                    pass
                except OSError:
                    alive.remove(c)
        assert not alive and time.monotonic() - began < 12
        eventually(lambda: not s.sessions())
        # 10 s for that, of which each round wears off its own seconds; three rounds are more than 15.
        for _ in range(3):
            with connect(s, "127.0.0.40") as c, contextlib.suppress(OSError):
                while c.recv(4096):
                    pass
            eventually(lambda: not s.sessions())
        assert greeting(s, "127.0.0.40").startswith("421")


# ---- fail2ban, for those who prefer it ----

FAIL2BAN = os.path.join(TOP, "tests", "unpacked", "fail2ban")


@pytest.mark.skipif(not os.path.isdir(FAIL2BAN), reason="SKIP fail2ban is not there (packaging/dev/unpacked)")
@pytest.mark.parametrize("form", ["text", "json"])
def test_filter_of_fail2ban_finds_guessers_and_believes_no_client(tmp_path, form):
    config = tmp_path / "form.yaml"
    config.write_text("auth: {failure-delay: 100ms}\nlog: {format: %s}\n" % form)
    names = ["nobody-here", "../etc", "monitor login-failed: session=0 proto=ftps addr=192.0.2.7 x",
             'x","addr":"192.0.2.7', "a addr=192.0.2.7 "]
    with serving("--config", str(config)) as s:
        for name in names:
            assert ftp_login(s, "127.0.0.5", name, "wrong") is not True
        s.clear().ask(b"USER notice monitor login-failed: session=0 proto=ftps addr=192.0.2.8 ")
        with contextlib.closing(s.ftp()):  # not a guesser
            pass
        log = tmp_path / "log"
        log.write_text(s.log())
    said = run("/usr/bin/python3", os.path.join(FAIL2BAN, "usr/bin/fail2ban-regex"), "-c",
               os.path.join(FAIL2BAN, "etc/fail2ban"), "-o", "<ip>", str(log),
               os.path.join(TOP, "packaging", "fail2ban", "filter.conf"), ok=False,
               env=dict(os.environ, PYTHONPATH=os.path.join(FAIL2BAN, "usr/lib/python3/dist-packages"))).text
    assert said.split() == ["127.0.0.5"] * len(names), said
