# SPDX-License-Identifier: ISC
"""One small driver for each SFTP client, all with the same few verbs: what test_sftp_table.py drives.

Paths of the server are absolute, local ones too; both are str, bytes that are no UTF-8 as os.fsdecode makes them. A
verb raises when the client says that it failed. `cannot` names what a client itself has not, and why.
"""

import asyncio
import email.utils
import os
import re
import shutil
import stat
import subprocess
import tempfile
import threading
import urllib.parse
import warnings

from conftest import eventually, run

DRIVERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "drivers")
MODULES = os.path.join(os.path.dirname(DRIVERS), "..", "node_modules")
JSCH = "/usr/share/java/jsch.jar"
CHUNK = 1 << 20

NO_RESUME = "it begins every file anew"
WHOLE = "it moves whole files only (SPARSE=5G moves one)"


def quoted(*paths):
    return " ".join('"%s"' % p for p in paths)


class Driver:
    """A client; key says whether it logs in by key or by password."""

    needs = ()  # programs and files without which it is not here
    cannot = {}
    note = ""
    all_at_once = False  # does all its transfers in one run: transfer()
    hides_dots = False  # does not list names that begin with a dot

    def __init__(self, server, where, key=True):
        self.server, self.where, self.key = server, str(where), key

    @classmethod
    def missing(cls):
        """What is not installed, or None."""
        return next((n for n in cls.needs if not shutil.which(n) and not os.access(n, os.R_OK)), None)

    def close(self):
        pass

    def many(self, jobs):
        """All of them at the same time, each in a session of its own."""
        failed = []

        def one(verb, a, b):
            try:
                other = type(self)(self.server, tempfile.mkdtemp(dir=self.where), self.key)
                getattr(other, verb)(a, b)
                other.close()
            except Exception as e:  # pylint: disable=broad-except
                failed.append(e)

        threads = [threading.Thread(target=one, args=job) for job in jobs]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        assert not failed, failed[0]

    def ssh_options(self):
        options = ["-o", "UserKnownHostsFile=" + self.server.known_hosts, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=no"]
        return options + (["-i", self.server.key] if self.key else ["-o", "PreferredAuthentications=password"])

    def environment(self):
        """ssh asks a program of ours for the password."""
        ask = os.path.join(self.where, "ask")
        if not os.path.exists(ask):
            with open(ask, "w", encoding="ascii") as f:
                f.write("#!/bin/sh\necho \"$PASS\"\n")
            os.chmod(ask, 0o700)
        return dict(os.environ, SSH_ASKPASS=ask, SSH_ASKPASS_REQUIRE="force", PASS=self.server.password, LC_ALL="C.UTF-8")

    def run(self, *command, **kw):
        return run(*command, cwd=self.where, env=self.environment(), **kw)

    def sample(self, when=None, mode=None):
        """A local file of such a time and mode, for clients that set them by what they copy."""
        path = os.path.join(self.where, "sample")
        with open(path, "wb") as f:
            f.write(b"sample")
        if mode is not None:
            os.chmod(path, mode)
        if when is not None:
            os.utime(path, (when, when))
        return path


class Sftp(Driver):
    needs = ("sftp",)
    hides_dots = True

    def batch(self, *lines):
        return self.run("sftp", "-q", "-P", str(self.server.sftp_port), *self.ssh_options(), "-b", "-", "%s@127.0.0.1" % self.server.user,
                        input=os.fsencode("\n".join(lines) + "\n"))

    def ls(self, path):
        lines = os.fsdecode(self.batch("cd " + quoted(path), "ls -1").stdout).splitlines()
        return [line for line in lines if not line.startswith("sftp> ")]

    def put(self, local, remote):
        self.batch("put " + quoted(local, remote))

    def get(self, remote, local):
        self.batch("get " + quoted(remote, local))

    def reput(self, local, remote):
        self.batch("reput " + quoted(local, remote))

    def reget(self, remote, local):
        self.batch("reget " + quoted(remote, local))

    def mv(self, a, b):
        self.batch("rename " + quoted(a, b))

    def ln(self, target, path):
        self.batch("ln -s " + quoted(target, path))

    def chmod(self, path, mode):
        self.batch("chmod %o %s" % (mode, quoted(path)))

    def touch(self, path, when):
        self.batch("put -p " + quoted(self.sample(when), path))

    def puttree(self, local, remote):
        self.batch("put -r " + quoted(local, remote))

    def gettree(self, remote, local):
        self.batch("get -r " + quoted(remote, local))


class Scp(Driver):
    needs = ("scp",)
    options = ()
    cannot = {"list": "it only copies", "rename": "it only copies", "symlink": "it only copies", "resume up": NO_RESUME,
              "resume down": NO_RESUME, "beyond 4 GiB": WHOLE}

    def scp(self, *arguments):
        self.run("scp", "-q", *self.options, "-P", str(self.server.sftp_port), *self.ssh_options(), *arguments)

    def at(self, path):
        return "%s@127.0.0.1:%s" % (self.server.user, path)

    def put(self, local, remote):
        self.scp(local, self.at(remote))

    def get(self, remote, local):
        self.scp(self.at(remote), local)

    def touch(self, path, when):
        self.scp("-p", self.sample(when=when), self.at(path))

    def chmod(self, path, mode):
        self.scp("-p", self.sample(mode=mode), self.at(path))

    def puttree(self, local, remote):
        self.scp("-r", local, self.at(remote))

    def gettree(self, remote, local):
        self.scp("-r", self.at(remote), local)


class OldScp(Scp):
    options = ("-O",)

    def at(self, path):  # which a shell would read, were there one
        return super().at(re.sub(r"([ \\'\"*?\[])", r"\\\1", path))


class Sshfs(Driver):
    needs = ("sshfs", "/dev/fuse", "fusermount3")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.top = os.path.join(self.where, "mount")
        os.mkdir(self.top)
        by = ["IdentityFile=" + self.server.key] if self.key else ["password_stdin", "PreferredAuthentications=password"]
        run("sshfs", "-p", str(self.server.sftp_port), "-o", ",".join(["UserKnownHostsFile=" + self.server.known_hosts, "IdentitiesOnly=yes", *by]),
            "%s@127.0.0.1:/" % self.server.user, self.top, input=self.server.password.encode() + b"\n")

    def close(self):
        run("fusermount3", "-u", self.top)

    def at(self, path):
        return self.top + path

    def ls(self, path):
        return os.listdir(self.at(path))

    def settle(self):
        """close(2) comes back before sshfs has closed the file at the server, which is when it gets its name there."""
        parts = ".coffer-part~"
        eventually(lambda: not [n for _, _, names in os.walk(self.server.root) for n in names if n.startswith(parts)], 10, "the end of uploads")

    def put(self, local, remote):
        shutil.copyfile(local, self.at(remote))
        self.settle()

    def get(self, remote, local):
        shutil.copyfile(self.at(remote), local)

    def reput(self, local, remote):
        append(local, self.at(remote))

    def reget(self, remote, local):
        append(self.at(remote), local)

    def mv(self, a, b):
        os.rename(self.at(a), self.at(b))

    def ln(self, target, path):
        os.symlink(target, self.at(path))

    def chmod(self, path, mode):
        os.chmod(self.at(path), mode)

    def touch(self, path, when):
        os.utime(self.at(path), (when, when))

    def puttree(self, local, remote):
        shutil.copytree(local, self.at(remote))
        self.settle()

    def gettree(self, remote, local):
        shutil.copytree(self.at(remote), local)

    def many(self, jobs):
        threads = [threading.Thread(target=getattr(self, verb), args=(a, b)) for verb, a, b in jobs]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)


