# SPDX-License-Identifier: ISC
"""Servers and clients for the end-to-end tests.

As root, the whole run lives in mount and network namespaces of its own: /etc is an overlay, so accounts
and PAM services that tests make exist there and nowhere else, and the loopback interface carries no
stranger's traffic.
"""

import contextlib
import ctypes
import ftplib
import hashlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVE = os.path.join(TOP, "tests", "serve")
IS_ROOT = os.geteuid() == 0
SANITIZED = os.environ.get("BUILD", "").endswith("san")  # make san
SYSTEM_USER, SYSTEM_UID = "cofferalice", 61001
SYSTEM_GROUPS = {"coffered": 61002, "cofferpub": 61003}
SYSTEM_PASSWORD = "Wm7-gold-otter"

needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root: private namespaces, system accounts, other processes' memory")


def private_etc():
    """A mount namespace with an overlay over /etc, and the accounts of the tests in it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x00020000 | 0x40000000) != 0:  # CLONE_NEWNS | CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    where = tempfile.mkdtemp(prefix="coffer-etc-")
    subprocess.run(["mount", "-t", "tmpfs", "none", where], check=True)
    for name in ("upper", "work"):
        os.mkdir(os.path.join(where, name))
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                    "lowerdir=/etc,upperdir=%s/upper,workdir=%s/work" % (where, where), "/etc"], check=True)
    hashed = subprocess.run(["openssl", "passwd", "-6", SYSTEM_PASSWORD], check=True, stdout=subprocess.PIPE,
                            text=True).stdout.strip()
    home = os.path.join(where, "home")
    os.mkdir(home, 0o700)
    os.chown(home, SYSTEM_UID, SYSTEM_UID)
    os.chmod(where, 0o755)
    with open("/etc/passwd", "a", encoding="ascii") as f:
        f.write("%s:x:%d:%d:Coffer Test:%s:/bin/sh\n" % (SYSTEM_USER, SYSTEM_UID, SYSTEM_UID, home))
    with open("/etc/shadow", "a", encoding="ascii") as f:
        f.write("%s:%s:19000:0:99999:7:::\n" % (SYSTEM_USER, hashed))
    with open("/etc/group", "a", encoding="ascii") as f:
        f.write("%s:x:%d:\n" % (SYSTEM_USER, SYSTEM_UID))
        for name, gid in SYSTEM_GROUPS.items():
            f.write("%s:x:%d:%s\n" % (name, gid, SYSTEM_USER))
    shutil.copy(os.path.join(TOP, "packaging", "pam", "coffer"), "/etc/pam.d/coffer")
    return home


def others_can_enter(where):
    return all(os.stat(at).st_mode & 0o001 for at in (where, *map(str, pathlib.Path(where).parents)))


# Their homes and shares are there. Otherwise most of the tests as root would fail by "Login incorrect", and not say why.
if IS_ROOT and not others_can_enter(os.path.realpath(tempfile.gettempdir())):
    pytest.exit("the directory for temporary files, %s, must be one that other users can enter: set TMPDIR" % tempfile.gettempdir(), 2)

SYSTEM_HOME = private_etc() if IS_ROOT else None


def pytest_unconfigure():
    """The namespace goes with this process; the directory that its /etc is written to stands in everybody's."""
    if SYSTEM_HOME:
        where = os.path.dirname(SYSTEM_HOME)
        subprocess.run(["umount", "--lazy", where], check=True)
        os.rmdir(where)


class TidySocket(ssl.SSLSocket):
    """Python does not empty OpenSSL's queue of errors before it asks OpenSSL something (its issue 148594): from OpenSSL 3.4 on,
    what broke on one connection is raised by the next read of another one."""

    forget = ctypes.CDLL(ssl._ssl.__file__).ERR_clear_error

    def do_handshake(self, *a):
        self.forget()
        return super().do_handshake(*a)

    def read(self, *a):
        self.forget()
        return super().read(*a)

    def send(self, *a):
        self.forget()
        return super().send(*a)

    def unwrap(self):
        self.forget()
        return super().unwrap()


