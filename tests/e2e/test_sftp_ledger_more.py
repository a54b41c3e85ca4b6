# SPDX-License-Identifier: ISC
"""More SSH and SFTP attack cases of the ledger: SS08, SS12, SS15, SF09, SF13, RX04."""

import contextlib
import glob
import hashlib
import os
import re
import selectors
import socket
import struct
import threading
import time

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from paramiko.kex_group16 import KexGroup16SHA512

from conftest import TOP, eventually, serving, sha256, status
from test_clients import MEBI, big_file, sftp
from test_sftp_ledger import (ATTRS, BAD_MESSAGE, CLOSE, CREAT, EXTENDED, EXTENDED_REPLY, FAILURE, FSETSTAT, FSTAT, HANDLE,
                              LSTAT, MKDIR, NAME, NO_SUCH_FILE, OK, OPENDIR, PERMISSION_DENIED, R, SETSTAT, STAT, STATUS, TRUNC,
                              W, WRITE, Raw, entries, pages, s, u32, u64)

IGNORE, KEXINIT, KEX_INIT, KEX_REPLY, GEX_REQUEST = 2, 20, 30, 31, 34
CHANNEL_DATA, CHANNEL_EXTENDED_DATA, CHANNEL_EOF, CHANNEL_CLOSE = 94, 95, 96, 97
WIRE_KIB = 48 * 1024  # before the login


def still_serves(server):
    """A new session works, and nobody has crashed: its login comes after all that the log has to say until now."""
    before = server.log().count(" login: ")
    with Raw(server) as r:
        assert r.ask(STAT, s("/"))[0] == ATTRS
    eventually(lambda: server.log().count(" login: ") > before, 10, "the record of the login")
    log = server.log()
    assert not re.search(r"\bcrash: |sandbox-violation", log), log[-3000:]


# ---- SS08: messages for a channel, in the wrong order ----

def message(raw, kind, *parts):
    m = paramiko.Message()
    for p in (bytes([kind]), u32(raw.chan.remote_chanid), *parts):
        m.add_bytes(p)
    raw.transport.packetizer.send_message(m)


def mkdir(name):
    body = u32(77) + s(name) + u32(0)
    return u32(len(body) + 1) + bytes([MKDIR]) + body


ODD = {
    "extended-data-0": [(CHANNEL_EXTENDED_DATA, u32(0), s(mkdir("/odd")))],
    "extended-data-1": [(CHANNEL_EXTENDED_DATA, u32(1), s(mkdir("/odd")))],
    "extended-data-2": [(CHANNEL_EXTENDED_DATA, u32(2), s(mkdir("/odd")))],
    "data-after-close": [(CHANNEL_CLOSE,), (CHANNEL_DATA, s(mkdir("/odd")))],
    "extended-data-after-close": [(CHANNEL_CLOSE,), (CHANNEL_EXTENDED_DATA, u32(1), s(mkdir("/odd")))],
    "data-after-eof": [(CHANNEL_EOF,), (CHANNEL_DATA, s(mkdir("/odd")))],
    "eof-twice": [(CHANNEL_EOF,), (CHANNEL_EOF,)],
    "close-twice": [(CHANNEL_CLOSE,), (CHANNEL_CLOSE,)],
    "eof-after-close": [(CHANNEL_CLOSE,), (CHANNEL_EOF,)],
}


@pytest.mark.parametrize("case", ODD)
def test_ss08_odd_channel_messages_hurt_nobody(server, case):
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(server.path("odd"))
    with Raw(server) as beside:
        with Raw(server) as r:
            with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
                for kind, *parts in ODD[case]:
                    message(r, kind, *parts)
                r.transport.global_request("keepalive@openssh.com", wait=True)  # answered: all before it was taken
                if case.startswith("extended-data-") and "close" not in case:
                    assert r.ask(STAT, s("/"))[0] == ATTRS
        assert beside.ask(STAT, s("/"))[0] == ATTRS
    eventually(lambda: not server.sessions(), 15, "the end of both sessions")
    assert not os.path.exists(server.path("odd"))
    still_serves(server)


