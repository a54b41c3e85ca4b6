# SPDX-License-Identifier: ISC
"""SFTP and SSH attack cases of the ledger, by raw packets over a paramiko channel."""

import contextlib
import os
import socket
import struct
import subprocess
import time

import paramiko
import pytest

from conftest import eventually, run, serving, status

INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK, STATUS, HANDLE, DATA, NAME, ATTRS = \
    13, 14, 15, 16, 17, 18, 19, 20, 101, 102, 103, 104, 105
EXTENDED, EXTENDED_REPLY = 200, 201
OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, OP_UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8
R, W, APPEND, CREAT, TRUNC, EXCL = 1, 2, 4, 8, 16, 32


def u32(n):
    return struct.pack(">I", n & 0xffffffff)


def u64(n):
    return struct.pack(">Q", n & 0xffffffffffffffff)


def s(x):
    x = x.encode() if isinstance(x, str) else x
    return u32(len(x)) + x


class Raw:
    """An sftp subsystem, packet by packet."""

    def __init__(self, server, init=True, transport=None):
        self.transport = transport or connect(server)
        self.chan = self.transport.open_session()
        self.chan.settimeout(15)
        self.chan.invoke_subsystem("sftp")
        self.id = 0
        if init:
            self.send(INIT, u32(3))
            assert self.packet()[0] == VERSION

    def send_bytes(self, data):
        self.chan.sendall(data)

    def send(self, kind, body):
        self.send_bytes(u32(len(body) + 1) + bytes([kind]) + body)

    def packet(self):
        head = self.take(4)
        body = self.take(struct.unpack(">I", head)[0])
        return body[0], body[1:]

    def take(self, n):
        data = b""
        while len(data) < n:
            more = self.chan.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def ask(self, kind, body):
        """(type, code or body) of the answer to one request; its id is checked."""
        self.id += 1
        self.send(kind, u32(self.id) + body)
        return self.answer(self.id)

    def answer(self, want):
        kind, body = self.packet()
        got = struct.unpack(">I", body[:4])[0]
        assert got == want, (got, want)
        return (kind, struct.unpack(">I", body[4:8])[0]) if kind == STATUS else (kind, body[4:])

    def open(self, path, flags, attrs=u32(0)):
        kind, body = self.ask(OPEN, s(path) + u32(flags) + attrs)
        return body[4:] if kind == HANDLE else (kind, body)

    def closed(self):
        """Does the server end the channel?"""
        try:
            while True:
                self.packet()
        except (EOFError, socket.timeout) as e:
            return isinstance(e, EOFError)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.transport.close()


def entries(body):
    """[(name, longname)] of an answer to READDIR."""
    count, at, found = struct.unpack(">I", body[:4])[0], 4, []
    for _ in range(count):
        pair = []
        for _ in range(2):
            n = struct.unpack(">I", body[at:at + 4])[0]
            pair.append(body[at + 4:at + 4 + n])
            at += 4 + n
        flags = struct.unpack(">I", body[at:at + 4])[0]
        at += 4 + sum(size for bit, size in ((1, 8), (2, 8), (4, 4), (8, 8)) if flags & bit)
        found.append(tuple(pair))
    assert at == len(body)
    return found


def pages(r, path):
    """The entries of a directory, . and .. included, by answer."""
    kind, body = r.ask(OPENDIR, s(path))
    assert kind == HANDLE
    handle = body[4:]
    while True:
        kind, body = r.ask(READDIR, s(handle))
        if kind == STATUS:
            assert body == EOF and r.ask(CLOSE, s(handle)) == (STATUS, OK)
            return
        assert kind == NAME
        yield entries(body)


def readdir(r, path):
    """[(name, longname)] of a directory, . and .. included."""
    return [entry for page in pages(r, path) for entry in page]


def connect(server):
    t = paramiko.Transport((server.host, server.sftp_port))
    t.connect(username=server.user, password=server.password)
    return t


def wire_of(server):
    return eventually(lambda: server.sessions().get("coffer-wire"), 20, "a wire")[-1]