ssl.SSLContext.sslsocket_class = TidySocket


class Server:
    """A running tests/serve; FT_* values are attributes (ftps_port, sftp_port, user, ...)."""

    def __init__(self, *arguments):
        self.log_path = tempfile.mktemp(prefix="coffer-log-")
        self.process = subprocess.Popen([SERVE, "--log", self.log_path, *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line == "READY\n":
                break
            key, value = line.rstrip("\n").split("=", 1)
            setattr(self, key.removeprefix("FT_").lower(), value)
        else:
            self.process.wait()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.log_path)
            raise RuntimeError(self.process.stderr.read())
        self.ftps_port, self.sftp_port = int(self.ftps_port), int(self.sftp_port)
        self.pid = int(self.pid)
        self.password = getattr(self, "pass")
        self.known_hosts = self.log_path + ".hosts"
        with open(self.known_hosts, "w", encoding="ascii") as f:
            f.write(self.hostkey + "\n")
        # Go's clients take whatever key comes first, so they want to know all of them.
        self.known_hosts_all = self.known_hosts + ".all"
        with open(self.known_hosts_all, "w", encoding="ascii") as f:
            names = self.hostkey.split()[0]
            for kind in ("ed25519", "ecdsa", "rsa"):
                with open(os.path.join(os.path.dirname(self.ca), "ssh_host_%s_key.pub" % kind), encoding="ascii") as k:
                    f.write("%s %s\n" % (names, " ".join(k.read().split()[:2])))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        faults = self.faults()
        os.unlink(self.known_hosts)
        os.unlink(self.known_hosts_all)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.log_path)
        assert not faults, "\n".join(faults)

    def faults(self):
        """What the sanitizers said of it."""
        if not SANITIZED or not os.path.exists(self.log_path):
            return []
        return re.findall(r"^.*(?:ERROR: \w+Sanitizer|: runtime error: ).*$", self.log(), re.M)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_for_log(self, text, seconds=10):
        """Waits until the log has the text; what a test waits for is an event, never a time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if text in self.log():
                return
            time.sleep(0.02)
        raise AssertionError("not in the log within %d s: %s\n%s" % (seconds, text, self.log()[-3000:]))

    def path(self, *names):
        return os.path.join(self.root, *names)

    def tls(self, version=None):
        context = ssl.create_default_context(cafile=self.ca)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def ftp(self, login=True, version=None):
        f = ReusingFTP(context=self.tls(version), timeout=20)
        f.connect(self.host, self.ftps_port)
        f.server_hostname = "localhost"
        if login:
            f.login(self.user, self.password)
            f.prot_p()
        return f

    def sftp(self, user=None, password=None):
        import paramiko
        transport = paramiko.Transport((self.host, self.sftp_port))
        transport.connect(username=user or self.user, password=password or self.password)
        client = paramiko.SFTPClient.from_transport(transport)
        client.transport = transport
        return client

    def clear(self):
        """A plain TCP connection to the FTPS port, after its greeting."""
        return Clear(self.host, self.ftps_port)

    def sessions(self):
        """{process name: [pid]} of all sessions: everything below the main daemon but signer, gate and hooks."""
        found = {}
        for pid in descendants(self.pid, skip=("coffer-signer", "coffer-gate", "coffer-hooks")):
            if comm(pid):
                found.setdefault(comm(pid), []).append(pid)
        return found


class Clear:
    """A control connection without TLS, line by line."""

    def __init__(self, host, port):
        self.sock = socket.create_connection((host, port), timeout=20)
        self.file = self.sock.makefile("rb")
        greeting = self.file.readline()
        assert greeting.startswith(b"220"), greeting

    def ask(self, line):
        self.sock.sendall(line + b"\r\n")
        return self.file.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()


class ReusingFTP(ftplib.FTP_TLS):
    """ftplib, with the TLS session of the control connection resumed on data connections."""

    server_hostname = "localhost"

    def auth(self):
        reply = self.voidcmd("AUTH TLS")
        self.sock = self.context.wrap_socket(self.sock, server_hostname=self.server_hostname)
        self.file = self.sock.makefile(mode="r", encoding=self.encoding)
        return reply

    def store(self, name, data):
        """The last reply of an upload that may break, at whichever end of it."""
        c = self.transfercmd("STOR " + name)
        with contextlib.suppress(OSError):
            c.sendall(data)
            c.unwrap()
        c.close()
        return self.getmultiline()

    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        conn = self.context.wrap_socket(conn, server_hostname=self.server_hostname, session=self.sock.session)
        return conn, size


def comm(pid):
    """The name of a process that lives; "" when it is gone, or dead and not yet reaped."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            head, tail = f.read().rsplit(")", 1)
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if tail.split()[0] == "Z" else head.split("(", 1)[1]