def test_ss08_all_that_came_before_eof_is_done_and_nothing_behind_it(server):
    """RFC 4254, 5.3. More than is taken at once: what lies in front of EOF still has to be told from what lies behind."""
    with Raw(server) as r:
        r.send_bytes(b"".join(mkdir("/before-%d" % i) for i in range(3000)))
        message(r, CHANNEL_EOF)
        message(r, CHANNEL_DATA, s(mkdir("/behind")))
        for _ in range(3000):
            assert r.packet()[0] == STATUS
        assert r.closed()
    assert sum(name.startswith("before-") for name in os.listdir(server.root)) == 3000
    assert not os.path.exists(server.path("behind"))


# ---- SS12: key exchanges by hand ----

def read_exactly(c, n):
    data = b""
    while len(data) < n:
        more = c.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def read_packet(c):
    length, padding = struct.unpack(">IB", read_exactly(c, 5))
    return read_exactly(c, length - 1)[:length - 1 - padding]


def clear_packet(payload):
    padding = 8 - (5 + len(payload)) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + b"\0" * padding


def kexinit(kex):
    lists = [kex, "ssh-ed25519,rsa-sha2-512", "aes256-ctr", "aes256-ctr", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-256-etm@openssh.com",
             "none", "none", "", ""]
    return clear_packet(bytes([KEXINIT]) + os.urandom(16) + b"".join(s(x) for x in lists) + b"\0" + u32(0))


def key_exchange(server, kex, payload):
    """The types of all messages until the connection ends, or until the server's answer; and the server's own methods."""
    kinds = []
    with socket.create_connection((server.host, server.sftp_port), timeout=15) as c:
        line = b""
        while not line.endswith(b"\n"):
            line += read_exactly(c, 1)
        assert line.startswith(b"SSH-2.0-")
        c.sendall(b"SSH-2.0-raw\r\n" + kexinit(kex))
        first = read_packet(c)
        assert first[0] == KEXINIT
        offered = first[21:21 + struct.unpack(">I", first[17:21])[0]].decode().split(",")
        try:
            c.sendall(clear_packet(payload))
            while KEX_REPLY not in kinds:
                kinds.append(read_packet(c)[0])
        except (EOFError, ConnectionError):  # a time-out is neither, and fails the test
            kinds.append("end")
    return kinds, offered


@pytest.fixture(scope="module")
def compatible(user_key):
    """With the methods of older clients too, and the right to make hard links."""
    config = "sftp: { policy: compatible }\nshares: { root: { rights: [read-write, link] } }\n"
    with serving(config=config, key=user_key) as server:
        yield server