def append(source, target):
    """What target has not yet, from source."""
    with open(source, "rb") as a, open(target, "r+b") as b:
        a.seek(b.seek(0, 2))
        shutil.copyfileobj(a, b, CHUNK)


class Putty(Driver):
    needs = ("psftp", "pscp", "puttygen")
    cannot = {"symlink": "it makes none", "raw names": "it converts names from and to the character set of the terminal"}

    def login(self):
        by = ["-pw", self.server.password]
        if self.key:
            if not os.path.exists(self.where + "/key.ppk"):
                run("puttygen", self.server.key, "-O", "private", "-o", self.where + "/key.ppk")
            by = ["-i", self.where + "/key.ppk"]
        return ["-batch", "-P", str(self.server.sftp_port), "-l", self.server.user, *by, "-hostkey",
                run("ssh-keygen", "-lf", self.server.known_hosts).text.split()[1]]

    def script(self, *lines):
        with open(os.path.join(self.where, "script"), "wb") as f:
            f.write(os.fsencode("\n".join(lines) + "\n"))
        return self.run("psftp", *self.login(), "-b", "script", "127.0.0.1")

    def ls(self, path):
        lines = self.script("cd " + quoted(path), "ls").text.splitlines()
        return [line.split(None, 8)[8] for line in lines if line[:1] in "-dl" and len(line.split(None, 8)) == 9]

    def put(self, local, remote):
        self.script("put " + quoted(local, remote))

    def get(self, remote, local):
        self.script("get " + quoted(remote, local))

    def reput(self, local, remote):
        self.script("reput " + quoted(local, remote))

    def reget(self, remote, local):
        self.script("reget " + quoted(remote, local))

    def mv(self, a, b):
        self.script("mv " + quoted(a, b))

    def chmod(self, path, mode):
        self.script("chmod %o %s" % (mode, quoted(path)))

    def touch(self, path, when):
        self.run("pscp", "-q", "-p", *self.login(), self.sample(when), "127.0.0.1:" + path)

    def puttree(self, local, remote):
        self.script("put -r " + quoted(local, remote))

    def gettree(self, remote, local):
        self.script("get -r " + quoted(remote, local))


