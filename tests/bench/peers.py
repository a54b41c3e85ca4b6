# SPDX-License-Identifier: ISC
"""Servers side by side: Coffer and its peers, each in a cgroup that counts its CPU.

Everything runs in the private namespaces of tests/e2e/conftest.py, as root, on loopback.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import conftest  # noqa: E402  (makes the namespaces and the account)

USER, UID, PASSWORD = conftest.SYSTEM_USER, conftest.SYSTEM_UID, conftest.SYSTEM_PASSWORD


class Meter:
    """CPU seconds of all processes of a server, also of those that have ended. Its cgroup is this run's alone."""

    def __init__(self, name):
        v1 = "/sys/fs/cgroup/cpuacct"
        self.v1 = os.path.isdir(v1)
        self.path = os.path.join(v1 if self.v1 else "/sys/fs/cgroup", "coffer-bench-%s-%d" % (name, os.getpid()))
        os.makedirs(self.path, exist_ok=True)

    def join(self):
        with open(os.path.join(self.path, "cgroup.procs"), "w", encoding="ascii") as f:
            f.write(str(os.getpid()))

    def seconds(self):
        if self.v1:
            with open(os.path.join(self.path, "cpuacct.usage"), encoding="ascii") as f:
                return int(f.read()) / 1e9 - self.starters()
        with open(os.path.join(self.path, "cpu.stat"), encoding="ascii") as f:
            return int(f.readline().split()[1]) / 1e6 - self.starters()

    def starters(self):
        """What starts a server is no part of it: tests/serve."""
        total = 0
        for pid in self.pids():
            if conftest.comm(pid) in ("serve", "python3"):
                with contextlib.suppress(OSError):
                    with open("/proc/%d/schedstat" % pid, encoding="ascii") as f:
                        total += int(f.read().split()[0]) / 1e9
                    for thread in os.listdir("/proc/%d/task" % pid):
                        if int(thread) != pid:
                            with open("/proc/%d/task/%s/schedstat" % (pid, thread), encoding="ascii") as f:
                                total += int(f.read().split()[0]) / 1e9
        return total

    def pids(self):
        with open(os.path.join(self.path, "cgroup.procs"), encoding="ascii") as f:
            return [int(line) for line in f]

    def pss_kib(self):
        total = 0
        for pid in self.pids():
            if conftest.comm(pid) in ("serve", "python3"):  # what starts a server is no part of it
                continue
            with contextlib.suppress(OSError):
                with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as f:
                    total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        return total


def wait_for_port(port, process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError("port %d does not answer" % port)


class Peer:
    """One server. name, the ports that it has (or None), and the directory that it serves."""

    def __init__(self, name, command, root, ftps=None, sftp=None, env=None):
        self.name, self.root, self.ftps_port, self.sftp_port = name, root, ftps, sftp
        self.meter = Meter(name)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, preexec_fn=self.meter.join,
                                        env=dict(os.environ, **(env or {})))
        for port in (ftps, sftp):
            if port:
                wait_for_port(port, self.process)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        with contextlib.suppress(OSError):  # somebody in it is still going
            os.rmdir(self.meter.path)


class Coffer(Peer):
    """This tree's server, or with "coffer@DIR" that of another tree that is built, e.g. of an older commit."""

    def __init__(self, name, root, keys):
        self.name, self.root = name, root
        self.meter = Meter(name.replace("/", "-"))
        tree = name.partition("@")[2]
        serve = os.path.join(tree, "tests", "serve") if tree else conftest.SERVE
        self.process = subprocess.Popen(
            [serve, "--mode", "root", "--user", USER, "--password", PASSWORD, "--share", root,
             "--authorized-keys", keys + ".pub"], stdout=subprocess.PIPE, text=True, preexec_fn=self.meter.join)
        facts = {}
        for line in self.process.stdout:
            if line == "READY\n":
                break
            key, value = line.rstrip("\n").split("=", 1)
            facts[key] = value
        self.ftps_port, self.sftp_port = int(facts["FT_FTPS_PORT"]), int(facts["FT_SFTP_PORT"])
        self.pid, self.ca = int(facts["FT_PID"]), facts["FT_CA"]


def make_keys(where):
    cert, key = where + "/tls.crt", where + "/tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    for path in (where + "/host", where + "/user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    os.chmod(where + "/user.pub", 0o644)
    return cert, key