def mpint(n):
    raw = n.to_bytes(n.bit_length() // 8 + 1, "big") if n else b""
    return s(raw)


def x25519_point():
    return x25519.X25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def p256_point():
    return ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def p256_point_beside():
    good = p256_point()
    return good[:-1] + bytes([good[-1] ^ 1])


CURVE, NIST, GROUP = "curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group16-sha512"
P = KexGroup16SHA512.P
GOOD_KEX = {"curve": (CURVE, lambda: s(x25519_point())), "nistp256": (NIST, lambda: s(p256_point())),
            "group16": (GROUP, lambda: mpint(pow(2, int.from_bytes(os.urandom(32), "big"), P)))}
BAD_KEX = {
    "curve-zero": (CURVE, lambda: s(bytes(32))),
    "curve-order-one": (CURVE, lambda: s(b"\1" + bytes(31))),
    "curve-short": (CURVE, lambda: s(x25519_point()[:31])),
    "curve-empty": (CURVE, lambda: s(b"")),
    "curve-long": (CURVE, lambda: s(x25519_point() + b"\0")),
    "curve-length-beyond-the-packet": (CURVE, lambda: u32(2**32 - 1) + x25519_point()),
    "curve-nothing": (CURVE, lambda: b""),
    "mlkem-short": ("mlkem768x25519-sha256", lambda: s(os.urandom(1215))),
    "sntrup-short": ("sntrup761x25519-sha512", lambda: s(os.urandom(1189))),
    "nistp256-beside-the-curve": (NIST, lambda: s(p256_point_beside())),
    "nistp256-infinity": (NIST, lambda: s(b"\0")),
    "nistp256-short": (NIST, lambda: s(p256_point()[:40])),
    "group16-0": (GROUP, lambda: mpint(0)),
    "group16-1": (GROUP, lambda: mpint(1)),
    "group16-p-1": (GROUP, lambda: mpint(P - 1)),
    "group16-p": (GROUP, lambda: mpint(P)),
    "group16-negative": (GROUP, lambda: s(b"\xff" * 512)),
}


@pytest.mark.parametrize("case", GOOD_KEX)
def test_ss12_a_good_point_is_answered(compatible, case):
    """Without this, the cases below would prove nothing."""
    kex, point = GOOD_KEX[case]
    assert key_exchange(compatible, kex, bytes([KEX_INIT]) + point())[0][-1] == KEX_REPLY


@pytest.mark.parametrize("case", BAD_KEX)
def test_ss12_a_bad_point_ends_the_connection(compatible, case):
    kex, point = BAD_KEX[case]
    kinds, _ = key_exchange(compatible, kex, bytes([KEX_INIT]) + point())
    assert kinds[-1] == "end" and KEX_REPLY not in kinds


@pytest.mark.parametrize("kex", ["diffie-hellman-group-exchange-sha256", "diffie-hellman-group-exchange-sha1", CURVE])
def test_ss12_group_exchange_is_not_offered_and_asking_for_it_ends_the_connection(compatible, kex):
    kinds, offered = key_exchange(compatible, kex, bytes([GEX_REQUEST]) + u32(8192) + u32(2048) + u32(1024))
    assert CURVE in offered and NIST in offered and not [k for k in offered if "group-exchange" in k]
    assert kinds[-1] == "end" and KEX_REPLY not in kinds


def test_ss12_after_all_of_them_the_server_serves(compatible):
    eventually(lambda: not compatible.sessions(), 15, "the end of all sessions")
    still_serves(compatible)


# ---- SS15: the end of the time to log in ----

CROWD = 60


def test_ss15_a_crowd_that_runs_into_the_login_time_while_sending_is_ended(user_key):
    says = [(b"SSH-2.0-raw\r\n" + kexinit(CURVE), clear_packet(bytes([IGNORE]) + s(b"x" * 100))),
            (b"SSH-2.0-raw\r\n" + u32(30000) + b"\4\x14", b"x"),
            (b"SSH-2.0-", b"x"),
            (b"", b"USER ")]
    with serving(config="limits: { login-time: 2s }\n", key=user_key) as quick, selectors.DefaultSelector() as ready, \
            contextlib.ExitStack() as stack:
        lived, began, more = {}, {}, {}
        for i in range(CROWD):
            first, more_of_it = says[i % len(says)]
            c = stack.enter_context(socket.create_connection((quick.host, quick.ftps_port if first == b"" else quick.sftp_port), timeout=20))
            c.sendall(first)
            c.setblocking(False)
            began[c], more[c] = time.monotonic(), more_of_it
            ready.register(c, selectors.EVENT_READ)
        until = time.monotonic() + 30
        while len(lived) < CROWD and time.monotonic() < until:
            gone = [key.fileobj for key, _ in ready.select(0.02) if ended(key.fileobj)]
            for c in gone:
                lived[c] = time.monotonic() - began[c]
                ready.unregister(c)
            for c in set(began) - set(lived):
                with contextlib.suppress(OSError):
                    c.send(more[c])
        assert len(lived) == CROWD, "%d of %d were not ended" % (CROWD - len(lived), CROWD)
        # Not for what they said, or the test would be of something else.
        assert sum(t >= 1 for t in lived.values()) >= CROWD / 2, sorted(lived.values())
        eventually(lambda: not quick.sessions(), 15, "the end of all sessions")
        still_serves(quick)


def ended(c):
    try:
        return c.recv(65536) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


# What a handler may call. The one of the sandbox runs where the forbidden call was made, not in between of anything.
IN_HANDLERS = {"_exit"}
IN_SAY_VIOLATION = IN_HANDLERS | {"ipc_begin", "buf_put_u32", "ignore_result", "ipc_send_now", "syscall", "sizeof"}
NO_CALLS = {"if", "while", "for", "switch", "return"}


def handlers(text):
    """The names of all functions that the text gives to sigaction and signal."""
    names = set(re.findall(r"\bsa_(?:handler|sigaction)\s*=\s*&?(\w+)", text))
    names |= set(re.findall(r"\b(?:signal|sigset|bsd_signal|sysv_signal)\(\s*\w[^,;]*,\s*&?(\w+)\s*\)", text))
    return names - {"SIG_IGN", "SIG_DFL"}


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.S)


