# SPDX-License-Identifier: ISC
"""FileZilla as a driver (sftp_drivers.py): its SFTP process for what is no transfer, and the program itself, under a
virtual screen, for the transfers, which it finds in its queue. One run does them all."""

import contextlib
import os
import sqlite3
import subprocess

from conftest import eventually
from ftps_filezilla import DOWNLOAD, NORMAL, QUEUE, as_its_own_path, display
from sftp_drivers import Driver

SETTINGS = """<?xml version="1.0"?><FileZilla3><Settings>
<Setting name="Greeting version">99.0.0</Setting><Setting name="Update Check">0</Setting><Setting name="Number of Transfers">8</Setting>
<Setting name="Preserve timestamps">1</Setting></Settings></FileZilla3>
"""
SFTP, NORMAL_LOGON, RESUME = 1, 1, 5


class Process:
    """fzsftp, driven as the program does; files are given to it by shared memory, so they stay out."""

    def __init__(self, home, password):
        self.password = password
        self.process = subprocess.Popen(["fzsftp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env=dict(os.environ, HOME=str(home), LC_ALL="C.UTF-8"))
        assert b"started" in self.process.stdout.readline()

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def do(self, command):
        """All that is said until the end of the command, which must have gone well."""
        self.say(command)
        said, line, start = [], b"", True
        while True:
            c = self.process.stdout.read(1)
            assert c, said
            if start and c in b"@A":  # how much may be transferred now: as much as it likes
                self.say("-0-" if c == b"@" else "-1-")
                continue
            start = c == b"\n"
            if not start:
                line += c
                continue
            said.append(line.decode(errors="replace"))
            kind, line = line[:1], b""
            if kind == b"9":
                self.process.stdout.readline()
                self.say("y")
            elif kind == b"8":  # an entry: as ls -l has it, its time, its name
                self.process.stdout.readline()
                said[-1] = "8" + self.process.stdout.readline().decode().rstrip("\n")
            elif kind == b"<":
                self.say(self.password)
            elif kind in (b"0", b"1", b"2"):
                assert kind != b"2", (command, said)
                return said


class Filezilla(Driver):
    needs = ("fzsftp", "filezilla", "Xvfb", "xdotool")
    cannot = {"symlink": "it makes none", "raw names": "its names are text"}
    all_at_once = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.home = os.path.join(self.where, "home")
        os.makedirs(os.path.join(self.home, ".config", "filezilla"))
        self.process = Process(self.home, self.server.password)
        if self.key:
            self.process.do('keyfile "%s"' % self.server.key)
        self.process.do('open "%s@127.0.0.1" %d' % (self.server.user, self.server.sftp_port))

    def close(self):
        self.process.close()

    def ls(self, path):
        self.process.do('cd "%s"' % path)
        return [line[1:] for line in self.process.do("ls") if line.startswith("8")]

    def mv(self, a, b):
        self.process.do('mv "%s" "%s"' % (a, b))

    def chmod(self, path, mode):
        self.process.do('chmod %o "%s"' % (mode, path))

    def touch(self, path, when):
        self.process.do('chmtime %d "%s"' % (when, path))

    def transfer(self, jobs):
        """All jobs, by the program, 8 at a time."""
        config = os.path.join(self.home, ".config", "filezilla")
        with open(os.path.join(config, "filezilla.xml"), "w", encoding="ascii") as f:
            f.write(SETTINGS)
        wanted = self.fill_queue(os.path.join(config, "queue.sqlite3"), list(self.files_of(jobs)))
        with display() as screen:
            env = dict(os.environ, DISPLAY=screen, HOME=self.home, XDG_CONFIG_HOME=self.home + "/.config", XDG_RUNTIME_DIR=self.home,
                       LC_ALL="C.UTF-8")

            def xdotool(*words):
                return subprocess.run(["xdotool", *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout

            program = subprocess.Popen(["filezilla"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                eventually(lambda: xdotool("search", "--name", "FileZilla"), 120, "its window")
                before, logins = self.server.log().count(" transfer: "), self.server.log().count(" login: ")

                def begun():
                    xdotool("key", "ctrl+p")  # process the queue; a second one would stop it again
                    with contextlib.suppress(AssertionError):
                        return eventually(lambda: self.server.log().count(" login: ") > logins, 10)
                    return False
                eventually(begun, 60, "the first login")
                eventually(lambda: self.server.log().count(" transfer: ") >= before + wanted, 600, "%d transfers" % wanted)
                eventually(lambda: all(os.path.exists(local) for verb, local in self.downloads), 30, "the files")
            finally:
                program.terminate()
                program.wait(20)

    def files_of(self, jobs):
        """Trees as the files in them: making that list is what the program does with a tree."""
        self.downloads = []
        for verb, a, b in jobs:
            top = a if verb == "puttree" else self.server.path() + a if verb == "gettree" else None
            if not top:
                yield (verb, a, b)
                continue
            for base, _, names in os.walk(top):
                inside = os.path.relpath(base, top)
                for name in names:
                    tail = os.path.normpath(os.path.join(inside, name))
                    yield (verb[:3], a + "/" + tail, b + "/" + tail)

    def fill_queue(self, path, files):
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.executescript(QUEUE)
            db.execute("INSERT INTO servers (id, host, port, user, password, protocol, type, logontype, timezone_offset, transfer_mode, "
                       "max_connections, encoding, bypass_proxy) VALUES (1, '127.0.0.1', ?, ?, ?, ?, 0, ?, 0, '', 0, 'Auto', 0)",
                       (self.server.sftp_port, self.server.user, self.server.password, SFTP, NORMAL_LOGON))
            for i, (verb, a, b) in enumerate(files, 1):
                down = verb.endswith("get")
                remote, local = (a, b) if down else (b, a)
                if down:
                    self.downloads.append((verb, local))
                db.execute("INSERT INTO local_paths VALUES (?, ?)", (i, os.path.dirname(local) + "/"))
                db.execute("INSERT INTO remote_paths VALUES (?, ?)", (i, as_its_own_path(os.path.dirname(remote))))
                size = os.stat(self.server.path() + remote if down else local).st_size
                source, target = os.path.basename(a), os.path.basename(b)
                db.execute("INSERT INTO files (server, source_file, target_file, local_path, remote_path, size, error_count, priority, flags, "
                           "default_exists_action) VALUES (1, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
                           (source, target if target != source else None, i, i, size, NORMAL, DOWNLOAD if down else 0, RESUME))
            db.commit()
        return len(files)
