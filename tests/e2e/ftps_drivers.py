# SPDX-License-Identifier: ISC
"""One small driver for each FTPS client, all with the same verbs; test_ftps_rounds.py says what they must bring about.

`cannot` names the verbs for which a client has no way of its own, each with the reason. A driver never helps its client: what it
does is what the client's own commands, options or functions do.
"""

import calendar
import concurrent.futures
import ftplib
import json
import os
import shlex
import shutil
import ssl
import subprocess
import time
import urllib.parse

from conftest import TOP, ReusingFTP, run

PROGRAMS = os.path.join(TOP, "tests", "e2e", "drivers")
MODULES = os.path.join(TOP, "tests", "node_modules")
COMMONS_NET = "/usr/share/java/commons-net.jar"
AT_ONCE = 8
# What must be there for a client; what is not named here is in every Debian that runs these tests.
HERE = {"basic-ftp": lambda: shutil.which("node") and os.path.isdir(os.path.join(MODULES, "basic-ftp")),
        "commons-net": lambda: shutil.which("java") and os.path.exists(COMMONS_NET),
        "net-ftp": lambda: subprocess.run(["perl", "-MNet::FTP", "-MIO::Socket::SSL", "-e1"], stderr=subprocess.DEVNULL,
                                          check=False).returncode == 0,
        "filezilla": lambda: all(map(shutil.which, ("filezilla", "Xvfb", "xdotool")))}


def ftp_time(seconds):
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds))


def walk(top):
    """(directories, files) below top, relative to it, parents first."""
    dirs, files = [], []
    for base, _, names in os.walk(top):
        dirs.append(os.path.relpath(base, top))
        files += [os.path.relpath(os.path.join(base, name), top) for name in names]
    return [d for d in sorted(dirs) if d != "."], files


class Client:
    """server: a conftest.Server; port: the listener to use; tls: "1.2" or "1.3", which is all that the client may speak."""

    name, binding, cannot = "", "required", {}

    def __init__(self, server, port, tls, where):
        self.server, self.port, self.tls, self.where = server, port, tls, where

    def expects(self, transfers):
        """What will be asked for; for a program that must know at its start."""

    def connect(self):
        self.list("/")

    def close(self):
        pass


class Curl(Client):
    name = "curl"

    def url(self, path):
        return "ftp://localhost:%d/%s" % (self.port, urllib.parse.quote(path.lstrip("/")))

    def curl(self, *arguments, **kw):
        return run("curl", "-sS", "--ssl-reqd", "--cacert", self.server.ca, "--tlsv" + self.tls, "--tls-max", self.tls, "-u",
                   "%s:%s" % (self.server.user, self.server.password), *arguments, **kw).text

    def list(self, path):
        return set(self.curl("--list-only", self.url(path) + "/").splitlines())

    def upload(self, local, remote):
        self.curl("-T", local, self.url(remote))

    def download(self, remote, local):
        self.curl("-o", local, self.url(remote))

    def resume_up(self, local, remote):
        self.curl("-C", "-", "-T", local, self.url(remote))

    def resume_down(self, remote, local):
        self.curl("-C", "-", "-o", local, self.url(remote))

    def rename(self, old, new):
        self.curl("-Q", "RNFR " + old, "-Q", "RNTO " + new, "-o", os.devnull, self.url(os.path.dirname(old)) + "/")

    def put_time(self, local, remote):
        stamp = ftp_time(os.stat(local).st_mtime)
        self.curl("-T", local, "-Q", "-MFMT %s %s" % (stamp, remote), self.url(remote))

    def get_time(self, remote, local):
        self.curl("-R", "-o", local, self.url(remote))

    def many(self, option, pairs, *more):
        # Never two of one directory in a row: curl 7.88 then overlooks a quick reply to EPSV, and sleeps for a second.
        quoted = ((option, local, self.url(remote)) for local, remote in sorted(pairs, key=lambda pair: os.path.basename(pair[0])))
        self.curl(*more, "-K", "-", input="".join('%s = "%s"\nurl = "%s"\n' % q for q in quoted).encode())

    def eight(self, option, pairs):
        """As many programs: the connections of one (-Z) take each other's TLS session away, which it uses once (README)."""
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(self.many, option, pairs[i::AT_ONCE]) for i in range(AT_ONCE)]:
                done.result()

    def parallel_up(self, pairs):
        self.eight("upload-file", pairs)

    def parallel_down(self, pairs):
        self.eight("output", pairs)

    def tree_up(self, local, remote):
        self.many("upload-file", [(os.path.join(local, f), remote + "/" + f) for f in walk(local)[1]], "--ftp-create-dirs")

    def tree_down(self, remote, local):
        names = walk(self.server.path(remote.lstrip("/")))[1]  # it has no recursion of its own
        self.many("output", [(os.path.join(local, f), remote + "/" + f) for f in names], "--create-dirs")


