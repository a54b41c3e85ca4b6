# SPDX-License-Identifier: ISC
"""PAM's whole conversation, over both protocols, with a module that misbehaves and with real ones.

Ledger AU02, AU03, AU08, AU09, AU10. The module is tests/pam/pam_coffer_test.c.
"""

import base64
import contextlib
import ftplib
import hmac
import os
import struct
import time

import paramiko
import pytest

from conftest import (IS_ROOT, SYSTEM_GROUPS, SYSTEM_PASSWORD, SYSTEM_UID, SYSTEM_USER, TOP, etc_kept, eventually,
                      let_others_pass, needs_root, run, serving, status)
from test_login_factors import ssh

pytestmark = needs_root
BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "release"))
MODULE = os.path.join(BUILD, "pam_coffer_test.so")
TYPES = ("auth", "account", "session", "password")


@pytest.fixture(scope="module", autouse=True)
def module():
    if IS_ROOT:
        run("make", "-s", "-C", TOP, "BUILD=" + BUILD, MODULE)


@pytest.fixture(autouse=True)
def etc():
    with etc_kept("passwd", "shadow", "group", "security/group.conf", "pam.d/coffer-test"):
        yield


def stack(name, lines):
    with open("/etc/pam.d/" + name, "w", encoding="ascii") as f:
        f.write("".join(line + "\n" for line in lines))


@contextlib.contextmanager
def pam_serving(tmp_path, lines, extra="", auth=""):
    """A server whose PAM service has these lines; refusals are quick, so that the tests are."""
    stack("coffer-test", lines)
    config = tmp_path / "extra.yaml"
    config.write_text("auth: {failure-delay: 100ms%s}\n" % auth + extra)
    with serving("--mode", "root", "--user", SYSTEM_USER, "--password", SYSTEM_PASSWORD, "--pam", "coffer-test",
                 "--config", str(config)) as s:
        yield s


@contextlib.contextmanager
def odd(tmp_path, mode, extra="", more="", auth=""):
    calls = tmp_path / "calls"
    lines = ["%s required %s mode=%s count=%s %s" % (t, MODULE, mode, calls, more) for t in TYPES]
    with pam_serving(tmp_path, lines, extra, auth) as s:
        s.calls = lambda: calls.read_text().splitlines() if calls.exists() else []
        yield s


def ftp_login(s, password, user=SYSTEM_USER):
    """None when it worked, or the reply."""
    with contextlib.closing(s.ftp(login=False)) as f:
        try:
            f.login(user, password)
        except ftplib.Error as e:
            return str(e)
        except EOFError:
            return "closed"
    return None


def talk(s, answers, user=SYSTEM_USER):
    """Logs in by keyboard-interactive; answers: one list per round that has prompts. Returns what was shown."""
    shown, rounds = [], list(answers)

    def handler(title, instructions, prompts):
        shown.append((instructions, [(p, bool(e)) for p, e in prompts]))
        return rounds.pop(0) if prompts else []

    with ssh(s) as t:
        t.auth_interactive(user, handler)
        assert t.is_authenticated()
        paramiko.SFTPClient.from_transport(t).listdir("/")
    return shown


def test_environment_and_order_of_calls_au08(tmp_path):
    with odd(tmp_path, "plain") as s:
        assert ftp_login(s, "first") is None
        eventually(lambda: s.calls() and s.calls()[-1].startswith("setcred") and len(s.calls()) == 6)
        assert [c.split()[0] for c in s.calls()] == ["auth", "account", "setcred", "open", "close", "setcred"]
        assert "user=%s rhost=127.0.0.1 tty=ftps ruser= service=coffer-test" % SYSTEM_USER in s.calls()[0]
        assert talk(s, [["first"]]) == [("", [("Password: ", False)])]
        assert "tty=sftp" in s.calls()[6]


@pytest.mark.parametrize("mode,answers,shown", [
    ("two", [["first", "second"]], [("", [("First: ", False), ("Second: ", False)])]),
    ("rounds", [["first"], ["second"]], [("", [("First: ", False)]), ("", [("Second: ", False)])]),
    ("echo", [["first"]], [("", [("Colour: ", True)])]),
    ("words", [["first"]], [("Welcome to the test\nMind the gap", [("Password: ", False)])]),
    ("32", [["first"] * 32], [("", [("Again: ", False)] * 32)]),
    ("long", [["first"]], [("", [("L" * 3000, False)])]),
])
def test_conversation_is_relayed_whole_au08(tmp_path, mode, answers, shown):
    with odd(tmp_path, mode) as s:
        assert talk(s, answers) == shown
        with pytest.raises(paramiko.AuthenticationException):
            talk(s, [["wrong"] * len(a) for a in answers])