class Lftp(Driver):
    needs = ("lftp",)
    hides_dots = True

    def lftp(self, *commands):
        by = "-i %s -o IdentitiesOnly=yes -o BatchMode=yes" % self.server.key if self.key else "-o PreferredAuthentications=password"
        head = ("set net:timeout 20; set net:max-retries 1; set cmd:fail-exit yes; set sftp:auto-confirm no; "
                "set sftp:connect-program \"ssh -a -x -o UserKnownHostsFile=%s %s\"; open -u '%s,%s' sftp://127.0.0.1:%d; " %
                (self.server.known_hosts, by, self.server.user, "" if self.key else self.server.password, self.server.sftp_port))
        return self.run("lftp", "-c", os.fsencode(head + "; ".join(commands)))

    def run(self, *command, **kw):
        # Its own character set is the one of the locale; bytes pass as they are in this one.
        env = {k: v for k, v in os.environ.items() if not k.startswith("LC_") and k != "LANG"}
        return run(*command, cwd=self.where, env=dict(env, LC_ALL=self.locale, HOME=self.where), **kw)

    locale = "C.UTF-8"

    def ls(self, path):
        lines = os.fsdecode(self.lftp("cls -1 " + quoted(path + "/")).stdout).replace(path + "/", "").splitlines()
        return [line.rstrip("/") for line in lines]

    def put(self, local, remote):
        self.lftp("put %s -o %s" % (quoted(local), quoted(remote)))

    def get(self, remote, local):
        self.lftp("get %s -o %s" % (quoted(remote), quoted(local)))

    def reput(self, local, remote):
        self.lftp("put -c %s -o %s" % (quoted(local), quoted(remote)))

    def reget(self, remote, local):
        self.lftp("get -c %s -o %s" % (quoted(remote), quoted(local)))

    def mv(self, a, b):
        self.lftp("mv " + quoted(a, b))

    def ln(self, target, path):
        self.lftp("ln -s " + quoted(target, path))

    def chmod(self, path, mode):
        self.lftp("chmod %o %s" % (mode, quoted(path)))

    def touch(self, path, when):
        self.put(self.sample(when), path)

    def puttree(self, local, remote):
        self.lftp("mirror -R " + quoted(local, remote))

    def gettree(self, remote, local):
        self.lftp("mirror " + quoted(remote, local))