class Lftp(Client):
    name = "lftp"

    def lftp(self, *commands):
        head = ("set ssl:ca-file %s; set net:timeout 30; set net:max-retries 1; set cmd:fail-exit yes; set ftp:ssl-force yes; "
                "set ftp:ssl-protect-data yes; set ssl:priority NORMAL:-VERS-ALL:+VERS-TLS%s; open -u %s,%s ftp://localhost:%d; "
                % (self.server.ca, self.tls, self.server.user, self.server.password, self.port))
        return run("lftp", "-c", head + "; ".join(" ".join(map(shlex.quote, c)) for c in commands)).text

    def list(self, path):
        return {os.path.basename(line.rstrip("/@")) for line in self.lftp(("cls", "-1", path)).splitlines()}

    def upload(self, local, remote):
        self.lftp(("put", local, "-o", remote))

    def download(self, remote, local):
        self.lftp(("get", remote, "-o", local))

    def resume_up(self, local, remote):
        self.lftp(("put", "-c", local, "-o", remote))

    def resume_down(self, remote, local):
        self.lftp(("get", "-c", remote, "-o", local))

    def rename(self, old, new):
        self.lftp(("mv", old, new))

    put_time, get_time = upload, download

    def parallel_up(self, pairs):
        self.lftp(("mirror", "-R", "--parallel=%d" % AT_ONCE, os.path.dirname(pairs[0][0]), os.path.dirname(pairs[0][1])))

    def parallel_down(self, pairs):
        self.lftp(("mirror", "--parallel=%d" % AT_ONCE, os.path.dirname(pairs[0][1]), os.path.dirname(pairs[0][0])))

    def tree_up(self, local, remote):
        self.lftp(("mirror", "-R", local, remote))

    def tree_down(self, remote, local):
        self.lftp(("mirror", remote, local))