@pytest.fixture()
def raw(server):
    with Raw(server) as r:
        yield r


@pytest.fixture(autouse=True)
def a_file(server):
    with open(server.path("f"), "wb") as f:
        f.write(b"0123456789" * 100)
    os.makedirs(server.path("d"), exist_ok=True)


@pytest.mark.parametrize("handle", [b"", b"abc", b"abcd", b"abcde", b"x" * 256, b"x" * 257, u64(256), u64(2**64 - 1)])
def test_sf01_odd_handles_are_refused_and_the_session_goes_on(raw, handle):
    assert raw.ask(READ, s(handle) + u64(0) + u32(10)) == (STATUS, FAILURE)
    assert raw.ask(CLOSE, s(handle)) == (STATUS, FAILURE)
    assert raw.ask(STAT, s("/f"))[0] == ATTRS


def test_sf01_closed_and_foreign_handles(server, raw):
    h = raw.open("/f", R)
    assert raw.ask(CLOSE, s(h)) == (STATUS, OK)
    assert raw.ask(READ, s(h) + u64(0) + u32(10)) == (STATUS, FAILURE)
    kind, body = raw.ask(OPENDIR, s("/"))
    assert kind == HANDLE
    assert raw.ask(READ, s(body[4:]) + u64(0) + u32(10)) == (STATUS, FAILURE)
    h = raw.open("/f", R)
    assert raw.ask(READDIR, s(h)) == (STATUS, FAILURE)
    other = Raw(server, transport=raw.transport)
    assert other.ask(READ, s(h) + u64(0) + u32(10)) == (STATUS, FAILURE)


@pytest.mark.parametrize("offset,length,want", [
    (0, 1, DATA), (0, 262144, DATA), (0, 2**32 - 1, DATA), (1000, 1, EOF), (2**62, 1, EOF), (2**63, 1, FAILURE),
    (2**64 - 1, 1, FAILURE), (999, 10, DATA)])
def test_sf02_read_offsets_and_lengths(raw, offset, length, want):
    h = raw.open("/f", R)
    kind, body = raw.ask(READ, s(h) + u64(offset) + u32(length))
    assert kind == DATA and len(body) - 4 == min(length, 1000 - offset) if want == DATA else (kind, body) == (STATUS, want)


@pytest.mark.parametrize("packet", [
    u32(0), u32(2**32 - 1), u32(300000) + b"x" * 100, u32(5) + bytes([OPEN]) + u32(1)[:4],
    u32(9) + bytes([STAT]) + u32(1) + u32(1000), u32(4) + bytes([STAT]) + b"abc"])
def test_sf03_malformed_packets_end_the_channel_or_are_bad_messages(server, packet):
    with Raw(server) as r:
        r.send_bytes(packet + b"")
        with contextlib.suppress(EOFError, OSError):
            r.chan.shutdown_write()
            kind, body = r.packet()
            assert kind == STATUS and struct.unpack(">I", body[4:8])[0] in (BAD_MESSAGE, FAILURE)


def test_sf03_unknown_types_are_unsupported_with_their_id(raw):
    for kind in (0, 21, 99, 199, 255):
        assert raw.ask(kind, b"") == (STATUS, OP_UNSUPPORTED)
    assert raw.ask(EXTENDED, s("no-such@example.org")) == (STATUS, OP_UNSUPPORTED)


@pytest.mark.parametrize("offset,want", [(2**63, FAILURE), (2**64 - 1, FAILURE), (2**63 - 1, FAILURE), (2**40, OK)])
def test_sf04_write_offsets(server, raw, offset, want):
    h = raw.open("/sparse", W | CREAT | TRUNC)
    assert raw.ask(WRITE, s(h) + u64(offset) + s(b"x")) == (STATUS, want)
    raw.ask(CLOSE, s(h))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(server.path("sparse"))


def test_sf05_open_handles_are_bounded(raw, server):
    handles = []
    for _ in range(1200):
        h = raw.open("/f", R)
        if isinstance(h, tuple):
            assert h == (STATUS, FAILURE)
            break
        handles.append(h)
    assert 1000 <= len(handles) <= 1024
    assert raw.ask(CLOSE, s(handles.pop())) == (STATUS, OK)
    assert not isinstance(raw.open("/f", R), tuple)