@pytest.mark.parametrize("mode", ["33", "toolong"])
def test_conversation_beyond_the_bounds_is_refused_au08(tmp_path, mode):
    with odd(tmp_path, mode) as s:
        with pytest.raises(paramiko.AuthenticationException):
            talk(s, [])
        if mode == "33":  # the text of a prompt is not shown over FTP, so its length does not matter
            assert ftp_login(s, "first") == "530 Login incorrect."


@pytest.mark.parametrize("mode", ["two", "rounds", "echo"])
def test_ftps_answers_one_prompt_without_echo_and_no_other_au08(tmp_path, mode):
    with odd(tmp_path, mode) as s:
        assert ftp_login(s, "first") == "530 Login incorrect."
        assert "PAM asked for more than a password" in s.log()


def test_ftps_password_with_words_around_it_works_au08(tmp_path):
    with odd(tmp_path, "words") as s:
        assert ftp_login(s, "first") is None


def test_hanging_module_is_ended_by_the_login_deadline_au08(tmp_path):
    with odd(tmp_path, "hang", "limits: {login-time: 3s}\n") as s:
        began = time.monotonic()
        reply = ftp_login(s, "first")
        assert reply and reply[:3] in ("421", "530", "clo"), reply
        assert time.monotonic() - began < 8
        with ssh(s) as t, pytest.raises(Exception):
            t.auth_password(SYSTEM_USER, "first")
        eventually(lambda: not s.sessions(), 20, "the end of the hanging monitors")


@pytest.mark.parametrize("mode", ["hang-open", "hang-close"])
def test_module_that_hangs_in_a_session_keeps_no_place_au08(tmp_path, mode):
    """What a monitor claimed is free again, though its PAM never comes back."""
    with odd(tmp_path, mode, "limits: {login-time: 2s, sessions-per-user: 1}\n") as s:
        reply = ftp_login(s, "first")
        assert (reply is None) == (mode == "hang-close"), reply
        eventually(lambda: not s.sessions(), 30, "the end of the hanging monitor")
        assert "login-deadline: " in s.log() if mode == "hang-open" else "session-deadline: " in s.log()
        assert ftp_login(s, "wrong") == "530 Login incorrect."  # and not that he has too many sessions


def test_module_may_change_the_user_but_not_to_root_au08(tmp_path):
    with odd(tmp_path, "rename", more="to=" + SYSTEM_USER) as s:
        with contextlib.closing(s.ftp(login=False)) as f:
            f.login("somebody", "first")
            worker = s.sessions()["coffer-worker"][0]
            assert status(worker)["Uid"].split() == [str(SYSTEM_UID)] * 4
    for to in ("root", "../etc", "nobody-here"):
        with odd(tmp_path, "rename", more="to=" + to) as s:
            assert ftp_login(s, "first") == "530 Login incorrect."
            assert not s.sessions().get("coffer-worker")


def test_expired_password_is_changed_over_interactive_only_au09(tmp_path):
    with odd(tmp_path, "expired") as s:
        assert "has expired" in ftp_login(s, "first")
        assert ftp_login(s, "wrong") == "530 Login incorrect."
        with ssh(s) as t, pytest.raises(paramiko.AuthenticationException):
            t.auth_password(SYSTEM_USER, "first", fallback=False)
        assert not any(c.startswith("chauthtok") for c in s.calls())
        assert talk(s, [["first"], ["newer", "newer"]])[1] == (
            "Your password is too old", [("New password: ", False), ("Once more: ", False)])
        with pytest.raises(paramiko.AuthenticationException):
            talk(s, [["first"], ["newer", "other"]])


