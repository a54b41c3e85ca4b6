# SPDX-License-Identifier: ISC
"""Hooks: events as files, and a program that hears of them, outside of every session and never as root."""

import json
import os
import signal
import subprocess
import tempfile

import pytest
import yaml

from conftest import IS_ROOT, SYSTEM_UID, SYSTEM_USER, comm, descendants, eventually, needs_root, run, serving, status

BUILD = os.environ.get("BUILD", os.path.join(os.path.dirname(__file__), "..", "..", "build", "release"))
HOOKS_UID = 65503  # that no account of a Debian system has
NASTY = (b"$(touch pwned)", b"; reboot #", b"a b\"c\\d'e", b"`id`", "kühl \u2028".encode(), b"\xff\xfe not utf-8", b"-rf", b"%s%n")


@pytest.fixture()
def public():
    with tempfile.TemporaryDirectory(prefix="coffer-hooks-") as tmp:
        os.chmod(tmp, 0o755)
        yield tmp


def start(tmp, program=None, tls=None, **hooks):
    """A server with hooks; the program is Python, and finds the directory out/ to write into."""
    out = os.path.join(tmp, "out")
    os.makedirs(out, exist_ok=True)
    os.chmod(out, 0o777)
    conf = {"spool": os.path.join(tmp, "spool"), **hooks}
    if IS_ROOT:
        conf["user"] = str(HOOKS_UID)
    if program:
        conf["program"] = os.path.join(tmp, "program")
        with open(conf["program"], "w", encoding="utf-8") as f:
            f.write("#!/usr/bin/python3 -I\nimport json, os, sys, time\nOUT = %r\n" % out + program)
        os.chmod(conf["program"], 0o755)
    extra = os.path.join(tmp, "extra.yaml")
    with open(extra, "w", encoding="ascii") as f:
        yaml.safe_dump({"hooks": conf, "tls": tls or {}}, f)
    arguments = ["--dir", os.path.join(tmp, "server"), "--config", extra]
    if IS_ROOT:
        arguments += ["--mode", "root", "--user", SYSTEM_USER]
    s = serving(*arguments)
    return s


def events(tmp, tail=".json"):
    spool = os.path.join(tmp, "spool")
    found = []
    for name in sorted(n for n in os.listdir(spool) if n.endswith(tail)):
        with open(os.path.join(spool, name), encoding="utf-8") as f:
            found.append(json.load(f))
    return found


def counters(s):
    text = run(os.path.join(BUILD, "cofferctl"), "hooks", "-c", os.path.join(os.path.dirname(s.root), "coffer.yaml")).text
    return {name: int(value) for name, value in (line.split() for line in text.splitlines())}


def hooks_pids(s):
    return [p for p in descendants(s.pid) if comm(p) == "coffer-hooks"]


def put(f, name, data=b"data"):
    with f.transfercmd("STOR " + name) as c:
        c.sendall(data)
        c.unwrap()
    f.voidresp()


def test_events_of_both_protocols_are_files(public):
    with start(public) as s:
        f = s.ftp()
        put(f, "a", b"12345")
        f.rename("a", "b")
        f.mkd("d")
        f.delete("b")
        f.rmd("d")
        f.quit()
        c = s.sftp()
        with c.open("x", "w") as h:
            h.write(b"123")
        h = c.open("broken", "w")
        h.write(b"never closed")
        c.posix_rename("x", "y")
        c.remove("y")
        c.transport.close()
        eventually(lambda: not s.sessions(), 15, "end of sessions")
        found = eventually(lambda: len(events(public)) >= 9 and events(public), 10, "all events")
        assert len(found) == 9, found
        for protocol, part in (("ftps", found[:5]), ("sftp", found[5:])):
            for e in part:
                assert e.pop("protocol") == protocol and e.pop("user") == s.user and e.pop("addr") == "127.0.0.1"
                assert len(e.pop("session")) == 16 and e.pop("time").startswith("20")
            assert len({e.get("session") for e in part}) == 1
        root = {"share": "root"}
        assert found[0] == {"event": "login", "method": found[0]["method"]}
        assert found[1] == {"event": "upload", "path": "/a", "file": s.path("a"), "bytes": 5, **root}
        assert found[2] == {"event": "rename", "path": "/a", "to": "/b", "file": s.path("b"), **root}
        assert found[3] == {"event": "delete", "path": "/b", "file": s.path("b"), **root}
        assert found[4] == {"event": "delete", "path": "/d", "file": s.path("d"), "directory": True, **root}
        assert [e["event"] for e in found[5:]] == ["login", "upload", "rename", "delete"]
        assert counters(s)["files-waiting"] == 9