def test_sf06_init_once_and_first(server):
    with Raw(server) as r:
        r.send(INIT, u32(3))
        assert r.closed()
    with Raw(server, init=False) as r:
        r.send(STAT, u32(1) + s("/f"))
        assert r.closed()
    with Raw(server, init=False) as r:
        r.send(INIT, u32(6) + b"".join(s("x%d" % i) + s("y") for i in range(1000)))
        kind, body = r.packet()
        assert kind == VERSION and body[:4] == u32(3)


def test_sf07_attributes(raw, server):
    assert raw.ask(SETSTAT, s("/f") + u32(1) + u64(2**63)) == (STATUS, FAILURE)
    st = os.stat(server.path("f"))
    # chown to what it is already is nothing; to somebody else it is refused, not tried.
    assert raw.ask(SETSTAT, s("/f") + u32(2) + u32(st.st_uid + 1) + u32(st.st_gid + 1)) == (STATUS, PERMISSION_DENIED)
    assert os.stat(server.path("f")).st_uid == st.st_uid
    raw.ask(SETSTAT, s("/f") + u32(4) + u32(0o106777))
    assert os.stat(server.path("f")).st_mode & 0o7000 == 0
    # Extended attributes are passed over by their length; a count that does not fit is a bad message.
    assert raw.ask(SETSTAT, s("/f") + u32(0x80000000) + u32(1) + s("a") + s("b")) == (STATUS, OK)
    assert raw.ask(SETSTAT, s("/f") + u32(0x80000000) + u32(2**31))[1] in (BAD_MESSAGE, FAILURE)


def test_sf08_rename(raw, server):
    for name in ("a", "b"):
        with open(server.path(name), "w", encoding="ascii") as f:
            f.write(name)
    assert raw.ask(RENAME, s("/a") + s("/b")) == (STATUS, FAILURE)
    assert raw.ask(EXTENDED, s("posix-rename@openssh.com") + s("/a") + s("/b")) == (STATUS, OK)
    assert open(server.path("b"), encoding="ascii").read() == "a"
    assert raw.ask(RENAME, s("/b") + s("/d"))[1] != OK
    assert raw.ask(EXTENDED, s("posix-rename@openssh.com") + s("/d") + s("/b"))[1] != OK
    assert raw.ask(RENAME, s("/missing") + s("/x")) == (STATUS, NO_SUCH_FILE)


def test_sf10_a_flood_of_reads_is_bounded(raw, server):
    with open(server.path("big"), "wb") as f:
        f.truncate(64 << 20)
    h = raw.open("/big", R)
    for i in range(3000):
        raw.send(READ, u32(1000 + i) + s(h) + u64(0) + u32(32768))
    wire = wire_of(server)
    assert int(status(wire)["VmRSS"].split()[0]) < 48 * 1024
    for i in range(3000):
        kind, body = raw.answer(1000 + i)
        assert kind == DATA and len(body) == 4 + 32768
    os.unlink(server.path("big"))


def test_sf11_names_are_bytes_and_longnames_one_line(raw, server):
    os.makedirs(server.path("odd"), exist_ok=True)
    names = [b"new\nline", b"esc\x1b[31m", b"\xff\xfe", b"sp ace", "ü".encode(), b"-rf", b"*"]
    for name in names:
        with open(os.path.join(server.path("odd").encode(), name), "wb"):
            pass
    found = dict(readdir(raw, "/odd"))
    assert set(names) <= set(found)
    assert not any(c < 0x20 or c == 0x7f for long in found.values() for c in long)


@pytest.mark.parametrize("path,want", [("", b"/"), (".", b"/"), ("..", b"/"), ("/../..", b"/"), ("d/../d/./x", b"/d/x"),
                                       ("//d//", b"/d"), ("/missing", b"/missing")])
