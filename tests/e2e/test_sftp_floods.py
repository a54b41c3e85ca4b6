# SPDX-License-Identifier: ISC
"""Clients that flood and do not read (ledger SS05, SS06, SF10, RX04), while another session moves files with checksums."""

import contextlib
import os
import re
import threading
import time

import paramiko
import pytest

from conftest import eventually, serving, sha256, status
from test_clients import MEBI, big_file, sftp
from test_sftp_ledger import READ, R, WRITE, Raw, connect, s, u32, u64

SECONDS = float(os.environ.get("SECONDS", 2))
# What a session may hold at the most: the window that it grants (4 MiB by default, once more for libssh's own buffer that is
# being handed over), a batch, and the libraries.
SESSION_KIB = 24 * 1024


@pytest.fixture(scope="module")
def flooded(user_key):
    with serving("--authorized-keys", user_key + ".pub") as server:
        server.key = user_key
        with open(server.path("zeros"), "wb") as f:
            f.truncate(1 << 30)
        yield server


def rss_kib(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, KeyError):
        return int(status(pid)["VmRSS"].split()[0])
    return 0


class Flooder:
    """A client below paramiko's packets: it says what it likes and reads nothing. Its sending must not wait either."""

    def __init__(self, server):
        before = set(server.sessions().get("coffer-wire", []))
        self.transport = connect(server)
        self.transport.default_window_size = 1 << 30  # so that nothing but our own bounds holds the server back
        self.raw = Raw(server, transport=self.transport)
        self.wire = eventually(lambda: set(server.sessions().get("coffer-wire", [])) - before, 20, "a wire").pop()
        self.sent = 0

    def stop_reading(self):
        """From here on nothing is taken from the socket: paramiko's reader sees a socket that is never ready."""
        self.transport.sock.settimeout(0.2)
        self.transport.packetizer.read_message = lambda: time.sleep(3600)

    def send(self, *parts):
        m = paramiko.Message()
        for p in parts:
            m.add_bytes(p)
        self.transport.packetizer.send_message(m)
        self.sent += len(m.asbytes())

    def channel_data(self, data):
        self.send(bytes([94]), u32(self.raw.chan.remote_chanid), s(data))

    def close(self):
        self.transport.packetizer.close()
        self.transport.sock.close()


def global_requests(f):
    f.send(bytes([80]), s("keepalive@openssh.com"), b"\1")


def unknown_messages(f):
    f.send(bytes([192]), b"x" * 1000)


def channel_requests(f):
    f.send(bytes([98]), u32(f.raw.chan.remote_chanid), s("no-such@example.org"), b"\1")


def sftp_reads(f):
    f.channel_data(b"".join(u32(1 + 4 + 4 + len(f.handle) + 8 + 4) + bytes([READ]) + u32(i) + s(f.handle) + u64(i * 32768) + u32(32768)
                            for i in range(100)))


def sftp_stats(f):
    f.channel_data(b"".join(u32(1 + 4 + 5) + bytes([17]) + u32(i) + s("/") for i in range(1000)))


def data_beyond_the_window(f):
    f.channel_data(u32(200000 + 13 + 8) + bytes([WRITE]) + b"x" * 30000)


FLOODS = {"ss05-global-requests": global_requests, "ss05-unknown-messages": unknown_messages, "ss05-channel-requests": channel_requests,
          "sf10-reads": sftp_reads, "ss05-sf10-stats": sftp_stats, "ss06-data-beyond-the-window": data_beyond_the_window}


@pytest.mark.parametrize("flood", FLOODS)
def test_rx04_a_flood_is_bounded_and_another_session_does_not_notice(flooded, here, flood):
    digest = big_file(here / "up", 32 * MEBI)
    f = Flooder(flooded)
    f.handle = f.raw.open("/zeros", R) if "reads" in flood else b""
    f.stop_reading()
    peak, done = [0], threading.Event()

    def go():
        with contextlib.suppress(Exception):
            while not done.is_set():  # sending blocks where the server has stopped to read
                FLOODS[flood](f)

    def watch():
        while not done.wait(0.02):
            peak[0] = max(peak[0], rss_kib(f.wire))

    threads = [threading.Thread(target=go, daemon=True), threading.Thread(target=watch, daemon=True)]
    for t in threads:
        t.start()
    rounds, until = 0, time.monotonic() + SECONDS
    while rounds == 0 or time.monotonic() < until:
        sftp(flooded, "put up beside\nget beside down\n")
        assert sha256("down") == digest
        rounds += 1
    done.set()
    f.close()
    print("%s: %d KiB sent, peak %d KiB, %d rounds beside it" % (flood, f.sent // 1024, peak[0], rounds))
    assert 0 < peak[0] < SESSION_KIB
    eventually(lambda: f.wire not in flooded.sessions().get("coffer-wire", []), 30, "the end of the flooder's session")


def test_ss06_a_window_that_overflows_ends_the_session_or_is_worth_nothing(flooded):
    """libssh ends it from 0.11 on; before, the sum wraps and the window is no larger than it was."""
    f, began = Flooder(flooded), len(flooded.log())
    f.handle = b""
    with contextlib.suppress(EOFError, OSError):
        for _ in range(2):
            f.send(bytes([93]), u32(f.raw.chan.remote_chanid), u32(2**32 - 1))
        f.handle = f.raw.open("/zeros", R)
        for _ in range(20):
            sftp_reads(f)
    assert rss_kib(f.wire) < SESSION_KIB
    if not f.handle:
        eventually(lambda: re.search('ssh-broken: .*why="[^"]*overflow', flooded.log()[began:]), 10, "a record of the end")
        eventually(lambda: f.wire not in flooded.sessions().get("coffer-wire", []), 10, "the end of the session")
    f.close()


def test_a_client_that_never_reads_is_ended_by_the_stall_time(user_key):
    with serving(config="limits: { stall-time: 10s }\n", key=user_key) as server:
        with open(server.path("zeros"), "wb") as f:
            f.truncate(1 << 26)
        f = Flooder(server)
        f.handle = f.raw.open("/zeros", R)
        f.stop_reading()
        with contextlib.suppress(Exception):
            for _ in range(20):
                sftp_reads(f)
        eventually(lambda: not server.sessions().get("coffer-wire"), 40, "the end of the session")
        f.close()
