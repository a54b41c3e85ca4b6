# SPDX-License-Identifier: ISC
"""Promise 2 and 4: who runs what, and what the death of one process does to its session."""

import ftplib
import os
import signal
import socket
import threading

import pytest

from conftest import (SYSTEM_GROUPS, SYSTEM_UID, comm, descendants, eventually, free_port, needs_root, parents,
                      serving, status)

MEBI = 1 << 20


def sessions_of(server, count=1):
    """The processes of the server, once `count` sessions are complete."""
    def complete():
        found = server.sessions()
        names = ("coffer-monitor", "coffer-wire", "coffer-worker")
        return found if all(len(found.get(n, [])) >= count for n in names) else None
    return eventually(complete, 10, "%d complete sessions" % count)


def no_capabilities(pid):
    return all(int(status(pid)[c], 16) == 0 for c in ("CapInh", "CapPrm", "CapEff", "CapAmb"))


def check_isolated(pid, uid):
    s = status(pid)
    assert s["Uid"].split() == [str(uid)] * 4
    assert no_capabilities(pid)
    assert int(s["CapBnd"], 16) == 0
    assert s["NoNewPrivs"] == "1"
    return s


@needs_root
@pytest.mark.parametrize("protocol", ["ftps", "sftp"])
def test_worker_is_the_user_and_nothing_more(pam_server, protocol):
    client = pam_server.ftp() if protocol == "ftps" else pam_server.sftp()
    try:
        found = sessions_of(pam_server)
        s = check_isolated(found["coffer-worker"][0], SYSTEM_UID)
        assert s["Gid"].split() == [str(SYSTEM_UID)] * 4
        assert set(map(int, s["Groups"].split())) == {SYSTEM_UID, *SYSTEM_GROUPS.values()}
        s = check_isolated(found["coffer-wire"][0], 65501)
        assert s["Groups"] == ""
        assert os.readlink("/proc/%d/root" % found["coffer-wire"][0]).endswith("/empty")
        if protocol == "ftps":
            client.storbinary("STOR mine", open("/etc/hostname", "rb"))
        else:
            client.put("/etc/hostname", "mine")
        st = os.stat(pam_server.path("mine"))
        assert (st.st_uid, st.st_gid) == (SYSTEM_UID, SYSTEM_UID)
    finally:
        client.close() if protocol == "ftps" else client.transport.close()


def test_titles_say_who(server):
    with server.ftp() as f:
        found = sessions_of(server)
        with open("/proc/%d/cmdline" % found["coffer-worker"][0], encoding="ascii") as t:
            assert t.read().startswith("coffer-worker: %s@127.0.0.1 ftps" % server.user)
        assert comm(server.pid) == "coffer-listen"
        f.voidcmd("NOOP")


@needs_root
def test_wire_has_no_file_and_no_directory(server):
    with server.ftp() as f:
        wire = sessions_of(server)["coffer-wire"][0]
        kinds = [os.readlink("/proc/%d/fd/%s" % (wire, n)) for n in os.listdir("/proc/%d/fd" % wire)]
        assert all(k.startswith("socket:") or k == "/dev/null" for k in kinds), kinds
        f.voidcmd("NOOP")


def parents_of_workers(found):
    return [parents()[p] for p in found["coffer-worker"]]


class Upload:
    """An upload that goes on until it fails; says whether the server ever called it a success."""

    def __init__(self, server, protocol, name):
        self.protocol, self.name, self.sent, self.success, self.error = protocol, name, 0, False, None
        self.client = server.ftp() if protocol == "ftps" else server.sftp()
        self.thread = threading.Thread(target=self.go)
        self.thread.start()

    def go(self):
        block = os.urandom(64 * 1024)
        try:
            if self.protocol == "ftps":
                conn = self.client.transfercmd("STOR " + self.name)
                while self.sent < 4096 * MEBI:
                    conn.sendall(block)
                    self.sent += len(block)
            else:
                with self.client.open(self.name, "wb") as f:
                    f.set_pipelined(True)
                    while self.sent < 4096 * MEBI:
                        f.write(block)
                        self.sent += len(block)
            self.success = True
        except Exception as e:  # whatever a broken connection looks like to the client
            self.error = e
            if self.protocol == "ftps":
                try:
                    self.success = self.client.getresp().startswith("2")
                except Exception as e2:
                    self.error = e2

    def close(self):
        self.thread.join(20)
        assert not self.thread.is_alive()
        try:
            self.client.sock.close() if self.protocol == "ftps" else self.client.transport.close()
        except Exception:
            pass


@pytest.mark.parametrize("protocol", ["ftps", "sftp"])
@pytest.mark.parametrize("victim", ["coffer-wire", "coffer-worker", "coffer-monitor"])
def test_kill_in_mid_transfer_ends_that_session_and_no_other(server, protocol, victim):
    with server.ftp() as other:
        bystander = set(sum(sessions_of(server).values(), []))
        upload = Upload(server, protocol, "big-%s-%s" % (protocol, victim))
        eventually(lambda: upload.sent > 4 * MEBI, 20, "4 MiB on their way")
        mine = {n: [p for p in pids if p not in bystander] for n, pids in sessions_of(server, 2).items()}
        os.kill(mine[victim][0], signal.SIGKILL)
        pids = [p for ps in mine.values() for p in ps]
        eventually(lambda: not any(comm(p).startswith("coffer-") for p in pids), 20, "end of the session")
        upload.close()
        assert not upload.success, "a broken upload was called a success"
        other.voidcmd("NOOP")
        assert not os.path.exists(server.path(upload.name))