class Rclone(Client):
    name = "rclone"
    cannot = {"resume_up": "rclone begins every upload anew"}

    def command(self, *arguments):
        config = os.path.join(self.where, "rclone.conf")
        if not os.path.exists(config):
            secret = run("rclone", "obscure", self.server.password).text.strip()
            with open(config, "w", encoding="ascii") as f:
                f.write("[c]\ntype = ftp\nhost = localhost\nport = %d\nuser = %s\npass = %s\nexplicit_tls = true\ndisable_tls13 = %s\n"
                        % (self.port, self.server.user, secret, "true" if self.tls == "1.2" else "false"))
        return ["rclone", "--config", config, "--retries", "1", "--low-level-retries", "1", *arguments]

    def rclone(self, *arguments):
        """Over TLS 1.2 it keeps one session for all its connections, made before their logins: there it may have one connection."""
        if self.tls == "1.2" and "--transfers" not in arguments:
            arguments += ("--transfers", "1", "--checkers", "1", "--ftp-concurrency", "1")
        return run(*self.command(*arguments), env=dict(os.environ, SSL_CERT_FILE=self.server.ca)).text

    def list(self, path):
        return {line.rstrip("/") for line in self.rclone("lsf", "c:" + path).splitlines()}

    def upload(self, local, remote):
        self.rclone("copyto", local, "c:" + remote)

    def download(self, remote, local):
        self.rclone("copyto", "c:" + remote, local)

    def resume_down(self, remote, local):
        with open(local, "ab") as out:
            subprocess.run(self.command("cat", "--offset", str(os.path.getsize(local)), "c:" + remote), env=dict(os.environ, SSL_CERT_FILE=self.server.ca), stdout=out, check=True)

    def rename(self, old, new):
        self.rclone("moveto", "c:" + old, "c:" + new)

    put_time, get_time = upload, download

    def at_once(self, source, target):
        port = self.server.lenient if self.tls == "1.2" else self.port
        # Without its checks for what is there already, eight start together.
        self.rclone("copy", "--no-traverse", "--checkers", str(AT_ONCE), "--transfers", str(AT_ONCE), "--ftp-port", str(port), source, target)

    def parallel_up(self, pairs):
        self.at_once(os.path.dirname(pairs[0][0]), "c:" + os.path.dirname(pairs[0][1]))

    def parallel_down(self, pairs):
        self.at_once("c:" + os.path.dirname(pairs[0][1]), os.path.dirname(pairs[0][0]))

    def tree_up(self, local, remote):
        self.rclone("copy", local, "c:" + remote)

    def tree_down(self, remote, local):
        self.rclone("copy", "c:" + remote, local)


class Ftplib(Client):
    """Python's ftplib with the session of the control connection resumed."""

    name, kind = "ftplib-reuse", ReusingFTP
    ftp = None

    def one(self):
        version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[self.tls]
        f = self.kind(context=self.server.tls(version), timeout=30)
        f.connect("localhost", self.port)
        f.login(self.server.user, self.server.password)
        f.prot_p()
        return f

    def connect(self):
        self.ftp = self.ftp or self.one()

    def close(self):
        if self.ftp:
            self.ftp.quit()

    def list(self, path):
        self.connect()
        assert {os.path.basename(name) for name in self.ftp.nlst(path)} == {name for name, facts in self.ftp.mlsd(path)
                                                                           if facts["type"] in ("file", "dir")}
        return {os.path.basename(name) for name in self.ftp.nlst(path)}

    def put(self, ftp, local, remote, **kw):
        with open(local, "rb") as f:
            f.seek(kw.get("rest", 0))
            ftp.storbinary("STOR " + remote, f, **kw)

    def get(self, ftp, remote, local, **kw):
        with open(local, "ab" if kw else "wb") as f:
            ftp.retrbinary("RETR " + remote, f.write, **kw)

    def upload(self, local, remote):
        self.connect()
        self.put(self.ftp, local, remote)

    def download(self, remote, local):
        self.connect()
        self.get(self.ftp, remote, local)

    def resume_up(self, local, remote):
        self.connect()
        self.put(self.ftp, local, remote, rest=self.ftp.size(remote))

    def resume_down(self, remote, local):
        self.connect()
        self.get(self.ftp, remote, local, rest=os.path.getsize(local))

    def rename(self, old, new):
        self.connect()
        self.ftp.rename(old, new)

    def put_time(self, local, remote):
        self.upload(local, remote)
        self.ftp.voidcmd("MFMT %s %s" % (ftp_time(os.stat(local).st_mtime), remote))

    def get_time(self, remote, local):
        self.download(remote, local)
        when = calendar.timegm(time.strptime(self.ftp.voidcmd("MDTM " + remote)[4:], "%Y%m%d%H%M%S"))
        os.utime(local, (when, when))

    def eight(self, pairs, work):
        def some(mine):
            f = self.one()
            for local, remote in mine:
                work(f, local, remote)
            f.quit()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(some, pairs[i::AT_ONCE]) for i in range(AT_ONCE)]:
                done.result()

    def parallel_up(self, pairs):
        self.eight(pairs, self.put)

    def parallel_down(self, pairs):
        self.eight(pairs, lambda f, local, remote: self.get(f, remote, local))

    def tree_up(self, local, remote):
        self.connect()
        dirs, files = walk(local)
        for d in [""] + dirs:
            self.ftp.mkd((remote + "/" + d).rstrip("/"))
        for name in files:
            self.put(self.ftp, os.path.join(local, name), remote + "/" + name)

    def tree_down(self, remote, local):
        self.connect()
        os.makedirs(local, exist_ok=True)
        for name, facts in list(self.ftp.mlsd(remote)):
            if facts["type"] == "dir":
                self.tree_down(remote + "/" + name, os.path.join(local, name))
            elif facts["type"] == "file":
                self.get(self.ftp, remote + "/" + name, os.path.join(local, name))


