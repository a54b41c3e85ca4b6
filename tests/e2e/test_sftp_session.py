# SPDX-License-Identifier: ISC
"""What happens on one SSH connection over time: several channels, rekeys by the server, keepalives, a banner."""

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import warnings

import paramiko
import pytest

from conftest import eventually, run, serving, sha256
from test_clients import MEBI, big_file
from test_sftp_ledger import connect, cpu, wire_of


@pytest.fixture(scope="module")
def short(user_key):
    """New keys after 16 MiB, which is the least that may be set; a banner."""
    config = 'sftp: { rekey-bytes: 16M, banner: "Authorised users only.\\nThis is recorded." }\n'
    with serving(config=config, key=user_key) as server:
        yield server


@pytest.mark.parametrize("cipher", ["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"])
def test_the_server_makes_new_keys_in_mid_transfer(short, here, cipher):
    digest = big_file(here / "up", 80 * MEBI)
    done = run("sftp", "-v", "-c", cipher, "-P", str(short.sftp_port), "-i", short.key, "-o", "IdentitiesOnly=yes", "-o",
               "UserKnownHostsFile=" + short.known_hosts, "-b", "-", "%s@127.0.0.1" % short.user,
               input=b"put up rekeyed\nget rekeyed down\n")
    assert sha256(short.path("rekeyed")) == digest == sha256("down")
    # The client's own limits are gigabytes: every one of these was begun by the server.
    assert done.text.count("SSH2_MSG_NEWKEYS received") >= 8, done.text.count("SSH2_MSG_NEWKEYS received")


def ends(server, how):
    """What the log says of a session that ends like this."""
    began = len(server.log())
    t = connect(server)
    t.open_session(timeout=10).invoke_subsystem("sftp")
    if how == "forged":  # encrypt-then-MAC: the length stands in clear
        t.sock.sendall((16).to_bytes(4, "big") + bytes(48))
    elif how == "login":
        m = paramiko.Message()
        m.add_byte(b"\x32")
        m.add_string(server.user)
        m.add_string("ssh-connection")
        m.add_string("none")
        t._send_message(m)
    elif how == "close":
        t.sock.close()
    eventually(lambda: not t.is_active() or how == "goodbye", 15, "the end of the connection")
    t.close()  # says goodbye where there is somebody to say it to
    eventually(lambda: " logout: " in server.log()[began:], 15, "a record of the end")
    return server.log()[began:]


@pytest.mark.parametrize("how, why", [("forged", ""), ("login", "type 50")])
def test_a_session_that_is_ended_for_what_the_client_sent_is_no_quit(short, how, why):
    log = ends(short, how)
    assert "reason=protocol-error" in log and re.search('ssh-broken: .*why=".*%s' % why, log), log


@pytest.mark.parametrize("how", ["close", "goodbye"])
def test_a_client_that_goes_without_an_open_file_has_quit(short, how):
    log = ends(short, how)
    assert "reason=quit" in log and "ssh-broken" not in log, log