class Curl(Driver):
    needs = ("curl",)
    cannot = {"tree": "it knows no trees", "symlink": "it makes one and says that it failed, with every server"}

    def curl(self, *arguments):
        os.makedirs(self.where + "/.ssh", exist_ok=True)
        shutil.copy(self.server.known_hosts_all, self.where + "/.ssh/known_hosts")
        by = ["-u", self.server.user + ":" + ("" if self.key else self.server.password)]
        if self.key:
            by += ["--key", self.server.key, "--pubkey", self.server.key + ".pub"]
        return run("curl", "-sS", "-f", *by, *arguments, cwd=self.where, env=dict(os.environ, HOME=self.where))

    def at(self, path):
        return "sftp://127.0.0.1:%d%s" % (self.server.sftp_port, urllib.parse.quote(os.fsencode(path)))

    def ls(self, path):
        return os.fsdecode(self.curl("-l", self.at(path) + "/").stdout).splitlines()

    def put(self, local, remote):
        self.curl("-T", local, self.at(remote))

    def get(self, remote, local):
        self.curl("-o", local, self.at(remote))

    def reput(self, local, remote):
        self.curl("-C", "-", "-T", local, self.at(remote))

    def reget(self, remote, local):
        self.curl("-C", "-", "-o", local, self.at(remote))

    def quote(self, command):
        self.curl("-Q", command, "-o", "/dev/null", self.at("/"))

    def mv(self, a, b):
        self.quote("rename " + quoted(a, b))

    def chmod(self, path, mode):
        self.quote("chmod %o %s" % (mode, quoted(path)))

    def touch(self, path, when):
        self.quote("mtime %s %s" % (quoted(email.utils.formatdate(when, usegmt=True)), quoted(path)))


class Rclone(Driver):
    needs = ("rclone",)
    cannot = {"resume up": NO_RESUME, "resume down": NO_RESUME, "beyond 4 GiB": WHOLE, "mode": "it knows no modes",
              "symlink": "it makes none", "raw names": "its names are UTF-8; others it writes in another way"}

    def rclone(self, *arguments):
        conf = os.path.join(self.where, "rclone.conf")
        if not os.path.exists(conf):
            by = "key_file = " + self.server.key if self.key else "pass = " + run("rclone", "obscure", self.server.password).text.strip()
            with open(conf, "w", encoding="ascii") as f:
                f.write("[t]\ntype = sftp\nhost = 127.0.0.1\nport = %d\nuser = %s\n%s\nknown_hosts_file = %s\n" %
                        (self.server.sftp_port, self.server.user, by, self.server.known_hosts_all))
        return run("rclone", "--config", conf, "--retries", "1", *arguments)

    def ls(self, path):
        return [n.rstrip("/") for n in os.fsdecode(self.rclone("lsf", "t:" + path).stdout).splitlines()]

    def put(self, local, remote):
        self.rclone("copyto", local, "t:" + remote)

    def get(self, remote, local):
        self.rclone("copyto", "t:" + remote, local)

    def mv(self, a, b):
        self.rclone("moveto", "t:" + a, "t:" + b)

    def touch(self, path, when):
        self.rclone("copyto", self.sample(when), "t:" + path)

    def puttree(self, local, remote):
        self.rclone("sync", "--transfers", "8", local, "t:" + remote)
        self.rclone("check", local, "t:" + remote)

    def gettree(self, remote, local):
        self.rclone("sync", "--transfers", "8", "t:" + remote, local)


