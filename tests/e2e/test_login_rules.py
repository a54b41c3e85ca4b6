# SPDX-License-Identifier: ISC
"""auth.rules: who may come, from where, when, how often and with which factors. Ledger AU09."""

import contextlib
import ftplib
import os
import signal
import time

import paramiko
import pytest

from conftest import eventually, run, serving
from test_login_factors import (BUILD, FACTORS, PASSWORD, Keys, add_user, code, ftp_login, ssh, ssh_login)

GIVEN = dict.fromkeys(FACTORS, "missing")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


@contextlib.contextmanager
def ruled(tmp_path, keys, auth, more=""):
    config = tmp_path / "rules.yaml"
    config.write_text("auth: {failure-delay: 100ms, %s}\n%s" % (auth, more))
    with serving("--config", str(config), "--dir", str(tmp_path / "d"), "--authorized-keys", keys.right + ".pub") as s:
        s.where = str(tmp_path / "d")
        for name in ("alice", "bob", "carol"):
            add_user(s, name)
        yield s


def both(s, keys, user):
    """(over FTPS, over SFTP) with the right password."""
    return ftp_login(s, user, PASSWORD), ssh_login(s, keys, user, {**GIVEN, "password": "right"})


def test_first_rule_that_fits_decides_in_both_protocols_au09(tmp_path, keys):
    with ruled(tmp_path, keys, "rules: [{users: alice, networks: 127.0.0.0/8}, {users: carol, protocols: sftp},"
               " {users: bob, networks: 192.0.2.0/24}, {allow: no}]") as s:
        assert both(s, keys, "alice") == (True, True)
        assert both(s, keys, "carol") == (False, True)
        assert both(s, keys, "bob") == (False, False)
        s.wait_for_log("refused by auth.rules")


def test_hours_are_those_of_the_machine_au09(tmp_path, keys):
    now = time.time()
    if time.localtime(now).tm_hour != time.localtime(now + 120).tm_hour:
        hours = "%02d:00-%02d:59" % (time.localtime(now).tm_hour, time.localtime(now + 120).tm_hour)
    else:
        hours = "%02d:00-%02d:59" % ((time.localtime(now).tm_hour,) * 2)
    today = time.strftime("%a", time.localtime(now))
    tomorrow = time.strftime("%a", time.localtime(now + 2 * 86400))
    with ruled(tmp_path, keys, "rules: [{users: alice, hours: '%s'}, {users: bob, hours: '%s %s'},"
               " {users: carol, hours: %s}, {allow: no}]" % (hours, tomorrow, hours, today)) as s:
        assert both(s, keys, "alice") == (True, True)
        assert both(s, keys, "bob") == (False, False)
        assert both(s, keys, "carol") == (True, True)


def test_factors_of_a_rule_take_the_place_of_the_common_ones_au04(tmp_path, keys):
    with ruled(tmp_path, keys, "factors: [password], rules: [{users: alice, factors: [password+totp]},"
               " {users: bob, factors: [publickey+password]}]") as s:
        assert both(s, keys, "carol") == (True, True)
        assert both(s, keys, "alice") == (False, False)
        assert ftp_login(s, "alice", PASSWORD + code())
        assert not ftp_login(s, "alice", PASSWORD + code()), "the same code twice"
        assert both(s, keys, "bob") == (False, False)
        assert ssh_login(s, keys, "bob", {**GIVEN, "password": "right", "publickey": "right"})
        # Not wanted of carol, though it is of bob: like a wrong one.
        assert not ssh_login(s, keys, "carol", {**GIVEN, "publickey": "right"})
        with ssh(s) as t, pytest.raises(paramiko.BadAuthenticationType) as shown:
            t.auth_none("carol")
        with ssh(s) as t, pytest.raises(paramiko.BadAuthenticationType) as unknown:
            t.auth_none("nobody-here")
        assert set(shown.value.allowed_types) == set(unknown.value.allowed_types)


def test_sessions_of_a_rule_bound_each_user_au09(tmp_path, keys):
    with ruled(tmp_path, keys, "rules: [{users: [alice, bob], sessions: 1}]") as s:
        with contextlib.closing(s.ftp(login=False)) as f:
            f.login("alice", PASSWORD)
            assert both(s, keys, "alice") == (False, False)
            assert both(s, keys, "bob") == (True, True)
            s.wait_for_log("sessions in auth.rules")
        eventually(lambda: not s.sessions())
        assert both(s, keys, "alice") == (True, True)


@pytest.mark.parametrize("wrong,words", [
    ("rules: [{hours: 'Monday 8-9'}]", "Mon-Fri 08:00-18:00"),
    ("rules: [{factors: [totp]}]", "another factor beside totp"),
    ("rules: [{factors: [password+password]}]", "each at most once"),
    ("rules: [{listeners: nowhere}]", 'there is no listener "nowhere"'),
    ("rules: [{networks: example.com}]", "an address, or a network"),
    ("rules: [{allow: no, sessions: 3}]", "mean nothing beside allow: no"),
])
def test_mistakes_in_rules_are_told_with_their_place(tmp_path, keys, wrong, words):
    with ruled(tmp_path, keys, "tries: 4") as s:
        config = tmp_path / "wrong.yaml"
        config.write_text((tmp_path / "d" / "coffer.yaml").read_text().replace("tries: 4", "tries: 4\n  " + wrong))
        said = run(BUILD + "/cofferctl", "check", "-c", str(config), ok=False).text
        assert words in said and "wrong.yaml:" in said, said