def test_only_wanted_events_come(public):
    with start(public, events=["delete"]) as s:
        f = s.ftp()
        put(f, "a")
        f.delete("a")
        f.quit()
        eventually(lambda: events(public), 10, "an event")
        eventually(lambda: not s.sessions(), 15, "end of sessions")
        assert [e["event"] for e in events(public)] == ["delete"]


def test_names_are_data_for_the_program(public):
    program = """
e = json.load(sys.stdin)
assert len(sys.argv) == 2 and sys.argv[1] == e["event"] == os.environ["COFFER_EVENT"], sys.argv
with open(OUT + "/heard", "a") as f:
    f.write(json.dumps(e) + "\\n")
"""
    with start(public, program, events=["upload"]) as s:
        c = s.sftp()
        for name in NASTY:
            with c.open(b"/" + name, "w") as h:
                h.write(b"x")
        c.transport.close()
        eventually(lambda: counters(s).get("done") == len(NASTY), 30, "the program to have heard all")
        with open(os.path.join(public, "out", "heard"), encoding="utf-8") as f:
            heard = [json.loads(line) for line in f]
        names = [bytes.fromhex(e["path_hex"]) if "path_hex" in e else e["path"].encode() for e in heard]
        assert names == [b"/" + n for n in NASTY]
        assert not events(public) and not events(public, ".failed")
        assert not [n for _, _, files in os.walk(public) for n in files if n == "pwned"]


@needs_root
def test_the_program_is_an_unprivileged_user_for_good(public):
    program = """
with open("/proc/self/status") as f:
    status = dict(line.split(":", 1) for line in f)
fds = [os.readlink("/proc/self/fd/" + n) for n in os.listdir("/proc/self/fd") if int(n) > 2 and os.path.lexists("/proc/self/fd/" + n)]
try:
    os.setuid(0)
    root = True
except OSError:
    root = False
json.dump({"uid": status["Uid"].split(), "gid": status["Gid"].split(), "groups": status["Groups"].split(), "nnp": status["NoNewPrivs"].strip(),
           "caps": [status[k].strip() for k in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb")], "root": root,
           "fds": [f for f in fds if not f.startswith("/proc")], "env": dict(os.environ)}, open(OUT + "/me.new", "w"))
os.rename(OUT + "/me.new", OUT + "/me")
"""
    with start(public, program, events=["upload"]) as s:
        f = s.ftp()
        put(f, "a")
        f.quit()
        path = os.path.join(public, "out", "me")
        eventually(lambda: os.path.exists(path), 20, "the program")
        with open(path, encoding="utf-8") as out:
            me = json.load(out)
        assert me["uid"] == [str(HOOKS_UID)] * 4 and me["gid"] == [str(HOOKS_UID)] * 4 and not me["groups"]
        assert me["nnp"] == "1" and set(me["caps"]) == {"0" * 16} and not me["root"]
        assert not me["fds"]
        assert set(me["env"]) <= {"PATH", "COFFER_EVENT", "LC_CTYPE", "PWD"}
        for pid in hooks_pids(s):
            assert status(pid)["Uid"].split() == [str(HOOKS_UID)] * 4 and status(pid)["NoNewPrivs"] == "1"
        assert os.stat(os.path.join(public, "spool")).st_uid == HOOKS_UID != SYSTEM_UID
        eventually(lambda: not s.sessions(), 15, "end of sessions")