class PlainFtplib(Ftplib):
    """Python's ftplib as it comes, which resumes nothing."""

    name, kind, binding = "ftplib", ftplib.FTP_TLS, "preferred"


class Spoken(Client):
    """A program in another language that reads lines "verb TAB argument..." and answers each with a line."""

    process = None
    env = None

    def command(self):
        raise NotImplementedError

    def say(self, verb, *arguments):
        if not self.process:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                            env=dict(os.environ, **(self.env or {})))
            if verb != "connect":
                self.say("connect")
        self.process.stdin.write("\t".join((verb,) + arguments) + "\n")
        answer = self.process.stdout.readline().rstrip("\n")
        assert answer.startswith("ok\t"), (self.name, verb, answer)
        return answer[3:]

    def connect(self):
        if not self.process:
            self.say("connect")

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(30)

    def list(self, path):
        return set(self.say("list", path).split("|"))

    def parallel_up(self, pairs):
        self.say("parallel_up", *map("|".join, pairs))

    def parallel_down(self, pairs):
        self.say("parallel_down", *map("|".join, pairs))


for _verb in ("upload", "download", "resume_up", "resume_down", "rename", "put_time", "get_time", "tree_up", "tree_down"):
    setattr(Spoken, _verb, lambda self, *arguments, verb=_verb: self.say(verb, *arguments))


class BasicFtp(Spoken):
    name, env = "basic-ftp", {"NODE_PATH": MODULES}

    def command(self):
        return ["node", os.path.join(PROGRAMS, "basic_ftp.js"), json.dumps(
            {"port": self.port, "user": self.server.user, "password": self.server.password, "ca": self.server.ca, "tls": self.tls})]


class CommonsNet(Spoken):
    name, how = "commons-net", "reuse"

    def command(self):
        opens = [x for package in ("ssl", "util") for x in ("--add-opens", "java.base/sun.security.%s=ALL-UNNAMED" % package)]
        return ["java", "-XX:TieredStopAtLevel=1", *opens, "-cp", COMMONS_NET, os.path.join(PROGRAMS, "CommonsNet.java"), str(self.port),
                self.server.user, self.server.password, "TLSv" + self.tls, self.how]


class CommonsNetAsItComes(CommonsNet):
    """Without the way around the session cache of Java: it resumes nothing."""

    name, how, binding = "commons-net-as-it-comes", "no", "preferred"


def net_ftp_resumes():
    """From 3.15 on, which is Debian 13's."""
    said = subprocess.run(["perl", "-MNet::FTP", "-e", "print $Net::FTP::VERSION"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, check=False).stdout
    return said != "" and float(said) >= 3.15


class NetFtp(Spoken):
    name = "net-ftp"
    binding = "required" if net_ftp_resumes() else "preferred"

    def command(self):
        return ["perl", os.path.join(PROGRAMS, "net_ftp.pl"), str(self.port), self.server.user, self.server.password, self.server.ca,
                "TLSv" + self.tls.replace(".", "_")]