def what_is_wrong(name, text):
    body = re.search(r"^%s\([^)]*\)\n\{\n(.*?)^\}" % name, text, re.M | re.S)
    if not body:
        return ["%s is not defined where it is installed" % name]
    body = body.group(1)
    allowed = IN_SAY_VIOLATION if name == "say_violation" else IN_HANDLERS
    wrong = ["%s calls %s" % (name, c) for c in re.findall(r"\b(\w+)\s*\(", body) if c not in allowed | NO_CALLS]
    flags = set(re.findall(r"\bvolatile sig_atomic_t (\w+)", text))
    if name != "say_violation":
        wrong += ["%s sets %s" % (name, v) for v in re.findall(r"([\w.>\-\[\]]+)\s*(?:[-+|&^]?=(?!=)|\+\+|--)", body) if v not in flags]
    return wrong


def test_ss15_no_signal_handler_does_more_than_set_a_flag_or_exit():
    found, wrong = set(), []
    rooms = [os.path.join(TOP, room, "**", "*.c") for room in ("server", "protocols", "auth", "conf")]
    for path in sorted(p for room in rooms for p in glob.glob(room, recursive=True)):
        with open(path, encoding="utf-8") as f:
            text = without_comments(f.read())
        # Each call of sigaction takes a structure with a handler that is named here, or gives an old one back.
        if re.search(r"\bsigaction\(", text) and not re.search(r"\bsa_(handler|sigaction)\b", text):
            wrong.append("%s: sigaction without a name" % path)
        for name in handlers(text):
            found.add(name)
            wrong += what_is_wrong(name, text)
    assert {"on_signal", "end_by_watchdog", "say_violation"} <= found
    assert not wrong


def test_ss15_the_look_at_handlers_finds_bad_ones():
    install = "void f(void)\n{\n\tsignal(SIGALRM, h);\n}\n"
    for body in ("\tlog_info(\"x\");\n", "\tfree(p);\n", "\tcount++;\n", "\tp->x = 1;\n"):
        text = "static void\nh(int n)\n{\n%s}\n%s" % (body, install)
        assert handlers(text) == {"h"} and what_is_wrong("h", text), body
    text = "static volatile sig_atomic_t seen;\nstatic void\nh(int n)\n{\n\tseen = n;\n\t_exit(1);\n}\n" + install
    assert handlers(text) == {"h"} and not what_is_wrong("h", text)


# ---- SF09: a large directory ----

MANY = 20000


def resident_kib(server):
    """Of the one session there is: wire and worker together."""
    session = server.sessions()
    assert len(session["coffer-wire"]) == 1 and len(session["coffer-worker"]) == 1
    return sum(int(status(pid)["VmRSS"].split()[0]) for name in ("coffer-wire", "coffer-worker") for pid in session[name])


def test_sf09_a_large_directory_comes_in_pages_each_entry_once(server):
    os.makedirs(server.path("small"), exist_ok=True)
    os.makedirs(server.path("many"))
    want = {b"an-entry-with-a-name-of-some-length-%05d" % i for i in range(MANY)}
    where = os.open(server.path("many"), os.O_RDONLY)
    for name in want:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=where))
    with Raw(server) as r:
        list(pages(r, "/small"))
        base = peak = resident_kib(server)
        found, asked = [], 0
        for names in pages(r, "/many"):
            found += [name for name, _ in names]
            asked += 1
            if asked % 10 == 0:
                peak = max(peak, resident_kib(server))
        assert asked >= 100  # so that peak is of something
        peak = max(peak, resident_kib(server))
    for name in want:
        os.unlink(name, dir_fd=where)
    os.close(where)
    print("%d entries, %d pages, from %d to %d KiB" % (len(found), asked, base, peak))
    assert sorted(found) == sorted(want | {b".", b".."} & set(found))
    assert peak - base < 8 * 1024


# ---- SF13: extensions ----

@pytest.fixture()
def raw(server):
    with open(server.path("f"), "wb") as f:
        f.write(b"0123456789" * 100)
    with Raw(server) as r:
        yield r


def content(server, name):
    with open(server.path(name), "rb") as f:
        return f.read()


def copy(raw, source, at, length, to, to_at):
    return raw.ask(EXTENDED, s("copy-data") + s(source) + u64(at) + u64(length) + s(to) + u64(to_at))