@pytest.mark.parametrize("auth", [", deny-users: [%s]" % SYSTEM_USER, ", rules: [{ networks: 127.0.0.0/8, allow: no }]"], ids=["denied", "from here"])
def test_who_may_not_come_changes_no_expired_password_and_does_not_hear_of_it(tmp_path, auth):
    with odd(tmp_path, "expired", auth=auth) as s:
        assert ftp_login(s, "first") == ftp_login(s, "wrong") == "530 Login incorrect."
        with pytest.raises(paramiko.AuthenticationException):
            talk(s, [["first"], ["newer", "newer"]])
        assert not any(c.startswith("chauthtok") for c in s.calls())


def test_account_that_pam_refuses_gets_the_common_words_au09(tmp_path):
    with odd(tmp_path, "locked") as s:
        assert ftp_login(s, "first") == ftp_login(s, "wrong") == "530 Login incorrect."


def test_pam_is_asked_at_most_tries_times_in_a_connection_au02(tmp_path):
    with odd(tmp_path, "plain") as s:
        replies = []
        with contextlib.closing(s.ftp(login=False)) as f:
            f.auth()
            for _ in range(50):
                try:
                    f.sendcmd("USER " + SYSTEM_USER)
                    f.sendcmd("PASS wrong")
                except ftplib.Error as e:
                    replies.append(str(e)[:3])
                except (EOFError, OSError):
                    break
        assert replies[:4] == ["530"] * 4 and len(replies) <= 5
        assert len([c for c in s.calls() if c.startswith("auth")]) == 4
        with ssh(s) as t:
            for i in range(50):
                try:
                    if i % 2:
                        t.auth_interactive(SYSTEM_USER, lambda *a: ["wrong"] * len(a[2]))
                    else:
                        t.auth_password(SYSTEM_USER, "wrong", fallback=False)
                except paramiko.AuthenticationException:
                    if not t.is_active():
                        break
                except (paramiko.SSHException, EOFError):
                    break
            assert i < 6
        eventually(lambda: not s.sessions())
        assert len([c for c in s.calls() if c.startswith("auth")]) == 8


@pytest.mark.parametrize("password", ["x" * 1025, "x" * 60000])
def test_impossible_password_never_reaches_pam_au03(tmp_path, password):
    with odd(tmp_path, "plain") as s:
        with ssh(s) as t, pytest.raises(Exception):
            t.auth_password(SYSTEM_USER, password, fallback=False)
        if len(password) < 3000:
            assert ftp_login(s, password) == "530 Login incorrect."
        assert not s.calls()


@pytest.mark.parametrize("password", ["first\0", "first\0tail", "\0first", "\0"])
def test_a_password_with_a_zero_byte_never_reaches_pam_au03(tmp_path, password):
    """libssh cuts it there; the front part is the right password, and must not be taken for the whole."""
    with odd(tmp_path, "plain") as s:
        with ssh(s) as t:
            with pytest.raises(paramiko.AuthenticationException):
                t.auth_password(SYSTEM_USER, password, fallback=False)
            assert not t.is_authenticated() and not s.calls()
        with ssh(s) as t:
            with pytest.raises(paramiko.AuthenticationException):
                t.auth_password(SYSTEM_USER + "\0x", "first", fallback=False)
            assert not s.calls()
            t.auth_password(SYSTEM_USER, "first", fallback=False)  # and after all that the right one
            assert t.is_authenticated()
        with ssh(s) as t, pytest.raises((paramiko.SSHException, EOFError)):
            t.auth_interactive(SYSTEM_USER, lambda *a: [password] * len(a[2]))
        assert not t.is_authenticated()


# ---- stacks of real modules ----

def both_work(s):
    return [ftp_login(s, SYSTEM_PASSWORD) is None, bool(talk(s, [[SYSTEM_PASSWORD]]))]


def have(module):
    return any(os.path.exists(os.path.join(d, module))
               for d in ("/lib/x86_64-linux-gnu/security", "/usr/lib/x86_64-linux-gnu/security",
                         "/lib/security", "/lib/aarch64-linux-gnu/security"))


def test_pam_access_decides_by_address(tmp_path):
    if not have("pam_access.so"):
        pytest.skip("pam_access is not installed")
    rules = tmp_path / "access"
    lines = ["auth required pam_unix.so", "account required pam_access.so accessfile=%s" % rules,
             "account required pam_unix.so", "session required pam_permit.so"]
    with pam_serving(tmp_path, lines) as s:
        rules.write_text("+:%s:127.0.0.1\n-:ALL:ALL\n" % SYSTEM_USER)
        assert both_work(s) == [True, True]
        rules.write_text("-:%s:127.0.0.1\n+:ALL:ALL\n" % SYSTEM_USER)
        assert ftp_login(s, SYSTEM_PASSWORD) == "530 Login incorrect."
        with pytest.raises(paramiko.AuthenticationException):
            talk(s, [[SYSTEM_PASSWORD]])