def parents():
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                with open("/proc/%s/stat" % name, encoding="ascii", errors="replace") as f:
                    table[int(name)] = int(f.read().rsplit(")", 1)[1].split()[1])
    return table


def descendants(pid, skip=()):
    """All processes below pid; those of the names to skip, and what is below them, left out."""
    table, found, todo = parents(), [], [pid]
    while todo:
        up = todo.pop()
        for child, parent in table.items():
            if parent == up and comm(child) not in skip:
                found.append(child)
                todo.append(child)
    return found


def status(pid):
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as f:
        return dict((k, v.strip()) for k, v in (line.split(":", 1) for line in f))


def eventually(check, seconds=10, what="condition"):
    """Polls until check() is true. For states that other processes reach by themselves."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("%s not reached within %s s" % (what, seconds))
        time.sleep(0.02)


def free_port():
    """Below those that tests/serve takes."""
    while True:
        port = random.randint(19000, 19999)
        with socket.socket() as s:
            try:
                s.bind(("", port))
            except OSError:
                continue
            return port


def sha256(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            h.update(block)
    return h.hexdigest()


def run(*command, ok=True, timeout=300, **kw):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, **kw)
    text = done.stdout.decode(errors="replace")
    if ok:
        assert done.returncode == 0, "%s\n%s" % (" ".join(command), text)
    done.text = text
    return done


@contextlib.contextmanager
def etc_kept(*names):
    """Files below /etc that a test may write: what it writes is gone afterwards, and is not in what a symlink there leads to."""
    kept = []
    for path in (os.path.join("/etc", name) for name in names):
        content = pathlib.Path(path).read_bytes() if os.path.exists(path) else None
        link = os.readlink(path) if os.path.islink(path) else None
        if link:
            os.unlink(path)
            pathlib.Path(path).write_bytes(content or b"")
        kept.append((path, content, link))
    try:
        yield
    finally:
        for path, content, link in kept:
            if content is not None and not link:
                pathlib.Path(path).write_bytes(content)
                continue
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            if link:
                os.symlink(link, path)


@contextlib.contextmanager
def serving(*arguments, config=None, key=None):
    """A server. config: YAML that is laid over its configuration; key: the path of a private key that may log in."""
    with tempfile.NamedTemporaryFile("w", prefix="coffer-config-", suffix=".yaml", encoding="utf-8") as extra:
        if config is not None:
            extra.write(config)
            extra.flush()
            arguments += ("--config", extra.name)
        if key:
            arguments += ("--authorized-keys", key + ".pub")
        s = Server(*arguments)
    s.key = key
    try:
        yield s
    finally:
        s.stop()


@pytest.fixture(scope="session")
def user_key(tmp_path_factory):
    """A client's key pair: the path of the private half."""
    path = str(tmp_path_factory.mktemp("key") / "id")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path)
    return path


@pytest.fixture(scope="module")
def server(user_key):
    with serving(key=user_key) as s:
        yield s