def test_sf12_realpath_is_lexical_and_stays_below(raw, path, want):
    kind, body = raw.ask(REALPATH, s(path))
    assert kind == NAME and body[4:8 + len(want)] == u32(len(want)) + want


def test_sf12_symlinks_stay_inside(raw, server):
    for target in ("/etc/passwd", "../../etc/passwd", "../.."):
        assert raw.ask(SYMLINK, s(target) + s("/link"))[1] != OK, target
    assert not os.path.lexists(server.path("link"))
    assert raw.ask(SYMLINK, s("f") + s("/link")) == (STATUS, OK)
    kind, body = raw.ask(READLINK, s("/link"))
    assert kind == NAME and body[8:9] == b"f"
    os.unlink(server.path("link"))
    os.symlink("/etc/passwd", server.path("out"))
    assert raw.ask(READLINK, s("/out"))[0] == STATUS
    assert raw.ask(STAT, s("/out"))[0] == STATUS
    assert isinstance(raw.open("/out", R), tuple)
    os.unlink(server.path("out"))


def test_sf14_handles_do_what_they_were_opened_for(raw, server):
    h = raw.open("/f", R)
    assert raw.ask(WRITE, s(h) + u64(0) + s(b"x"))[1] in (PERMISSION_DENIED, FAILURE)
    raw.ask(CLOSE, s(h))
    h = raw.open("/w", W | CREAT | TRUNC)
    assert raw.ask(READ, s(h) + u64(0) + u32(1))[1] in (PERMISSION_DENIED, FAILURE)
    raw.ask(CLOSE, s(h))
    h = raw.open("/w", W | APPEND)
    for _ in range(2):
        assert raw.ask(WRITE, s(h) + u64(0) + s(b"ab")) == (STATUS, OK)
    assert raw.ask(CLOSE, s(h)) == (STATUS, OK)
    assert open(server.path("w"), "rb").read() == b"abab"


# ---- the transport ----

def banner(server, data):
    with socket.create_connection((server.host, server.sftp_port), timeout=10) as c:
        assert c.recv(4) == b"SSH-"
        with contextlib.suppress(OSError):
            c.sendall(data)
        c.settimeout(10)
        try:
            while c.recv(65536):
                pass
            return True
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


@pytest.mark.parametrize("data", [b"SSH-1.5-old\r\n", b"SSH-2.0-" + b"x" * 300 + b"\r\n", b"GET / HTTP/1.0\r\n\r\n" * 100,
                                  b"x" * 100000, b"SSH-2.0-a\0b\r\n" + b"\0" * 64])
def test_ss04_odd_banners_end_the_connection(server, data):
    assert banner(server, data)


@pytest.mark.parametrize("length", [0, 1, 5, 262145, 0x7fffffff, 0xffffffff])
def test_ss03_odd_packet_lengths_end_the_connection(server, length):
    assert banner(server, b"SSH-2.0-raw\r\n" + u32(length) + b"\x04" + b"\0" * 64)


@pytest.mark.parametrize("size", [1, 10, 2**32 - 1])
def test_ss07_odd_maximum_packets_cost_nothing(server, size):
    t = connect(server)
    wire = wire_of(server)
    before = cpu(wire)
    t._sanitize_packet_size = lambda wanted: wanted  # paramiko asks for 4 KiB at least
    with contextlib.suppress(Exception):
        chan = t.open_session(max_packet_size=size, timeout=20)
        chan.settimeout(2)
        chan.invoke_subsystem("sftp")
        chan.sendall(u32(5) + bytes([INIT]) + u32(3))
        chan.recv(100)
    assert cpu(wire) - before < 1.0
    t.close()