class Paramiko(Driver):
    def __init__(self, *arguments):
        import paramiko
        super().__init__(*arguments)
        self.paramiko = paramiko
        by = {"pkey": paramiko.Ed25519Key.from_private_key_file(self.server.key)} if self.key else {"password": self.server.password}
        self.transport = paramiko.Transport((self.server.host, self.server.sftp_port))
        self.transport.connect(username=self.server.user, **by)
        self.sftp = paramiko.SFTPClient.from_transport(self.transport)

    def close(self):
        self.transport.close()

    def ls(self, path):
        return self.sftp.listdir(path)

    def put(self, local, remote, sftp=None):
        (sftp or self.sftp).put(os.fsencode(local), os.fsencode(remote))

    def get(self, remote, local, sftp=None):
        (sftp or self.sftp).get(os.fsencode(remote), os.fsencode(local))

    def reput(self, local, remote):
        with open(local, "rb") as a, self.sftp.open(remote, "r+b") as b:
            a.seek(b.stat().st_size)
            b.seek(a.tell())
            b.set_pipelined(True)
            shutil.copyfileobj(a, b, CHUNK)

    def reget(self, remote, local):
        with self.sftp.open(remote, "rb") as a, open(local, "r+b") as b:
            a.seek(b.seek(0, 2))
            shutil.copyfileobj(a, b, CHUNK)

    def mv(self, a, b):
        self.sftp.rename(a, b)

    def ln(self, target, path):
        self.sftp.symlink(target, path)

    def chmod(self, path, mode):
        self.sftp.chmod(path, mode)

    def touch(self, path, when):
        self.sftp.utime(path, (when, when))

    def puttree(self, local, remote):
        self.sftp.mkdir(remote)
        for entry in os.scandir(local):
            (self.puttree if entry.is_dir() else self.put)(entry.path, remote + "/" + entry.name)

    def gettree(self, remote, local):
        os.mkdir(local)
        for entry in self.sftp.listdir_attr(remote):
            (self.gettree if stat.S_ISDIR(entry.st_mode) else self.get)(remote + "/" + entry.filename, os.path.join(local, entry.filename))

    def many(self, jobs):
        threads = [threading.Thread(target=getattr(self, verb), args=(a, b, self.paramiko.SFTPClient.from_transport(self.transport)))
                   for verb, a, b in jobs]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)