def test_pam_faillock_locks_and_unlocks(tmp_path):
    if not have("pam_faillock.so"):
        pytest.skip("pam_faillock is not installed")
    where = tmp_path / "tally"
    where.mkdir()
    faillock = "pam_faillock.so %%s deny=2 unlock_time=600 dir=%s" % where
    lines = ["auth required " + faillock % "preauth", "auth sufficient pam_unix.so",
             "auth [default=die] " + faillock % "authfail", "account required " + faillock % "",
             "account required pam_unix.so", "session required pam_permit.so"]
    with pam_serving(tmp_path, lines) as s:
        assert both_work(s) == [True, True]
        assert ftp_login(s, "wrong") and ftp_login(s, "wrong")
        assert ftp_login(s, SYSTEM_PASSWORD) == "530 Login incorrect."
        with pytest.raises(paramiko.AuthenticationException):
            talk(s, [[SYSTEM_PASSWORD]])
        (where / SYSTEM_USER).unlink()
        assert both_work(s) == [True, True]


def limits_of_worker(s, name):
    worker = eventually(lambda: s.sessions().get("coffer-worker"))[0]
    with open("/proc/%d/limits" % worker, encoding="ascii") as f:
        return next(line for line in f if line.startswith(name)).split()[3:5]


def test_pam_limits_reach_the_worker(tmp_path):
    limits = tmp_path / "limits"
    limits.write_text("%s hard fsize 16\n%s hard core 0\n" % (SYSTEM_USER, SYSTEM_USER))
    lines = ["auth required pam_unix.so", "account required pam_unix.so",
             "session required pam_limits.so conf=%s" % limits]
    with pam_serving(tmp_path, lines) as s:
        with contextlib.closing(s.ftp()) as f:
            assert limits_of_worker(s, "Max file size") == ["16384", "16384"]
            small = tmp_path / "small"
            small.write_bytes(b"s" * 10000)
            with open(small, "rb") as data:
                f.storbinary("STOR small", data)
        assert os.path.getsize(s.path("small")) == 10000
        eventually(lambda: not s.sessions())
        with ssh(s) as t:
            t.auth_password(SYSTEM_USER, SYSTEM_PASSWORD)
            paramiko.SFTPClient.from_transport(t).listdir("/")
            assert limits_of_worker(s, "Max file size") == ["16384", "16384"]


def test_pam_mkhomedir_makes_a_home(tmp_path):
    if not have("pam_mkhomedir.so"):
        pytest.skip("pam_mkhomedir is not installed")
    let_others_pass(tmp_path)
    home = str(tmp_path / "home")
    run("sed", "-i", r"s|^\(%s:.*\):[^:]*:/bin/sh$|\1:%s:/bin/sh|" % (SYSTEM_USER, home), "/etc/passwd")
    lines = ["auth required pam_unix.so", "account required pam_unix.so",
             "session required pam_mkhomedir.so umask=0077"]
    with pam_serving(tmp_path, lines, 'shares: {root: {path: "%h"}}\n') as s:
        assert both_work(s) == [True, True]
    st = os.stat(home)
    assert (st.st_uid, st.st_mode & 0o777) == (SYSTEM_UID, 0o700)


def test_groups_of_pam_group_reach_the_worker_au10(tmp_path):
    if not have("pam_group.so"):
        pytest.skip("pam_group is not installed")
    with open("/etc/group", "a", encoding="ascii") as f:
        f.write("cofferextra:x:61099:\n")
    with open("/etc/security/group.conf", "a", encoding="ascii") as f:
        f.write("\ncoffer-test;*;%s;Al0000-2400;cofferextra\n" % SYSTEM_USER)
    lines = ["auth required pam_unix.so", "auth optional pam_group.so", "account required pam_unix.so",
             "session required pam_permit.so"]
    with pam_serving(tmp_path, lines) as s:
        with contextlib.closing(s.ftp()):
            st = status(s.sessions()["coffer-worker"][0])
            assert set(map(int, st["Groups"].split())) == {SYSTEM_UID, 61099, *SYSTEM_GROUPS.values()}
        eventually(lambda: not s.sessions())
        with ssh(s) as t:
            t.auth_password(SYSTEM_USER, SYSTEM_PASSWORD)
            paramiko.SFTPClient.from_transport(t).listdir("/")
            st = status(eventually(lambda: s.sessions().get("coffer-worker"))[0])
            assert 61099 in set(map(int, st["Groups"].split()))