@pytest.fixture(scope="module")
def root_server():
    """System mode, users file: the account SYSTEM_USER with its own uid."""
    with serving("--mode", "root", "--user", SYSTEM_USER) as s:
        yield s


@pytest.fixture(scope="module")
def pam_server():
    """System mode, the system's own password through PAM."""
    with serving("--mode", "root", "--user", SYSTEM_USER, "--password", SYSTEM_PASSWORD, "--pam", "coffer") as s:
        yield s


@pytest.fixture()
def here(tmp_path):
    """A directory for a client's local files, and the working directory while a test runs."""
    old = os.getcwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(old)


@pytest.fixture(autouse=True)
def nothing_left(request):
    """No test leaves a session of a shared server behind."""
    yield
    for name in ("server", "root_server", "pam_server"):
        if name in request.fixturenames:
            s = request.getfixturevalue(name)
            eventually(lambda s=s: not s.sessions(), 15, "end of all sessions of %s" % name)


def etc_below(top):
    """What is in its files, by the names that they have below /etc."""
    return {os.path.relpath(os.path.join(at, name), top): read_or_mode(os.path.join(at, name)) for at, _, names in os.walk(top) for name in names}


def read_or_mode(path):
    return pathlib.Path(path).read_bytes() if os.path.isfile(path) else os.lstat(path).st_mode


def shared_by_files(base, etc):
    """What the files of tests of one process have in common: whoever changes it fails another one, on some day."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts, open("/proc/self/status", encoding="ascii") as status:
        return {
            "environment": dict(os.environ, PYTEST_CURRENT_TEST=""), "working directory": os.getcwd(), "umask": re.findall("Umask.*", status.read()),
            # Which ip(8) makes for good. As an ordinary user they are those of all processes.
            "mounts": [line for line in mounts if " /run/netns " not in line] if IS_ROOT else None,
            "interfaces": [name for _, name in socket.if_nameindex()] if IS_ROOT else None,
            "directories that others write to": [str(at) for at in (base, *base.parents) if os.stat(at).st_mode & 0o1022 in (0o002, 0o020, 0o022)],
            "/etc": etc,
        }


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """A file of tests leaves to the next one what it found; which one that is depends on the day."""
    outcome = yield
    if outcome.excinfo or (nextitem and nextitem.path == item.path):
        return
    before = item.session.found
    written = etc_below(os.path.join(os.path.dirname(SYSTEM_HOME), "upper")) if IS_ROOT else {}  # here, not on the machine below
    after = item.session.found = shared_by_files(item.session.base, {**before["/etc"], **written})
    for what, value in before.items():
        changed = after[what]
        if isinstance(value, dict):
            value, changed = ({k: v for k, v in one.items() if v != other.get(k)} for one, other in ((value, changed), (changed, value)))
        assert value == changed, "%s: changed by %s" % (what, item.path.name)


@pytest.hookimpl(tryfirst=True)  # before what is shared by parameters is brought together
def pytest_collection_modifyitems(items):
    """SHUFFLE=7: files, and tests in each, in another order, by which none of them may fail."""
    if os.environ.get("SHUFFLE"):
        files, rng = {}, random.Random(os.environ["SHUFFLE"])
        for item in items:
            files.setdefault(item.path, []).append(item)
        groups = list(files.values())
        for group in (groups, *groups):
            rng.shuffle(group)
        items[:] = [item for group in groups for item in group]


@pytest.fixture(scope="session", autouse=True)
def found(request, tmp_path_factory):
    request.session.base = tmp_path_factory.getbasetemp()
    request.session.found = shared_by_files(request.session.base, etc_below("/etc") if IS_ROOT else {})


def let_others_pass(where):
    """Directories of the test, up to the one for all temporary files, can be gone through by other users."""
    at, top = os.path.realpath(where), os.path.realpath(tempfile.gettempdir())
    while at.startswith(top + "/"):
        os.chmod(at, (os.stat(at).st_mode | 0o711) & ~0o022)
        at = os.path.dirname(at)
