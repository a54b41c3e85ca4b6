# SPDX-License-Identifier: ISC
"""The users file and the groups file, as cofferctl keeps them and logins obey them. Ledger AU09, AU11."""

import contextlib
import ftplib
import os
import subprocess
import time

import pytest

from conftest import IS_ROOT, SYSTEM_UID, SYSTEM_USER, eventually, needs_root, run, serving, status
from test_login_factors import BUILD, FACTORS, PASSWORD, Keys, add_user, ftp_login, ssh_login

GIVEN = dict.fromkeys(FACTORS, "missing")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


def ctl(*words, ok=True, **more):
    return run(os.path.join(BUILD, "cofferctl"), *words, ok=ok, **more)


@contextlib.contextmanager
def served(tmp_path, keys, config="auth: {failure-delay: 100ms}\n"):
    extra = tmp_path / "extra.yaml"
    extra.write_text(config)
    with serving("--config", str(extra), "--dir", str(tmp_path / "d"), "--authorized-keys", keys.right + ".pub") as s:
        s.where = str(tmp_path / "d")
        s.users = os.path.join(s.where, "users")
        yield s


def ways(s, keys, user):
    """(FTPS, SFTP by password, SFTP by key)"""
    return (ftp_login(s, user, PASSWORD), ssh_login(s, keys, user, {**GIVEN, "password": "right"}),
            ssh_login(s, keys, user, {**GIVEN, "publickey": "right"}))


@pytest.mark.parametrize("limit,want", [
    (("--expires", "2020-01-01"), (False, False, False)),
    (("--expires", "2199-12-31"), (True, True, True)),
    (("--protocols", "sftp"), (False, True, True)),
    (("--networks", "192.0.2.0/24"), (False, False, False)),
    (("--networks", "192.0.2.0/24,127.0.0.0/8"), (True, True, True)),
    (("--hours", time.strftime("%a", time.localtime(time.time() + 2 * 86400))), (False, False, False)),
])
def test_limits_of_a_user_hold_in_every_way_in_au09(tmp_path, keys, limit, want):
    with served(tmp_path, keys) as s:
        add_user(s, "alice")
        assert ways(s, keys, "alice") == (True, True, True)
        ctl("user", "set", "-f", s.users, "alice", *limit)
        assert ways(s, keys, "alice") == want
        ctl("user", "set", "-f", s.users, "alice", limit[0], "none")
        assert ways(s, keys, "alice") == (True, True, True)


def test_locked_user_has_no_way_in_and_one_without_password_has_his_key_au09(tmp_path, keys):
    with served(tmp_path, keys) as s:
        add_user(s, "alice")
        ctl("user", "lock", "-f", s.users, "alice")
        assert ways(s, keys, "alice") == (False, False, False)
        assert "locked" in ctl("user", "list", "-f", s.users).text
        ctl("user", "unlock", "-f", s.users, "alice")
        assert ways(s, keys, "alice") == (True, True, True)
        with open(s.users, encoding="ascii") as f:
            text = f.read()
        name, _, rest = text[text.index("alice:"):].split(":", 2)
        with open(s.users, "w", encoding="ascii") as f:
            f.write(text[:text.index("alice:")] + name + ":*:" + rest)
        assert ways(s, keys, "alice") == (False, False, True)


def test_mistakes_in_limits_change_nothing(tmp_path, keys):
    with served(tmp_path, keys) as s:
        add_user(s, "alice")
        before = open(s.users, "rb").read()
        for limit in (("--expires", "soon"), ("--protocols", "ftp"), ("--networks", "here"), ("--hours", "8-9"),
                      ("--home", "relative")):
            assert ctl("user", "set", "-f", s.users, "alice", *limit, ok=False).returncode == 1
        assert open(s.users, "rb").read() == before