def test_expired_shadow_password_is_changed_in_earnest_au09(tmp_path):
    """pam_unix: the last change was in 1970, so a new password is due."""
    run("sed", "-i", r"s|^\(%s:[^:]*\):[0-9]*:|\1:0:|" % SYSTEM_USER, "/etc/shadow")
    lines = ["auth required pam_unix.so", "account required pam_unix.so", "session required pam_permit.so",
             "password required pam_unix.so yescrypt"]
    with pam_serving(tmp_path, lines) as s:
        assert "has expired" in ftp_login(s, SYSTEM_PASSWORD)
        new = "Qn3-violet-badger"
        talk(s, [[SYSTEM_PASSWORD], [SYSTEM_PASSWORD], [new], [new]])
        assert ftp_login(s, SYSTEM_PASSWORD) == "530 Login incorrect."
        assert ftp_login(s, new) is None


# ---- second factors of the system ----

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def code(offset=0):
    """RFC 6238, six digits, for the time step that is offset from now."""
    mac = hmac.new(base64.b32decode(SECRET), struct.pack(">Q", int(time.time()) // 30 + offset), "sha1").digest()
    at = mac[19] & 15
    return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7fffffff) % 1000000)


def test_pam_oath_is_a_second_round_over_sftp_and_alone_enough_over_ftps_au08(tmp_path):
    if not have("pam_oath.so"):
        pytest.skip("SKIP pam_oath is not installed (libpam-oath)")
    users = tmp_path / "oath"

    def fresh():  # a code is good once: the module writes that down
        users.write_text("HOTP/T30/6 %s - %s\n" % (SYSTEM_USER, base64.b32decode(SECRET).hex()))
        users.chmod(0o600)

    rest = ["account required pam_unix.so", "session required pam_permit.so"]
    oath = "auth required pam_oath.so usersfile=%s window=5" % users
    fresh()
    with pam_serving(tmp_path, ["auth required pam_unix.so", oath, *rest]) as s:
        shown = talk(s, [[SYSTEM_PASSWORD], [code()]])
        assert len(shown) == 2 and "OATH" in shown[1][1][0][0]
        with pytest.raises(paramiko.AuthenticationException):
            talk(s, [[SYSTEM_PASSWORD], [code()]])  # used
        fresh()
        assert ftp_login(s, SYSTEM_PASSWORD) == "530 Login incorrect."
        s.wait_for_log("PAM asked for more than a password")
    fresh()
    with pam_serving(tmp_path, [oath, *rest]) as s:
        assert ftp_login(s, "000000") == "530 Login incorrect."
        assert ftp_login(s, code()) is None


def test_pam_google_authenticator_takes_password_and_code_in_one_answer_au08(tmp_path):
    if not have("pam_google_authenticator.so"):
        pytest.skip("SKIP pam_google_authenticator is not installed (libpam-google-authenticator)")
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n\" WINDOW_SIZE 5\n\" TOTP_AUTH\n")
    secret.chmod(0o400)
    os.chmod(tmp_path, 0o700)
    lines = ["auth required pam_google_authenticator.so secret=%s user=root forward_pass" % secret,
             "auth required pam_unix.so use_first_pass", "account required pam_unix.so",
             "session required pam_permit.so"]
    with pam_serving(tmp_path, lines) as s:
        assert ftp_login(s, SYSTEM_PASSWORD + code()) is None
        assert ftp_login(s, SYSTEM_PASSWORD) == "530 Login incorrect."
        assert ftp_login(s, SYSTEM_PASSWORD + "000000") == "530 Login incorrect."
        assert talk(s, [[SYSTEM_PASSWORD + code()]])
        with pytest.raises(paramiko.AuthenticationException):
            talk(s, [["wrong" + code()]])