@pytest.mark.parametrize("at,length,to", [(0, 10, 0), (0, 10, 9), (9, 10, 0), (0, 0, 1000), (0, 1000, 1), (5, 2**62, 6)])
def test_sf13_overlapping_ranges_of_one_handle_are_refused(server, raw, at, length, to):
    h = raw.open("/f", R | W)
    assert copy(raw, h, at, length, h, to) == (STATUS, FAILURE)
    assert content(server, "f") == b"0123456789" * 100
    assert copy(raw, h, 0, 10, h, 10) == (STATUS, OK)


def test_sf13_copies_between_handles(server, raw):
    whole = os.urandom(3 * MEBI + 7)
    with open(server.path("whole"), "wb") as f:
        f.write(whole)
    source, to = raw.open("/whole", R), raw.open("/copied", W | CREAT | TRUNC)
    assert copy(raw, source, 0, 0, to, 0) == (STATUS, OK)
    assert raw.ask(CLOSE, s(to)) == (STATUS, OK)
    assert content(server, "copied") == whole
    to = raw.open("/copied", W)
    assert copy(raw, source, 5, 10, to, 1000) == (STATUS, OK)
    assert raw.ask(CLOSE, s(to)) == (STATUS, OK)
    assert content(server, "copied") == whole[:1000] + whole[5:15] + whole[1010:]


@pytest.mark.parametrize("size,length", [(40 * MEBI + 3, 0), (32 * MEBI, 0), (40 * MEBI, 32 * MEBI), (40 * MEBI, 33 * MEBI + 1), (20 * MEBI, 2**62)])
def test_sf13_long_copies_go_by_pieces_and_are_whole(server, raw, size, length):
    whole = os.urandom(1 << 16) * (size >> 16) + os.urandom(size & 0xffff)
    with open(server.path("whole"), "wb") as f:
        f.write(whole)
    source, to = raw.open("/whole", R), raw.open("/copied", W | CREAT | TRUNC)
    assert copy(raw, source, 0, length, to, 7) == (STATUS, OK)
    assert raw.ask(CLOSE, s(to)) == (STATUS, OK)
    assert content(server, "copied") == b"\0" * 7 + whole[:length or None]


def test_a_write_beyond_every_file_is_told_again_by_close(server, raw):
    to = raw.open("/copied", W | CREAT | TRUNC)
    assert raw.ask(WRITE, s(to) + u64(2**63) + s(b"x")) == (STATUS, FAILURE)
    assert raw.ask(CLOSE, s(to)) == (STATUS, FAILURE)


