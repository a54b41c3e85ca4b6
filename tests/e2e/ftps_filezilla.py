# SPDX-License-Identifier: ISC
"""FileZilla itself under a virtual screen. Its queue is written before it starts, and it is driven by keys.

What it trusts, what it shall do and how many transfers it may run are its own files, in a home directory of their own. It keeps a
log with every command, reply and listing. SCREENSHOT=file leaves a picture of its last moment.
"""

import contextlib
import os
import sqlite3
import subprocess
import urllib.parse

from conftest import eventually
from ftps_drivers import AT_ONCE, Client, walk

SETTINGS = {"Greeting version": "99.0.0", "Update Check": 0, "Show Tree Local": 0, "Show Tree Remote": 0, "Preserve timestamps": 1,
            "Number of Transfers": AT_ONCE, "File exists action download": 5, "File exists action upload": 5,  # resume
            "Queue completion action": 0, "Reconnect delay": 1}
# Version 7 of its queue's file. Of files.flags only the one for downloads is used here.
QUEUE = """
CREATE TABLE servers (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, host TEXT NOT NULL, port INTEGER, user TEXT, password TEXT,
 account TEXT, keyfile TEXT, protocol INTEGER, type INTEGER, logontype INTEGER, timezone_offset INTEGER, transfer_mode TEXT,
 max_connections INTEGER, encoding TEXT, bypass_proxy INTEGER, post_login_commands TEXT, name TEXT, parameters TEXT,
 site_path TEXT DEFAULT NULL);
CREATE TABLE files (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, server INTEGER NOT NULL, source_file TEXT, target_file TEXT,
 local_path INTEGER, remote_path INTEGER, size INTEGER, error_count INTEGER, priority INTEGER, flags INTEGER,
 default_exists_action INTEGER, extra_flags TEXT);
CREATE INDEX server_index ON files (server);
CREATE TABLE local_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
CREATE TABLE remote_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
PRAGMA user_version = 7;
"""
DOWNLOAD, NORMAL, EXPLICIT_TLS = 16, 2, 4
EMPTY_PLACE = ("900", "640")  # in the list of remote files, below its last line


@contextlib.contextmanager
def display():
    """A virtual screen of its own; its number."""
    back, write = os.pipe()
    x = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24"], pass_fds=(write,), stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        yield ":" + os.read(back, 16).decode().strip()
    finally:
        os.close(back)
        x.terminate()
        x.wait(10)


def as_its_own_path(path):
    """A remote directory as FileZilla writes it: kind of path, length of a prefix, and each name behind its length."""
    return " ".join(["1", "0"] + ["%d %s" % (len(name), name) for name in path.strip("/").split("/")])