@pytest.mark.parametrize("size", [50, 100, 1000])
def test_ss07_small_packets_are_what_a_client_may_ask_for(server, size):
    """RFC 4254, 5.1: on interactive lines they make sense, and there is no least size."""
    t = connect(server)
    t._sanitize_packet_size = lambda wanted: wanted  # paramiko asks for 4 KiB at least
    chan = t.open_session(max_packet_size=size, timeout=20)
    sizes = []
    feed = chan.in_buffer.feed
    chan.in_buffer.feed = lambda data: (sizes.append(len(data)), feed(data))[1]
    chan.settimeout(20)
    chan.invoke_subsystem("sftp")
    chan.sendall(u32(5) + bytes([INIT]) + u32(3))
    length = struct.unpack(">I", chan.makefile("rb").read(4))[0]
    assert len(chan.makefile("rb").read(length)) == length > 300
    assert max(sizes) <= size, sizes
    t.close()


def cpu(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def test_ss09_channels_are_bounded(server):
    t = connect(server)
    opened = []
    with pytest.raises(paramiko.ChannelException):
        for _ in range(60):
            opened.append(t.open_session(timeout=20))
    assert 5 <= len(opened) <= 20
    t.close()


@pytest.mark.parametrize("request_", ["shell", "exec"])
def test_ss10_shells_and_commands_end_with_words(server, request_):
    t = connect(server)
    chan = t.open_session()
    chan.settimeout(5)
    if request_ == "shell":
        chan.invoke_shell()
    else:
        chan.exec_command("id")
    assert chan.makefile_stderr().read().startswith(b"This is a file server.")
    assert chan.recv(100) == b"" and chan.recv_exit_status() == 1
    t.close()


@pytest.mark.parametrize("request_", ["pty", "subsystem", "x11", "env"])
def test_ss10_nothing_but_sftp(server, request_):
    t = connect(server)
    chan = t.open_session()
    chan.settimeout(5)
    with pytest.raises(paramiko.SSHException):
        {"pty": chan.get_pty,
         "subsystem": lambda: chan.invoke_subsystem("x"), "x11": chan.request_x11,
         "env": lambda: chan.set_environment_variable("LD_PRELOAD", "x") or (_ for _ in ()).throw(paramiko.SSHException())}[request_]()
    t.close()


def test_ss10_no_forwarding(server):
    t = connect(server)
    with pytest.raises(paramiko.ChannelException):
        t.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 1), timeout=20)
    with pytest.raises(paramiko.SSHException):
        t.request_port_forward("127.0.0.1", 0)
    t.close()


def test_ss11_rekeys_in_mid_transfer(server, here):
    block = os.urandom(1 << 20)
    (here / "up").write_bytes(block * 48)
    done = run("sftp", "-P", str(server.sftp_port), "-i", server.key, "-o", "IdentitiesOnly=yes", "-o", "RekeyLimit=1M", "-o",
               "UserKnownHostsFile=" + server.known_hosts, "-b", "-", "%s@127.0.0.1" % server.user,
               input=b"put up rekeyed\nget rekeyed down\n")
    assert done.returncode == 0
    assert open(server.path("rekeyed"), "rb").read() == block * 48 == (here / "down").read_bytes()


def test_ss14_no_compression(server):
    out = subprocess.run(["sftp", "-v", "-C", "-b", "/dev/null", "-P", str(server.sftp_port), "-i", server.key, "-o",
                          "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + server.known_hosts, "%s@127.0.0.1" % server.user],
                         capture_output=True, timeout=30)
    assert out.returncode == 0 and b"compression: none" in out.stderr and b"compression: zlib" not in out.stderr


def test_au02_tries_are_counted_over_methods(server):
    t = paramiko.Transport((server.host, server.sftp_port))
    t.start_client()
    tries = 0
    with contextlib.suppress(paramiko.SSHException, EOFError):
        for _ in range(20):
            try:
                t.auth_password(server.user, "wrong")
            except paramiko.AuthenticationException:
                tries += 1
    assert 1 <= tries <= 4
    eventually(lambda: not t.is_active(), 20, "the end of the connection")
    t.close()


def test_rx02_a_client_that_says_nothing_is_ended():
    with serving(config="limits: { login-time: 2s }\n") as quick:
        for port in (quick.ftps_port, quick.sftp_port):
            with socket.create_connection((quick.host, port), timeout=20) as c:
                started = time.monotonic()
                while c.recv(1000):
                    pass
                assert time.monotonic() - started >= 1