def test_groups_of_the_groups_file_decide_about_shares_and_rules(tmp_path, keys):
    groups, share = tmp_path / "groups", tmp_path / "crew"
    share.mkdir()
    os.chmod(tmp_path, 0o755)
    os.chmod(share, 0o755)
    ctl("group", "add", "-f", str(groups), "crew")
    ctl("group", "add", "-f", str(groups), "out")
    ctl("group", "join", "-f", str(groups), "crew", "alice")
    ctl("group", "join", "-f", str(groups), "crew", "carol")
    ctl("group", "join", "-f", str(groups), "out", "carol")
    config = ("auth: {failure-delay: 100ms, groups-file: %s, rules: [{users: '@out', allow: no}]}\n"
              "shares: {crew: {path: %s, users: '@crew'}}\n" % (groups, share))
    with served(tmp_path, keys, config) as s:
        for name in ("alice", "bob", "carol"):
            add_user(s, name)
        for name, sees in (("alice", True), ("bob", False)):
            with contextlib.closing(s.ftp(login=False)) as f:
                f.login(name, PASSWORD)
                f.prot_p()
                assert ("crew" in f.nlst()) == sees
        assert ways(s, keys, "carol") == (False, False, False)
        ctl("group", "leave", "-f", str(groups), "out", "carol")
        assert ways(s, keys, "carol") == (True, True, True)
        os.chmod(groups, 0o666)
        assert ways(s, keys, "alice") == (False, False, False)
        s.wait_for_log("groups-file")


@needs_root
def test_gids_of_the_groups_file_reach_the_worker_au10(tmp_path, keys):
    groups = tmp_path / "groups"
    ctl("group", "add", "-f", str(groups), "--gid", "61777", "crew")
    ctl("group", "join", "-f", str(groups), "crew", SYSTEM_USER)
    extra = tmp_path / "extra.yaml"
    extra.write_text("auth: {groups-file: %s}\n" % groups)
    with serving("--mode", "root", "--user", SYSTEM_USER, "--config", str(extra)) as s:
        with contextlib.closing(s.ftp()):
            worker = eventually(lambda: s.sessions().get("coffer-worker"))[0]
            assert "61777" in status(worker)["Groups"].split()


def test_password_check_of_the_administrator_has_the_last_word(tmp_path, keys):
    program = tmp_path / "check"
    program.write_text("#!/bin/sh\nread -r p || [ -n \"$p\" ]\n[ ${#p} -ge 12 ] || { echo \"$1: too short\"; exit 1; }\n")
    program.chmod(0o755)
    with served(tmp_path, keys, "auth: {failure-delay: 100ms, password-check: %s}\n" % program) as s:
        conf = os.path.join(s.where, "coffer.yaml")
        said = ctl("user", "add", "-c", conf, "dora", "--uid", "61001", input=b"short\n", ok=False)
        assert said.returncode == 1 and "dora: too short" in said.text
        assert "dora" not in open(s.users).read()
        ctl("user", "add", "-c", conf, "dora", "--uid", "61001", "--home", "/", input=b"long-enough-now\n")
        assert ftp_login(s, "dora", "long-enough-now")


def test_no_reader_ever_sees_a_torn_file(tmp_path, keys):
    with served(tmp_path, keys) as s:
        add_user(s, "alice")
        lines = len(open(s.users).read().splitlines())
        editors = [subprocess.Popen([os.path.join(BUILD, "cofferctl"), "user", "set", "-f", s.users, "alice",
                                     "--gecos", "g%d" % i]) for i in range(20)]
        while any(e.poll() is None for e in editors):
            text = open(s.users).read()
            assert text.endswith("\n") and len(text.splitlines()) == lines and "alice:$y$" in text
        assert all(e.returncode == 0 for e in editors)


def crypt(method, password):
    return run("openssl", "passwd", method, password).text.strip()


def pure(name, home, more):
    """A line of pure-ftpd's passwd file, whose fields its documentation numbers from 0."""
    fields = [name, "%(six)s", "61001", "61001", "", home] + [""] * 12
    for at, value in more.items():
        fields[at] = value
    return ":".join(fields) + "\n"