def test_what_wire_said_before_its_end_is_in_the_log_when_monitor_is_late(server):
    with server.ftp() as other, server.clear() as c:
        both = eventually(lambda: found if len((found := server.sessions()).get("coffer-wire", [])) == 2 else None)
        wire = [p for p in both["coffer-wire"] if parents()[p] not in parents_of_workers(both)][0]
        monitor = parents()[wire]
        before = server.log().count("refused-clear: ")
        os.kill(monitor, signal.SIGSTOP)
        try:
            assert c.ask(b"USER late").startswith(b"530")
            assert c.ask(b"QUIT").startswith(b"221")
            eventually(lambda: status(wire)["State"].startswith("Z"), 10, "the end of wire")
        finally:
            os.kill(monitor, signal.SIGCONT)
        eventually(lambda: not comm(monitor), 10, "the end of monitor")
        assert server.log().count("refused-clear: ") == before + 1
        assert " disconnect: " in server.log().splitlines()[-1] and "reason=quit" in server.log().splitlines()[-1]
        other.voidcmd("NOOP")


def test_a_server_that_stops_says_so_to_its_sessions_also_in_mid_transfer(here):
    with serving() as s, s.ftp() as idle, s.ftp() as busy, s.clear() as new:
        busy.transfercmd("STOR broken").sendall(b"x" * 1000)
        os.kill(s.pid, signal.SIGTERM)
        for client in (idle, busy):
            said = ""
            with pytest.raises(EOFError):  # behind it the connection ends, in order
                while True:
                    said += client.getmultiline() + "\n"
            assert "421 The server ends this session" in said
        assert new.file.readline().startswith(b"421 ")
        s.process.wait(20)
        assert not os.path.exists(s.path("broken"))
        assert s.log().count("reason=shutdown") == 3


def ticks(pid):
    """CPU of a process, in hundredths of a second; 0 when it is gone."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def test_a_goodbye_that_cannot_be_said_is_not_waited_for(here):
    """Before a handshake nothing can leave: neither at the deadline of the login, nor at the end of the server."""
    port = free_port()
    with serving(config="limits: {login-time: 2s}\nlisteners: {old: {protocol: ftps-implicit, port: %d}}\n" % port) as s, \
            socket.create_connection((s.host, port), timeout=20) as silent:
        wire = eventually(lambda: s.sessions().get("coffer-wire", [None])[0], 10, "a session")
        most = 0
        while comm(wire):
            most = max(most, ticks(wire))
        assert silent.recv(100) == b""
        s.wait_for_log("reason=login-time")
        assert most < 50, "%d hundredths of a second" % most
        late = s.clear()
        assert late.ask(b"AUTH TLS").startswith(b"234")
        os.kill(s.pid, signal.SIGTERM)
        assert late.file.read() == b""  # no 421 in clear behind AUTH
        late.sock.close()


def test_listener_survives_and_serves_on(server):
    with server.ftp() as f:
        assert f.voidcmd("NOOP").startswith("200")
    with pytest.raises(ftplib.error_perm):
        with server.ftp(login=False) as f:
            f.login(server.user, "wrong")


def signer_of(server):
    found = [p for p in descendants(server.pid) if comm(p) == "coffer-signer"]
    return found[0] if len(found) == 1 else None


@pytest.mark.parametrize("protocol", ["ftps", "sftp"])
def test_lc03_a_handshake_right_after_the_death_of_the_signer_waits_for_the_next_one(server, protocol):
    for _ in range(6):
        pid = eventually(lambda: signer_of(server), 10, "a signer")
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not comm(pid), 10, "its death")  # the listener may not know yet
        client = server.ftp() if protocol == "ftps" else server.sftp()
        assert (client.pwd() if protocol == "ftps" else client.normalize(".")) == "/"
        client.close() if protocol == "ftps" else client.transport.close()


@pytest.mark.parametrize("protocol", ["ftps", "sftp"])
def test_lc03_handshakes_wait_for_a_signer_that_stands_still_and_go_on_with_it(server, protocol):
    pid = eventually(lambda: signer_of(server), 10, "a signer")
    with server.ftp() as before:
        os.kill(pid, signal.SIGSTOP)
        done = []
        thread = threading.Thread(target=lambda: done.append(server.ftp() if protocol == "ftps" else server.sftp()))
        try:
            thread.start()
            before.voidcmd("NOOP")  # who is in needs it no more
            before.storbinary("STOR in between", open("/etc/hostname", "rb"))
            assert not done
        finally:
            os.kill(pid, signal.SIGCONT)
        thread.join(20)
        assert len(done) == 1
        done[0].close() if protocol == "ftps" else done[0].transport.close()