@pytest.mark.parametrize("kind", [STAT, LSTAT, FSTAT], ids=["stat", "lstat", "fstat"])
def test_requests_about_one_file_have_the_outcome_that_they_have_one_by_one(server, raw, kind):
    """draft-ietf-secsh-filexfer-02, section 4.1: however many are under way."""
    name = "in-turn-%d" % kind
    with open(server.path(name), "wb"):
        pass
    writer, other = raw.open(name, W), raw.open(name, R | W)
    about, burst, count = s(other if kind == FSTAT else name), b"", 200
    for n in range(count):
        for what, body in ((kind, u32(2 * n) + about), (WRITE, u32(2 * n + 1) + s(writer) + u64(n) + s("x"))):
            burst += u32(len(body) + 1) + bytes([what]) + body
    raw.send_bytes(burst)
    sizes = {}
    for _ in range(2 * count):
        answer, body = raw.packet()
        if answer == ATTRS:
            number, _, size = struct.unpack(">IIQ", body[:16])
            sizes[number // 2] = size
    assert sizes == {n: n for n in range(count)}


def at_once(raw, *requests):
    """Requests as one burst, (kind, what stands in front of the id, what behind). Their answers, in order of the requests."""
    burst = b""
    for n, (kind, name, body) in enumerate(requests):
        whole = u32(n) + name + body
        burst += u32(len(whole) + 1) + bytes([kind]) + whole
    raw.send_bytes(burst)
    answers = {}
    while len(answers) < len(requests):
        kind, body = raw.packet()
        answers[struct.unpack(">I", body[:4])[0]] = (kind, body[4:])
    return [(kind, struct.unpack(">I", body[:4])[0]) if kind == STATUS else (kind, body) for kind, body in
            (answers[n] for n in range(len(requests)))]


def large(server, name, size=64 * MEBI):
    block = os.urandom(1 << 16)
    with open(server.path(name), "wb") as f:
        for _ in range(size >> 16):
            f.write(block)
    os.chmod(server.path(name), 0o666)
    return block * (size >> 16)


def test_what_comes_behind_a_long_copy_finds_it_done(server, raw):
    whole = large(server, "long")
    source, to = raw.open("/long", R), raw.open("/copied", W | CREAT | TRUNC)
    copied, size, cut, closed = at_once(
        raw, (EXTENDED, s("copy-data"), s(source) + u64(0) + u64(0) + s(to) + u64(0)), (FSTAT, b"", s(to)),
        (SETSTAT, b"", s("/long") + u32(1) + u64(10)), (CLOSE, b"", s(source)))
    assert (copied, cut, closed) == ((STATUS, OK),) * 3
    assert struct.unpack(">Q", size[1][4:12])[0] == len(whole)
    assert raw.ask(CLOSE, s(to)) == (STATUS, OK)
    assert content(server, "copied") == whole


CHANGES = {"write": lambda h: (WRITE, b"", s(h) + u64(50 * MEBI) + s("changed")),
           "setstat": lambda h: (SETSTAT, b"", s("/summed") + u32(1) + u64(10)),
           "fsetstat": lambda h: (FSETSTAT, b"", s(h) + u32(1) + u64(10))}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("by", ["name", "handle"])
def test_a_sum_is_of_what_the_file_held_when_it_was_asked_for(server, raw, by, change):
    before = large(server, "summed")
    reader, writer = raw.open("/summed", R), raw.open("/summed", W)
    ask = EXTENDED, s("check-file-" + by), s("/summed" if by == "name" else reader) + s("md5") + u64(0) + u64(0) + u32(0)
    first, changed, second = at_once(raw, ask, CHANGES[change](writer), ask)
    after = content(server, "summed")
    assert changed == (STATUS, OK) and after != before
    assert [a[1][-16:] for a in (first, second)] == [hashlib.md5(x).digest() for x in (before, after)]


def test_the_file_of_a_sum_is_no_handle_that_a_client_can_guess(server):
    large(server, "summed", 256 * MEBI)
    with Raw(server) as raw:
        raw.send(EXTENDED, u32(1 << 20) + s("check-file-name") + s("/summed") + s("md5") + u64(0) + u64(0) + u32(0))
        summed, guesses = False, 0
        while not summed:
            guesses += 1
            raw.send(EXTENDED if guesses % 2 else FSTAT,
                     u32(guesses) + (s("fstatvfs@openssh.com") if guesses % 2 else b"") + s(u32(0) + u32(0)))
            kind, body = raw.packet()
            if kind == EXTENDED_REPLY and body[:4] == u32(1 << 20):
                summed = True
            else:
                assert (kind, body[4:8]) == (STATUS, u32(FAILURE))
        assert guesses > 2


def test_an_upload_is_free_again_when_its_channel_closes(server):
    """Though the connection stays and says nothing more."""
    with server.sftp() as c:
        f = c.open("/channel", "w")
        f.write(b"A" * 100)
        f.flush()
        c.get_channel().close()
        with server.sftp() as other:
            def taken():
                with contextlib.suppress(OSError):
                    with other.open("/channel", "w") as g:
                        g.write(b"B")
                    return True
                return False
            eventually(taken, 20, "the end of the first upload")
            other.transport.close()
        c.transport.close()


def test_sf13_copies_need_a_source_to_read_and_a_target_to_write(server, raw):
    readable, writable = raw.open("/f", R), raw.open("/target", W | CREAT | TRUNC)
    assert copy(raw, writable, 0, 0, writable, 0) == (STATUS, PERMISSION_DENIED)
    assert copy(raw, writable, 0, 10, readable, 0) == (STATUS, PERMISSION_DENIED)
    other = raw.open("/f", R)
    assert copy(raw, readable, 0, 10, other, 0) == (STATUS, PERMISSION_DENIED)
    for at, length, to_at in ((2**63, 1, 0), (0, 2**64 - 1, 0), (0, 1, 2**64 - 1)):
        assert copy(raw, readable, at, length, writable, to_at) == (STATUS, FAILURE)
    kind, directory = raw.ask(OPENDIR, s("/"))
    assert kind == HANDLE
    assert copy(raw, directory[4:], 0, 0, writable, 0) == (STATUS, FAILURE)
    assert raw.ask(CLOSE, s(writable)) == (STATUS, OK)
    assert content(server, "target") == b"" and content(server, "f") == b"0123456789" * 100


def test_sf13_hard_links_need_their_right(tmp_path):
    (tmp_path / "extra.yaml").write_text("shares: { root: { rights: read-write } }\n")
    with serving("--config", str(tmp_path / "extra.yaml")) as server:
        with open(server.path("f"), "w", encoding="ascii") as f:
            f.write("x")
        with Raw(server) as r:
            assert r.ask(EXTENDED, s("hardlink@openssh.com") + s("/f") + s("/hard")) == (STATUS, PERMISSION_DENIED)
        assert not os.path.lexists(server.path("hard"))


def test_sf13_hard_links_stay_in_the_share(compatible):
    above, path = os.path.dirname(compatible.root), compatible.path
    for name in (os.path.join(above, "outside"), path("f")):
        with open(name, "w", encoding="ascii") as f:
            f.write("x")
    os.symlink(os.path.join(above, "outside"), path("away"))
    with Raw(compatible) as r:
        def hardlink(old, new):
            return r.ask(EXTENDED, s("hardlink@openssh.com") + s(old) + s(new))

        assert hardlink("/f", "/hard") == (STATUS, OK)
        assert os.stat(path("hard")).st_ino == os.stat(path("f")).st_ino
        assert hardlink("/f", "/hard") == (STATUS, FAILURE)
        assert hardlink("/missing", "/hard2") == (STATUS, NO_SUCH_FILE)
        # Outside of the share there is nothing to be linked, neither by .. nor through a link that leads there.
        assert hardlink("/../outside", "/hard2") == (STATUS, NO_SUCH_FILE)
        hardlink("/away", "/hard2")
        hardlink("/f", "/../hard3")
    assert os.stat(os.path.join(above, "outside")).st_nlink == 1
    assert not os.path.lexists(os.path.join(above, "hard3"))


def test_sf13_statvfs_tells_the_numbers_of_the_share(server, raw):
    kind, body = raw.ask(EXTENDED, s("statvfs@openssh.com") + s("/"))
    assert kind == EXTENDED_REPLY and len(body) == 88
    got, want = struct.unpack(">11Q", body), os.statvfs(server.root)
    assert (got[1] * got[2], got[10]) == (want.f_frsize * want.f_blocks, want.f_namemax)
    assert got[9] == want.f_flag & (os.ST_RDONLY | os.ST_NOSUID)  # OpenSSH's PROTOCOL knows no others
    h = raw.open("/f", R)
    kind, by_handle = raw.ask(EXTENDED, s("fstatvfs@openssh.com") + s(h))
    assert kind == EXTENDED_REPLY and by_handle[:24] == body[:24]
    assert raw.ask(EXTENDED, s("statvfs@openssh.com") + s("/missing")) == (STATUS, NO_SUCH_FILE)


def test_sf13_lsetstat_of_a_link_leaves_its_target(server, raw):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(server.path("link"))
    os.symlink("f", server.path("link"))
    os.chmod(server.path("f"), 0o640)
    before = os.stat(server.path("f"))
    raw.ask(EXTENDED, s("lsetstat@openssh.com") + s("/link") + u32(4) + u32(0o600))
    assert raw.ask(EXTENDED, s("lsetstat@openssh.com") + s("/link") + u32(1) + u64(0))[1] in (FAILURE, BAD_MESSAGE)
    assert raw.ask(EXTENDED, s("lsetstat@openssh.com") + s("/link") + u32(8) + u32(1000) + u32(2000)) == (STATUS, OK)
    after = os.stat(server.path("f"))
    assert (after.st_mode, after.st_size, after.st_mtime_ns, after.st_ctime_ns) == \
        (before.st_mode, before.st_size, before.st_mtime_ns, before.st_ctime_ns)
    assert os.lstat(server.path("link")).st_mtime == 2000


def test_sf13_expand_path_knows_nobody_but_oneself(server, raw):
    def expand(path):
        kind, body = raw.ask(EXTENDED, s("expand-path@openssh.com") + s(path))
        return entries(body)[0][0] if kind == NAME else body

    me = "~" + server.user
    for path, want in {"~": b"/", "~/": b"/", "~/d/../x": b"/x", me: b"/", me + "/d": b"/d", "~/../../etc": b"/etc", "d": b"/d"}.items():
        assert expand(path) == want, path
    for path in ("~root", "~root/x", "~nobody", "~no-such-account", me + "x", me[:-1]):
        assert expand(path) == NO_SUCH_FILE, path


def test_sf13_names_are_told_of_ids_that_listings_have_shown_only(server, raw):
    def names(users, groups):
        kind, body = raw.ask(EXTENDED, s("users-groups-by-id@openssh.com") + s(b"".join(map(u32, users))) + s(b"".join(map(u32, groups))))
        assert kind == EXTENDED_REPLY, body
        both, at = [], 0
        for _ in range(2):
            end = at + 4 + struct.unpack(">I", body[at:at + 4])[0]
            at, some = at + 4, []
            while at < end:
                n = struct.unpack(">I", body[at:at + 4])[0]
                some.append(body[at + 4:at + 4 + n].decode())
                at += 4 + n
            assert at == end
            both.append(some)
        assert at == len(body)
        return both

    ids = list(range(1000)) + [65534, 2**32 - 1]
    assert names(ids, ids) == [[""] * len(ids)] * 2
    longnames = [long.decode().split() for p in pages(raw, "/") for _, long in p]
    shown = [{words[column] for words in longnames} for column in (2, 3)]
    st = os.stat(server.path("f"))
    ids += [st.st_uid, st.st_gid]
    for known, own, told in zip((st.st_uid, st.st_gid), shown, names(ids, ids)):
        assert told[ids.index(known)] in own
        assert [n for i, n in zip(ids, told) if i != known and n] == []
    assert names([], []) == [[], []]
    for users, groups in ((b"abc", b""), (b"", b"abcde"), (b"\0" * 4 * 2049, b"")):
        assert raw.ask(EXTENDED, s("users-groups-by-id@openssh.com") + s(users) + s(groups))[1] in (FAILURE, BAD_MESSAGE)


# ---- RX04: floods before the login; those after it are in test_sftp_floods.py ----

EARLY = {"ignored-messages": bytes([IGNORE]) + s(b"x" * 30000), "unknown-messages": bytes([192]) + b"x" * 1000,
         "logins": bytes([50]) + s("x" * 1000) + s("ssh-connection") + s("none")}


@pytest.mark.parametrize("flood", EARLY)
def test_rx04_a_flood_before_the_login_is_bounded_and_another_session_does_not_notice(server, here, flood):
    digest = big_file(here / "up", 32 * MEBI)
    done, peak, counts = threading.Event(), [0], {"sent": 0, "ended": 0}

    def go():
        while not done.is_set():
            t = paramiko.Transport((server.host, server.sftp_port))
            try:
                t.start_client(timeout=10)
                m = paramiko.Message()
                m.add_bytes(bytes([5]) + s("ssh-userauth"))
                t.packetizer.send_message(m)
                t.sock.settimeout(0.2)
                t.packetizer.read_message = lambda: time.sleep(3600)  # nothing is read from here on
                m = paramiko.Message()
                m.add_bytes(EARLY[flood])
                while not done.is_set():
                    t.packetizer.send_message(m)
                    counts["sent"] += 1
            except (EOFError, OSError, paramiko.SSHException):
                counts["ended"] += 1
            finally:
                t.packetizer.close()
                t.sock.close()

    def watch():
        while not done.wait(0.02):
            for pid in server.sessions().get("coffer-wire", []):
                with contextlib.suppress(OSError, KeyError):
                    peak[0] = max(peak[0], int(status(pid)["VmRSS"].split()[0]))

    threads = [threading.Thread(target=go, daemon=True), threading.Thread(target=watch, daemon=True)]
    for t in threads:
        t.start()
    eventually(lambda: counts["sent"] > 10, 10, "a flood")
    try:
        sftp(server, "put up beside\nget beside down\n")
        assert sha256("down") == digest
    finally:
        done.set()
    for t in threads:
        t.join(15)
    print("%s: %d messages, %d connections ended, peak %d KiB" % (flood, counts["sent"], counts["ended"], peak[0]))
    assert 0 < peak[0] < WIRE_KIB
    eventually(lambda: not server.sessions(), 30, "the end of the flooder's sessions")