def find(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def proftpd(where, root):
    """ProFTPD with mod_tls and mod_sftp, as Debian ships them."""
    program = find("proftpd")
    if not program:
        return None
    with open(where + "/pro.users", "w", encoding="ascii") as f:
        hashed = subprocess.run(["openssl", "passwd", "-1", PASSWORD], check=True, capture_output=True, text=True).stdout.strip()
        f.write("%s:%s:%d:%d::%s:/bin/sh\n" % (USER, hashed, UID, UID, root))
    os.chmod(where + "/pro.users", 0o600)
    subprocess.run("ssh-keygen -e -m RFC4716 -f %s/user.pub > %s/pro.keys" % (where, where), shell=True, check=True)
    conf = """
ServerName x
ServerType standalone
DefaultServer on
Port 20921
UseReverseDNS off
MaxInstances 100
User nobody
Group nogroup
ScoreboardFile %(w)s/pro.score
PidFile %(w)s/pro.pid
DelayEngine off
AuthOrder mod_auth_file.c
AuthUserFile %(w)s/pro.users
RequireValidShell off
DefaultRoot %(r)s
AllowOverwrite on
WtmpLog off
TransferLog none
PassivePorts 21000 21400
<IfModule !mod_tls.c>
LoadModule mod_tls.c
</IfModule>
<IfModule !mod_sftp.c>
LoadModule mod_sftp.c
</IfModule>
TLSEngine on
TLSRequired on
TLSProtocol TLSv1.2 TLSv1.3
TLSECCertificateFile %(w)s/tls.crt
TLSECCertificateKeyFile %(w)s/tls.key
TLSVerifyClient off
TLSSessionCache off
<VirtualHost 0.0.0.0>
Port 20922
AuthOrder mod_auth_file.c
AuthUserFile %(w)s/pro.users
RequireValidShell off
DefaultRoot %(r)s
AllowOverwrite on
SFTPEngine on
SFTPHostKey %(w)s/host
SFTPAuthorizedUserKeys file:%(w)s/pro.keys
</VirtualHost>
""" % {"w": where, "r": root}
    with open(where + "/pro.conf", "w", encoding="ascii") as f:
        f.write(conf)
    return Peer("proftpd", [program, "-n", "-c", where + "/pro.conf"], root, ftps=20921, sftp=20922)


def sshd(where, root):
    if not os.path.exists("/usr/sbin/sshd"):
        return None
    os.makedirs("/run/sshd", exist_ok=True)
    with open(where + "/sshd.conf", "w", encoding="ascii") as f:
        f.write("Port 20923\nListenAddress 127.0.0.1\nHostKey %s/host\nPidFile none\nUsePAM no\nStrictModes no\n"
                "AuthorizedKeysFile %s/user.pub\nSubsystem sftp internal-sftp -d %s\nMaxStartups 100\n" % (where, where, root))
    return Peer("sshd", ["/usr/sbin/sshd", "-D", "-f", where + "/sshd.conf"], root, sftp=20923)


def vsftpd(where, root):
    """vsftpd with the TLS that Debian's has, and its sessions bound as ours are."""
    program = find("vsftpd")
    if not program:
        return None
    os.makedirs(where + "/vs.empty", exist_ok=True)
    conf = """
listen=YES
listen_port=20924
listen_address=127.0.0.1
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
local_root=%(r)s
secure_chroot_dir=%(w)s/vs.empty
pam_service_name=coffer
pasv_min_port=21500
pasv_max_port=21900
ssl_enable=YES
ssl_tlsv1=YES
ssl_ciphers=HIGH
require_ssl_reuse=YES
rsa_cert_file=%(w)s/tls.crt
rsa_private_key_file=%(w)s/tls.key
xferlog_enable=NO
max_per_ip=0
""" % {"w": where, "r": root}
    with open(where + "/vs.conf", "w", encoding="ascii") as f:
        f.write(conf)
    return Peer("vsftpd", [program, where + "/vs.conf"], root, ftps=20924)


def pureftpd(where, root):
    """Pure-FTPd, TLS compulsory."""
    program = find("pure-ftpd")
    if not program:
        return None
    with open(where + "/pure.pem", "w", encoding="ascii") as out:
        for name in ("tls.key", "tls.crt"):
            with open(os.path.join(where, name), encoding="ascii") as f:
                out.write(f.read())
    os.chmod(where + "/pure.pem", 0o600)
    # A quick hash: its own, pure-pw useradd, takes seconds of CPU a login.
    hashed = subprocess.run(["openssl", "passwd", "-1", PASSWORD], check=True, capture_output=True, text=True).stdout.strip()
    with open(where + "/pure.passwd", "w", encoding="ascii") as f:
        f.write("%s:%s:%d:%d::%s/./::::::::::::\n" % (USER, hashed, UID, UID, root))
    subprocess.run(["pure-pw", "mkdb", where + "/pure.pdb", "-f", where + "/pure.passwd"], check=True, stdout=subprocess.DEVNULL)
    return Peer("pure-ftpd", [program, "-S", "127.0.0.1,20925", "-Y", "2", "-2", where + "/pure.pem", "-l",
                              "puredb:" + where + "/pure.pdb", "-p", "22000:22400", "-E", "-H", "-C", "100", "-g", where + "/pure.pid",
                              "-f", "none"], root, ftps=20925)


@contextlib.contextmanager
def side_by_side(names):
    """The wanted servers, all up; a tmpfs of their own holds what they serve."""
    where = conftest.tempfile.mkdtemp(prefix="coffer-bench-")
    os.chmod(where, 0o755)
    root = where + "/root"
    os.mkdir(root)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", root], check=True)
    os.chown(root, UID, UID)
    make_keys(where)
    makers = {"proftpd": lambda: proftpd(where, root),
              "vsftpd": lambda: vsftpd(where, root), "pure-ftpd": lambda: pureftpd(where, root),
              "sshd": lambda: sshd(where, root)}
    peers = []
    try:
        for name in names:
            peer = Coffer(name, root, where + "/user") if name.partition("@")[0] == "coffer" else makers[name]()
            if peer:
                peer.keys, peer.where = where + "/user", where
                peers.append(peer)
            else:
                print("SKIP %s: not installed" % name)
        yield peers
    finally:
        for peer in peers:
            peer.stop()
        subprocess.run(["umount", "-l", root], check=False)
        shutil.rmtree(where, ignore_errors=True)