def test_a_program_that_fails_or_hangs_is_told_and_stops_nobody(public):
    program = """
e = json.load(sys.stdin)
if e["path"] == "/bad":
    sys.exit(3)
if e["path"] == "/slow":
    if os.fork() == 0:
        time.sleep(1000)
    time.sleep(1000)
"""
    with start(public, program, events=["upload"], **{"time-limit": "2s"}) as s:
        f = s.ftp()
        for name in ("bad", "slow", "good"):
            put(f, name)
        f.quit()
        eventually(lambda: counters(s).get("done") == 1, 30, "the good one")
        assert [e["path"] for e in events(public, ".failed")] == ["/bad", "/slow"]
        assert counters(s)["failed"] == 2 and counters(s)["files-failed"] == 2
        assert 'why="status 3"' in s.log() and 'why="its time was over"' in s.log()
        eventually(lambda: {comm(p) for p in descendants(s.pid)} <= {"coffer-signer", "coffer-gate", "coffer-hooks"}, 15, "nobody left over")


def test_what_does_not_fit_is_counted(public):
    with start(public, events=["upload"], queue=3) as s:
        f = s.ftp()
        for i in range(5):
            put(f, "f%d" % i)
        eventually(lambda: counters(s).get("lost") == 2, 10, "the loss")
        s.wait_for_log("hook-lost: count=2 total=2")
        assert [e["path"] for e in events(public)] == ["/f0", "/f1", "/f2"]
        # Somebody deals with one: there is room again.
        spool = os.path.join(public, "spool")
        os.unlink(os.path.join(spool, sorted(n for n in os.listdir(spool) if n.endswith(".json"))[0]))

        def again():
            put(f, "again")
            return any(e["path"] == "/again" for e in events(public))

        eventually(again, 10, "room")
        f.quit()
        eventually(lambda: not s.sessions(), 15, "end of sessions")


def test_sessions_do_not_wait_for_hooks(public):
    """It is stopped, and then it dies: uploads go on; what the queue holds arrives, the rest is counted."""
    with start(public, events=["upload"]) as s:
        f = s.ftp()
        (pid,) = hooks_pids(s)
        os.kill(pid, signal.SIGSTOP)
        number = 400
        for _ in range(number):
            put(f, "f")
        os.kill(pid, signal.SIGKILL)
        put(f, "last")
        f.quit()
        eventually(lambda: not s.sessions(), 15, "end of sessions")
        eventually(lambda: hooks_pids(s) not in ([], [pid]), 20, "another one")
        eventually(lambda: counters(s).get("events", 0) + counters(s).get("lost", 0) >= number + 1, 20, "all of them")
        assert counters(s)["events"] + counters(s).get("lost", 0) == number + 1


def test_a_reload_takes_hooks_away_and_brings_them(public):
    with start(public, events=["upload"]) as s:
        conf = os.path.join(os.path.dirname(s.root), "coffer.yaml")
        with open(conf, encoding="utf-8") as f:
            before = f.read()
        without = yaml.safe_load(before)
        del without["hooks"]
        old = s.ftp()
        for text in (yaml.safe_dump(without), before):
            with open(conf, "w", encoding="utf-8") as f:
                f.write(text)
            count = s.log().count("reload: result=ok")
            os.kill(s.pid, signal.SIGHUP)
            eventually(lambda c=count: s.log().count("reload: result=ok") > c, 15, "the reload")
            new = s.ftp()
            put(new, "new")
            new.quit()
        put(old, "old")
        old.quit()
        eventually(lambda: not s.sessions(), 15, "end of sessions")
        # The session from before the reloads still has its own.
        eventually(lambda: [e["path"] for e in events(public)] == ["/new", "/old"], 10, "two events")
        eventually(lambda: len(hooks_pids(s)) == 1, 10, "one of them")


@pytest.mark.parametrize("how", ["reload", "renewal"])
def test_the_program_of_a_new_configuration_runs_although_an_old_session_lives(public, how):
    says = "open(OUT + '/%s-' + json.load(sys.stdin)['path'][1:], 'w').close()\n"
    with start(public, says % "old", events=["upload"]) as s:
        out = os.path.join(public, "out")
        old = s.ftp()
        put(old, "first")
        eventually(lambda: os.listdir(out) == ["old-first"], 15, "the old program")
        program, other = os.path.join(public, "program"), os.path.join(public, "other")
        with open(program, encoding="utf-8") as f, open(other, "w", encoding="utf-8") as g:
            g.write(f.read().replace("/old-", "/new-"))
        os.chmod(other, 0o755)
        conf = os.path.join(os.path.dirname(s.root), "coffer.yaml")
        with open(conf, encoding="utf-8") as f:
            text = f.read()
        with open(conf, "w", encoding="utf-8") as f:
            f.write(text.replace(program, other))
        if how == "reload":
            os.kill(s.pid, signal.SIGHUP)
            s.wait_for_log("reload: result=ok")
        else:
            os.kill(s.pid, signal.SIGUSR2)
            s.wait_for_log(" renew: ", 20)
        new = s.ftp()
        put(new, "second")
        put(old, "third")
        eventually(lambda: sorted(os.listdir(out)) == ["new-second", "new-third", "old-first"], 15, "the new program")
        old.quit()
        new.quit()
        eventually(lambda: not s.sessions(), 15, "end of sessions")