class FileZilla(Client):
    name = "filezilla"
    cannot = {"list": "it shows names to eyes only: that it read them is seen where it renames one of them, and takes a time from another"}
    round_ = program = screen = None

    def expects(self, round_):
        self.round_ = round_
        self.home = os.path.join(self.where, "home")
        self.config = os.path.join(self.home, ".config", "filezilla")
        os.makedirs(self.config)
        self.write_settings()
        top, local, slow = round_.top, self.where, "/slow/" + self.name
        queue = [(0, local + "/many/" + n, slow + "/up/" + n) for n in sorted(os.listdir(local + "/many"))]
        queue += [(0, local + "/" + n, top + "/" + n) for n in ("up.bin", "more.bin", "old-up.bin")]
        queue += [(1, local + "/" + n, top + "/" + n) for n in ("down.bin", "rest.bin", "old-down.bin")]
        queue += [(0, local + "/tree/" + n, top + "/tree-up/" + n) for n in walk(local + "/tree")[1]]
        queue += [(1, local + "/tree-down/" + n, top + "/tree/" + n) for n in walk(round_.root + "/tree")[1]]
        # Last, when all its connections have something to do.
        queue += [(1, local + "/back/" + n, slow + "/down/" + n) for n in sorted(os.listdir(round_.slow + "/down"))]
        self.write_queue(queue)

    def write_settings(self):
        wanted = dict(SETTINGS, **{"Logging file": self.home + "/log"})
        with open(self.config + "/filezilla.xml", "w", encoding="ascii") as f:
            f.write('<?xml version="1.0"?><FileZilla3><Settings>%s</Settings></FileZilla3>' %
                    "".join('<Setting name="%s">%s</Setting>' % kv for kv in wanted.items()))
        der = subprocess.run(["openssl", "x509", "-in", self.server.ca, "-outform", "DER"], stdout=subprocess.PIPE, check=True).stdout
        with open(self.config + "/trustedcerts.xml", "w", encoding="ascii") as f:
            f.write('<?xml version="1.0"?><FileZilla3><TrustedCerts><Certificate><Data>%s</Data><ActivationTime>1</ActivationTime>'
                    '<ExpirationTime>9999999999</ExpirationTime><Host>localhost</Host><Port>%d</Port><TrustSANs>0</TrustSANs>'
                    '</Certificate></TrustedCerts></FileZilla3>' % (der.hex(), self.port))
        with open(self.home + "/gnutls", "w", encoding="ascii") as f:  # it has no option for the newest version
            f.write("[overrides]\ndisabled-version = tls%s\n" % {"1.2": "1.3", "1.3": "1.2"}[self.tls])

    def write_queue(self, queue):
        db = sqlite3.connect(self.config + "/queue.sqlite3")
        db.executescript(QUEUE)
        db.execute("INSERT INTO servers (host, port, user, password, protocol, type, logontype, timezone_offset, max_connections, bypass_proxy)"
                   " VALUES ('localhost', ?, ?, ?, ?, 0, 1, 0, 0, 0)", (self.port, self.server.user, self.server.password, EXPLICIT_TLS))
        known = {"local_paths": {}, "remote_paths": {}}

        def number(table, path):
            if path not in known[table]:
                known[table][path] = db.execute("INSERT INTO %s (path) VALUES (?)" % table, (path,)).lastrowid
            return known[table][path]

        for down, local, remote in queue:
            os.makedirs(os.path.dirname(local), exist_ok=True)
            here, there = (self.at(remote), os.path.basename(local)) if down else (local, os.path.basename(remote))
            db.execute("INSERT INTO files (server, source_file, local_path, remote_path, size, error_count, priority, flags)"
                       " VALUES (1, ?, ?, ?, ?, 0, ?, ?)",
                       (there, number("local_paths", os.path.dirname(local) + "/"), number("remote_paths", as_its_own_path(os.path.dirname(remote))),
                        os.path.getsize(here), NORMAL, DOWNLOAD if down else 0))
        db.commit()
        db.close()

    def at(self, remote):
        """Where a remote file lies on the server."""
        slow = "/slow/" + self.name
        return self.round_.slow + remote[len(slow):] if remote.startswith(slow) else self.server.path(remote[1:])

    # ---- the program ----

    def press(self, *arguments):
        return subprocess.run(["xdotool", *arguments], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)

    def said(self):
        with contextlib.suppress(FileNotFoundError):
            with open(self.home + "/log", encoding="utf-8", errors="replace") as f:
                return f.read()
        return ""

    def until(self, check, what, seconds=30):
        try:
            eventually(check, seconds, what)
        except AssertionError as e:
            raise AssertionError("%s\n%s" % (e, self.said()[-3000:])) from None

    def start(self):
        if self.program:
            return
        self.screen = contextlib.ExitStack()
        self.env = dict(os.environ, DISPLAY=self.screen.enter_context(display()), HOME=self.home, XDG_CONFIG_HOME=self.home + "/.config",
                        XDG_RUNTIME_DIR=self.home, GNUTLS_SYSTEM_PRIORITY_FILE=self.home + "/gnutls")
        url = "ftpes://%s:%s@localhost:%d%s" % (self.server.user, urllib.parse.quote(self.server.password), self.port, self.round_.top)
        self.program = subprocess.Popen(["filezilla", url, "--local=" + self.where], env=self.env, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.until(lambda: 'Directory listing of "%s" successful' % self.round_.top in self.said(), "first listing")
        self.rename_by_keys()
        self.press("key", "ctrl+p")  # process the queue
        self.until(lambda: "Starting " in self.said(), "start of the queue")

    def rename_by_keys(self):
        def done():
            return "RNTO second-name.bin" in self.said() and "250" in self.said().split("RNTO", 1)[1]
        for _ in range(5):  # a key may come before the list is drawn
            self.press("mousemove", *EMPTY_PLACE, "click", "1", "type", "--delay", "10", "first-name")
            self.press("key", "F2", "key", "ctrl+a", "type", "--delay", "10", "second-name.bin")
            self.press("key", "Return")
            with contextlib.suppress(AssertionError):
                return self.until(done, "rename", 3)
            self.press("key", "Escape")
        raise AssertionError(self.said()[-3000:])

    def close(self):
        if not self.program:
            return
        if os.environ.get("SCREENSHOT"):
            subprocess.run(["import", "-window", "root", os.environ["SCREENSHOT"]], env=self.env, check=False)
        self.program.terminate()
        self.program.wait(20)
        self.screen.close()

    def wait_for(self, pairs):
        """Until all files have arrived, at whichever side."""
        self.start()
        left = list(pairs)

        def arrived():
            while left and all(map(os.path.exists, left[-1])) and os.path.getsize(left[-1][0]) == os.path.getsize(left[-1][1]):
                left.pop()
            return not left
        self.until(arrived, "arrival of %d files" % len(pairs), 60 + len(pairs) / 4)

    # ---- the verbs: it does all of its queue; they wait for their part of it ----

    def connect(self):
        self.start()

    def upload(self, local, remote):
        self.wait_for([(local, self.at(remote))])

    resume_up = upload

    def download(self, remote, local):
        self.wait_for([(local, self.at(remote))])

    resume_down = download

    def rename(self, old, new):
        self.start()

    def put_time(self, local, remote):
        self.upload(local, remote)
        self.until(lambda: os.stat(local).st_mtime == os.stat(self.at(remote)).st_mtime, "time of the upload")

    def get_time(self, remote, local):
        self.download(remote, local)
        self.until(lambda: os.stat(local).st_mtime == os.stat(self.at(remote)).st_mtime, "time of the download")

    def parallel_up(self, pairs):
        self.wait_for([(local, self.at(remote)) for local, remote in pairs])

    parallel_down = parallel_up

    def tree_up(self, local, remote):
        self.wait_for([(local + "/" + n, self.at(remote + "/" + n)) for n in walk(local)[1]])

    def tree_down(self, remote, local):
        self.wait_for([(local + "/" + n, self.at(remote + "/" + n)) for n in walk(self.at(remote))[1]])