class Asyncssh(Driver):
    note = ("2.10 of Debian 12 goes on sending data behind its own KEXINIT (RFC 4253, 7.1), which libssh refuses: it gets new keys from us, "
            "early, and while it is silent.")

    def __init__(self, *arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import asyncssh
        super().__init__(*arguments)
        by = {"client_keys": [self.server.key]} if self.key else {"client_keys": None, "password": self.server.password}
        self.loop = asyncio.new_event_loop()
        self.connection = self.loop.run_until_complete(asyncssh.connect(
            self.server.host, self.server.sftp_port, username=self.server.user, known_hosts=self.server.known_hosts, **by))
        self.sftp = self.wait(self.connection.start_sftp_client(path_encoding=None))

    def wait(self, what):
        return self.loop.run_until_complete(what)

    def close(self):
        self.connection.close()
        self.wait(self.connection.wait_closed())
        self.loop.close()

    def ls(self, path):
        return [os.fsdecode(n) for n in self.wait(self.sftp.listdir(os.fsencode(path)))]

    def put(self, local, remote):
        self.wait(self.sftp.put(os.fsencode(local), os.fsencode(remote)))

    def get(self, remote, local):
        self.wait(self.sftp.get(os.fsencode(remote), os.fsencode(local)))

    def reput(self, local, remote):
        async def go():
            async with self.sftp.open(os.fsencode(remote), "r+b") as b:
                with open(local, "rb") as a:
                    at = a.seek((await b.stat()).size)
                    await b.write(a.read(), at)
        self.wait(go())

    def reget(self, remote, local):
        async def go():
            async with self.sftp.open(os.fsencode(remote), "rb") as a:
                with open(local, "r+b") as b:
                    b.write(await a.read(-1, b.seek(0, 2)))
        self.wait(go())

    def mv(self, a, b):
        self.wait(self.sftp.rename(os.fsencode(a), os.fsencode(b)))

    def ln(self, target, path):
        self.wait(self.sftp.symlink(os.fsencode(target), os.fsencode(path)))

    def chmod(self, path, mode):
        self.wait(self.sftp.chmod(os.fsencode(path), mode))

    def touch(self, path, when):
        self.wait(self.sftp.utime(os.fsencode(path), (when, when)))

    def puttree(self, local, remote):
        self.wait(self.sftp.put(os.fsencode(local), os.fsencode(remote), recurse=True))

    def gettree(self, remote, local):
        self.wait(self.sftp.get(os.fsencode(remote), os.fsencode(local), recurse=True))

    def many(self, jobs):
        async def go():
            await asyncio.gather(*(getattr(self.sftp, verb)(os.fsencode(a), os.fsencode(b)) for verb, a, b in jobs))
        self.wait(go())


class Spoken(Driver):
    """A program in another language (drivers/) that takes a verb a line, its words in hex, and says `ok` or `no`."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.program = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        env=dict(self.environment(), **self.more()), cwd=self.where)
        self.answer("login")

    def more(self):
        return {}

    def close(self):
        self.program.stdin.close()
        self.program.wait(30)

    def answer(self, what):
        line = self.program.stdout.readline().decode(errors="replace").rstrip("\n")
        if line.split(" ")[0] != "ok":
            raise RuntimeError("%s: %s" % (what, line))
        return [os.fsdecode(bytes.fromhex(w)) for w in line.split()[1:]]

    def say(self, verb, *words):
        self.program.stdin.write(("%s %s\n" % (verb, " ".join(os.fsencode(w).hex() for w in words))).encode())
        self.program.stdin.flush()
        return self.answer(verb)

    def ls(self, path):
        return self.say("ls", path)

    def chmod(self, path, mode):
        self.say("chmod", path, "%o" % mode)

    def touch(self, path, when):
        self.say("touch", path, str(when))


for _verb in ("put", "get", "reput", "reget", "mv", "ln", "puttree", "gettree"):
    setattr(Spoken, _verb, lambda self, a, b, verb=_verb: self.say(verb, a, b))


class Node(Spoken):
    needs = ("node", os.path.join(MODULES, "ssh2-sftp-client"))
    cannot = {"raw names": "its names are text"}

    def command(self):
        return ["node", os.path.join(DRIVERS, "round.js")]

    def more(self):
        return dict(NODE_PATH=MODULES, NAME=self.server.user, PORT=str(self.server.sftp_port), KEY=self.server.key if self.key else "")

    def many(self, jobs):
        self.say("many", *(w for job in jobs for w in job))


class Jsch(Spoken):
    needs = ("java", "javac", JSCH)
    cannot = {"raw names": "its names are text"}
    note = "0.1 knows no Ed25519, no SHA-2 signatures of RSA, no GCM: it is offered more for its name (ssh_quirk.c), and logs in by an ECDSA key."

    def command(self):
        classes = os.path.join(os.path.dirname(self.server.key), "classes")
        if not os.path.isdir(classes):
            run("javac", "-cp", JSCH, "-d", classes, os.path.join(DRIVERS, "Round.java"))
        return ["java", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8", "-cp", JSCH + ":" + classes, "Round",
                self.server.user, self.server.password, str(self.server.sftp_port), self.server.known_hosts_all, self.server.ecdsa_key if self.key else ""]

    def many(self, jobs):
        self.say("many", *(w for job in jobs for w in job))


class Foreign(Spoken):
    @classmethod
    def missing(cls):
        here = run("perl", "-MNet::SFTP::Foreign", "-MIO::Pty", "-e1", ok=False).returncode == 0
        return None if here else "libnet-sftp-foreign-perl"

    def command(self):
        return ["perl", os.path.join(DRIVERS, "round.pl"), str(self.server.sftp_port), self.server.user, self.server.known_hosts,
                self.server.key if self.key else ""]

    def more(self):
        return {"SSH_ASKPASS_REQUIRE": "never"}