def test_events_of_old_sessions_are_dealt_with_although_the_spool_is_another_one_now(public):
    with start(public, "open(OUT + '/' + json.load(sys.stdin)['path'][1:], 'w').close()\n", events=["upload"]) as s:
        out, conf = os.path.join(public, "out"), os.path.join(os.path.dirname(s.root), "coffer.yaml")
        old = s.ftp()
        with open(conf, encoding="utf-8") as f:
            text = f.read()
        with open(conf, "w", encoding="utf-8") as f:
            f.write(text.replace(os.path.join(public, "spool"), os.path.join(public, "other")))
        os.kill(s.pid, signal.SIGHUP)
        s.wait_for_log("reload: result=ok")
        new = s.ftp()
        put(old, "old")
        put(new, "new")
        eventually(lambda: sorted(os.listdir(out)) == ["new", "old"], 15, "both")
        old.quit()
        new.quit()
        eventually(lambda: not s.sessions(), 15, "end of sessions")


def test_new_certificates_leave_hooks_as_they_are(public):
    with start(public, tls={"check-files": "1s"}, events=["upload"]) as s:
        before = hooks_pids(s)
        key = os.path.join(os.path.dirname(s.ca), "tls.key")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "60", "-subj", "/CN=new",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", s.ca)
        s.wait_for_log("certificates: result=ok", 20)
        f = s.ftp()
        put(f, "a")
        f.quit()
        eventually(lambda: [e["path"] for e in events(public)] == ["/a"], 10, "an event")
        assert hooks_pids(s) == before
        eventually(lambda: not s.sessions(), 15, "end of sessions")


def test_root_is_no_user_for_hooks(public):
    conf = os.path.join(public, "c.yaml")
    with open(conf, "w", encoding="ascii") as f:
        f.write("mode: system\nlisteners: { l: { protocol: sftp } }\nsftp: { host-keys: [/nonexistent] }\nshares: { s: { path: /srv } }\n"
                "hooks: { spool: %s/spool, user: root, program: %s/writable }\n" % (public, public))
    with open(os.path.join(public, "writable"), "w", encoding="ascii") as f:
        f.write("#!/bin/sh\n")
    os.chmod(os.path.join(public, "writable"), 0o777)
    done = subprocess.run([os.path.join(BUILD, "cofferctl"), "check", "-c", conf], capture_output=True, text=True, timeout=30)
    assert "hooks.user: root" in done.stderr + done.stdout
    assert "hooks.program" in done.stderr + done.stdout


def test_what_others_put_into_the_spool_steers_no_terminal_and_forges_no_record(public):
    """hooks.user and hooks.program may write there; root reads .status on his terminal, and names stand in the log."""
    with start(public, program="sys.exit(3)", events=["upload"]) as s:
        spool = os.path.join(public, "spool")
        eventually(lambda: os.path.isdir(spool), 10, "a spool")
        with open(os.path.join(spool, ".status"), "wb") as f:
            f.write(b"events 1\n\x1b]0;owned\x07\xc2\x9b31m done 1\n")
        conf = os.path.join(os.path.dirname(s.root), "coffer.yaml")
        done = subprocess.run([os.path.join(BUILD, "cofferctl"), "hooks", "-c", conf], capture_output=True, timeout=30)
        assert done.returncode == 0 and b"events 1\n?]0;owned???31m done 1\n" in done.stdout, done.stdout
        with open(os.path.join(spool, "0 result=ok\nforged-upload.json"), "w", encoding="ascii") as f:
            f.write("{}\n")
        s.wait_for_log("result=failed why=\"status 3\"", 20)
        assert "file=0 result=ok" not in s.log() and "\nforged" not in s.log()