def test_a_client_that_talks_on_gets_its_new_keys_in_silence(short, here):
    """asyncssh 2.10 of Debian 12 sends data behind its own KEXINIT, which libssh takes for the end. Later ones do not, and get
    theirs like every other client."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncssh = pytest.importorskip("asyncssh", reason="python3-asyncssh is not installed")
    digest = big_file(here / "up", 24 * MEBI)

    async def move(f, way):
        await (f.put("up", "talks-on") if way == "up" else f.get("talks-on", "down"))
        assert sha256(short.path("talks-on") if way == "up" else "down") == digest

    async def go():
        async with asyncssh.connect(short.host, short.sftp_port, username=short.user, client_keys=[short.key],
                                    known_hosts=short.known_hosts) as c:
            keys, begin = [0], c._send_kexinit  # its own limits are far off: it only answers
            c._send_kexinit = lambda: (keys.append(0), begin())
            async with c.start_sftp_client() as f:
                for way in ("up", "down"):
                    wanted, deadline = len(keys) + 1, time.monotonic() + 60
                    while len(keys) < wanted:
                        assert time.monotonic() < deadline, (way, len(keys))
                        await move(f, way)

    asyncio.run(go())


@pytest.fixture(scope="module")
def often(user_key):
    """New keys after a second."""
    with serving(config="sftp: { rekey-time: 1s }\n", key=user_key) as server:
        yield server


def test_the_server_makes_new_keys_after_a_time_in_mid_transfer(often, here):
    """One session sends, one reads, each for some seconds; and one that slept is served."""
    digest = big_file(here / "up", 6 * MEBI)
    shutil.copy("up", often.path("there"))
    sleeper = often.sftp()
    command = ["sftp", "-v", "-l", "16000", "-P", str(often.sftp_port), "-i", often.key, "-o", "IdentitiesOnly=yes", "-o",
               "UserKnownHostsFile=" + often.known_hosts, "-b", "-", "%s@127.0.0.1" % often.user]
    with tempfile.TemporaryFile() as said_up, tempfile.TemporaryFile() as said_down:
        up = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said_up, stderr=said_up)
        down = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said_down, stderr=said_down)
        up.stdin.write(b"put up timed\n")
        up.stdin.close()
        down.stdin.write(b"get there down\n")
        down.stdin.close()
        assert (up.wait(60), down.wait(60)) == (0, 0)
        for said in (said_up, said_down):
            said.seek(0)
            # One comes with the login; a transfer that were over at once would have no other.
            assert said.read().count(b"SSH2_MSG_NEWKEYS received") >= 3
    assert sha256(often.path("timed")) == digest == sha256("down")
    assert set(sleeper.listdir("/")) == {"there", "timed"}
    with sleeper.open("timed", "rb") as f:
        assert hashlib.sha256(f.read()).hexdigest() == digest
    sleeper.transport.close()


def test_the_banner_is_shown_before_the_login(short):
    t = paramiko.Transport((short.host, short.sftp_port))
    t.start_client()
    with pytest.raises(paramiko.AuthenticationException):
        t.auth_password(short.user, "wrong", fallback=False)
    assert t.get_banner() == b"Authorised users only.\nThis is recorded."
    t.close()


def test_several_channels_move_files_at_the_same_time(server, here):
    t = connect(server)
    clients = [paramiko.SFTPClient.from_transport(t) for _ in range(6)]
    data = [os.urandom(2 * MEBI + i) for i in range(6)]
    failed = []

    def go(i):
        try:
            with clients[i].open("channel-%d" % i, "wb") as f:
                f.set_pipelined(True)
                f.write(data[i])
            with clients[i].open("channel-%d" % i, "rb") as f:
                f.prefetch()
                assert f.read() == data[i]
            assert "channel-%d" % i in clients[i].listdir("/")
        except Exception as e:  # pylint: disable=broad-except
            failed.append((i, e))

    threads = [threading.Thread(target=go, args=(i,)) for i in range(6)]
    for x in threads:
        x.start()
    for x in threads:
        x.join(60)
    assert not failed
    clients[0].close()  # one goes, the others stay, and its place is free again
    assert clients[1].stat("channel-0").st_size == len(data[0])
    assert paramiko.SFTPClient.from_transport(t).stat("channel-5").st_size == len(data[5])
    t.close()


def test_keepalives_are_answered_and_keep_no_idle_session(user_key):
    with serving(config="limits: { idle-time: 2s }\n", key=user_key) as server:
        t = connect(server)
        client = paramiko.SFTPClient.from_transport(t)
        client.listdir("/")
        t.global_request("keepalive@openssh.com", wait=True)  # comes back with the answer, whichever it is
        assert t.is_active()
        deadline = time.monotonic() + 60
        with contextlib.suppress(Exception):
            while t.is_active() and time.monotonic() < deadline:
                t.global_request("keepalive@openssh.com", wait=False)
                time.sleep(0.2)
        assert not t.is_active()
        server.wait_for_log("reason=idle")


def test_an_idle_session_costs_nothing(server):
    client = server.sftp()
    client.listdir("/")
    wire = wire_of(server)
    before = cpu(wire)
    time.sleep(1)  # the thing that is tested is that nothing happens
    assert cpu(wire) - before <= 0.02
    client.transport.close()