IMPORTS = [
    ("htpasswd", "alice:%(six)s\nbob:$apr1$abcdefgh$oU8vJZuYHQKNlS8h8OBYp0\n# note\n\ncarol:{SHA}x\n",
     ["--uid", "61001", "--gid", "61001", "--home", "/srv"], {"alice": True, "bob": False, "carol": False}, 2),
    ("proftpd", "alice:%(six)s:61001:61001:A:/srv:/bin/sh\nbad:line\nbob:%(five)s:61001:61001::/srv:/bin/false\n",
     [], {"alice": True, "bob": True}, 2),
    ("pure-ftpd", pure("alice", "/srv/./", {15: "127.0.0.0/8"}) + pure("bob", "/srv", {6: "5000", 11: "100",
     15: "192.0.2.0/24"}) + pure("carol", "/srv", {17: "0000-2359"}), [],
     {"alice": True, "bob": False, "carol": True}, 2),
]


@pytest.mark.parametrize("kind,text,more,want,complaints", IMPORTS, ids=[i[0] for i in IMPORTS])
def test_users_of_other_servers_are_taken_over(tmp_path, keys, kind, text, more, want, complaints):
    old = tmp_path / "old"
    old.write_text(text % {"six": crypt("-6", PASSWORD), "five": crypt("-5", PASSWORD)})
    old.chmod(0o600)
    with served(tmp_path, keys) as s:
        said = ctl("import", kind, "-f", s.users, *more, str(old), ok=False).text
        assert said.count(str(old) + ":") == complaints, said
        if time.strftime("%H:%M") != "23:59":
            assert {name: ftp_login(s, name, PASSWORD) for name in want} == want, said
        again = ctl("import", kind, "-f", s.users, *more, str(old), ok=False).text
        assert "0 taken over" in again and again.count("already") == len(want)


# ---- anonymous ----

@contextlib.contextmanager
def open_to_all(tmp_path, keys, rights="read-only"):
    public = tmp_path / "public"
    public.mkdir()
    (public / "hello.txt").write_text("hello")
    os.chmod(tmp_path, 0o755)
    os.chmod(public, 0o755)
    if IS_ROOT:
        os.chown(public, SYSTEM_UID, -1)
    with served(tmp_path, keys, "auth: {failure-delay: 100ms, anonymous-user: %s}\n"
                "shares: {public: {path: %s, users: anonymous, rights: %s}}\n"
                % (SYSTEM_USER if IS_ROOT else os.getuid(), public, rights)) as s:
        yield s


@pytest.mark.parametrize("name", ["anonymous", "ftp", "Anonymous"])
def test_anonymous_sees_his_shares_and_nothing_else(tmp_path, keys, name):
    with open_to_all(tmp_path, keys) as s:
        with contextlib.closing(s.ftp(login=False)) as f:
            f.login(name, "guest@example.org")
            f.prot_p()
            assert f.nlst() == ["public"]
            got = []
            f.retrbinary("RETR public/hello.txt", got.append)
            assert b"".join(got) == b"hello"
            for refused in (lambda: f.delete("public/hello.txt"), lambda: f.mkd("public/x"),
                            lambda: f.rename("public/hello.txt", "public/x")):
                with pytest.raises(ftplib.error_perm):
                    refused()
        assert ssh_login(s, keys, name, {**GIVEN, "password": "right"})
        s.wait_for_log("user=anonymous")


def test_anonymous_is_nobody_until_it_is_switched_on(tmp_path, keys):
    with served(tmp_path, keys) as s:
        assert ways(s, keys, "anonymous") == (False, False, False)


def test_anonymous_never_comes_in_clear(tmp_path, keys):
    with open_to_all(tmp_path, keys) as s, s.clear() as c:
        assert c.ask(b"USER anonymous").startswith(b"530")


def test_anonymous_gets_no_share_that_it_could_change(tmp_path, keys):
    with open_to_all(tmp_path, keys) as s:
        conf = tmp_path / "wrong.yaml"
        text = open(os.path.join(s.where, "coffer.yaml")).read()
        assert "rights: read-only" in text
        conf.write_text(text.replace("rights: read-only", "rights: read-write"))
        said = ctl("check", "-c", str(conf), ok=False)
        assert said.returncode == 1 and "read-only or drop-box" in said.text, said.text