@pytest.mark.parametrize("enforce", ["now", "at-login"])
def test_reload_ends_sessions_of_those_who_may_not_come_any_more_au11(tmp_path, keys, enforce):
    with ruled(tmp_path, keys, "enforce: %s, deny-users: [nobody]" % enforce) as s:
        conf = tmp_path / "d" / "coffer.yaml"
        with contextlib.closing(s.ftp(login=False)) as alice, contextlib.closing(s.ftp(login=False)) as bob, ssh(s) as t:
            alice.login("alice", PASSWORD)
            bob.login("bob", PASSWORD)
            t.auth_password("alice", PASSWORD)
            sftp = paramiko.SFTPClient.from_transport(t)
            conf.write_text(conf.read_text().replace("- nobody", "- alice"))
            os.kill(s.pid, signal.SIGHUP)
            s.wait_for_log("reload: result=ok")
            if enforce == "now":
                eventually(lambda: len(s.sessions()["coffer-worker"]) == 1)
                with pytest.raises((EOFError, OSError, ftplib.Error)):
                    alice.pwd()
                assert "reason=\"in auth.deny-users\"" in s.log()
            else:
                assert alice.pwd() and sftp.listdir("/") is not None
            assert bob.pwd()
            assert not ftp_login(s, "alice", PASSWORD)


def test_explain_says_what_a_login_would_meet(tmp_path, keys):
    with ruled(tmp_path, keys, "rules: [{users: alice, networks: 192.0.2.0/24, factors: [password+totp], sessions: 3},"
               " {users: alice, protocols: sftp, allow: no}]") as s:
        def explain(*words):
            done = run(BUILD + "/cofferctl", "explain", "-c", str(tmp_path / "d" / "coffer.yaml"), "--user", "alice",
                       *words, ok=False)
            return done.returncode, done.text

        status, said = explain("--addr", "192.0.2.9", "--proto", "sftp")
        assert status == 0 and "allowed, with password+totp; 3 sessions" in said and "coffer.yaml:" in said, said
        status, said = explain("--addr", "127.0.0.1")
        assert status == 1 and "listener sftp from 127.0.0.1: refused: refused by auth.rules" in said, said
        assert "listener ftps from 127.0.0.1: allowed, with password; " in said, said
        assert "  cannot be brought over FTPS here: publickey\n" in said, said
        status, said = explain("--addr", "127.0.0.1", "--proto", "sftp", "--path", "/", "--op", "list")
        assert status == 1 and "list: allowed" in said, said
        run(BUILD + "/cofferctl", "user", "set", "-f", s.where + "/users", "alice", "--expires", "2020-01-01")
        assert "his account has expired" in explain("--proto", "ftps")[1]
        assert explain("--addr", "nowhere")[0] == 2
        assert explain("--addr", "192.0.2.0/24")[0] == 2, "nobody comes from a network: no rule would fit it"


@pytest.mark.parametrize("auth,warned,explained", [
    ("factors: [publickey]", ["nobody can log in at listener ftps: publickey cannot be brought over FTPS"],
     ["ftps: refused: only with publickey, which cannot be brought over FTPS", "sftp: allowed, with publickey;"]),
    ("factors: [certificate+totp, publickey+password]",
     ["nobody can log in at listener ftps: certificate+totp, or publickey+password cannot be brought over FTPS"],
     ["ftps: refused: only with certificate+totp, or publickey+password", "brought over SFTP here: certificate+totp"]),
    ("factors: [publickey], rules: [{protocols: ftps, factors: [password+totp]}]", [], ["ftps: allowed, with password+totp;"]),
    ("factors: [publickey], rules: [{listeners: ftps, allow: no}]", [], ["ftps: refused: refused by auth.rules"]),
    ("factors: [password], rules: [{users: alice, factors: [certificate]}]",
     ["nobody whom this rule is for can log in at listener " + name for name in ("ftps: certificate", "sftp: certificate")],
     ["ftps: refused: only with certificate", "sftp: refused: only with certificate"]),
    ("methods: [publickey], factors: [password]", ["nobody can log in at listener sftp: password cannot be brought over SFTP"],
     ["sftp: refused: only with password", "ftps: allowed, with password;"]),
])
def test_what_no_client_can_bring_to_a_listener_is_said_by_check_and_explain(tmp_path, keys, auth, warned, explained):
    with ruled(tmp_path, keys, auth):
        conf = str(tmp_path / "d" / "coffer.yaml")
        said = run(BUILD + "/cofferctl", "check", "-c", conf).text
        assert said.count("can log in at listener") == len(warned) and all(w in said for w in warned), said
        assert all("coffer.yaml:" in line for line in said.splitlines() if "at listener" in line), said
        done = run(BUILD + "/cofferctl", "explain", "-c", conf, "--user", "alice", ok=False)
        assert all(e in done.text for e in explained) and done.returncode == ("refused:" in done.text), done.text
