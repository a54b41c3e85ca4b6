# SPDX-License-Identifier: ISC
"""Several nodes as one, over a real Redis: bans, penalties, one-time codes and sessions. Ledger AU07, AU11."""

import contextlib
import os
import socket
import subprocess

import pytest

from conftest import SYSTEM_USER, TOP, comm, descendants, eventually, needs_root, run, serving, status
from test_login_factors import BUILD, PASSWORD, add_user, code, ftp_login

REDIS = os.path.join(TOP, "tests", "unpacked", "redis-tools", "usr", "bin", "redis-check-rdb")
SECRET = "a-secret-of-the-test"

pytestmark = pytest.mark.skipif(not os.path.exists(REDIS), reason="SKIP Redis is not there (packaging/dev/unpacked)")


class Redis:
    """The program is one; what it does hangs on the name by which it is called."""

    def __init__(self, where):
        self.where, self.process = where, None
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                         "--dir", str(self.where), "--requirepass", SECRET], executable=REDIS,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0)

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture()
def redis(tmp_path):
    r = Redis(tmp_path)
    try:
        yield r
    finally:
        r.stop()


@contextlib.contextmanager
def node(tmp_path, redis, name, more=""):
    password = tmp_path / "password"
    password.write_text(SECRET + "\n")
    password.chmod(0o600)
    config = tmp_path / (name + ".yaml")
    config.write_text("auth: {failure-delay: 100ms, factors: [password, password+totp]}\n"
                      "cluster: {redis: '127.0.0.1:%d', password-file: %s}\n%s" % (redis.port, password, more))
    with serving("--config", str(config), "--dir", str(tmp_path / name)) as s:
        s.where = str(tmp_path / name)
        s.wait_for_log("result=joined")
        yield s


def ctl(s, *words):
    return run(os.path.join(BUILD, "cofferctl"), words[0], "-c", os.path.join(s.where, "coffer.yaml"), *words[1:],
               ok=False).text


def greeting(s, source):
    with socket.create_connection((s.host, s.ftps_port), 10, (source, 0)) as sock:
        return sock.makefile("rb").readline()[:3]


PENALTIES = "penalties: {enabled: yes}\n"


def test_ban_on_one_node_holds_on_all_and_on_those_that_come_later_au07(tmp_path, redis):
    with node(tmp_path, redis, "a") as a, node(tmp_path, redis, "b") as b:
        assert "banned" in ctl(a, "ban", "127.0.0.7", "forever")
        assert "banned" in ctl(a, "ban", "127.0.9.0/24", "10m")
        eventually(lambda: greeting(b, "127.0.0.7") == b"421" and greeting(b, "127.0.9.3") == b"421")
        assert greeting(b, "127.0.0.8") == b"220"
        with node(tmp_path, redis, "c") as c:
            eventually(lambda: greeting(c, "127.0.0.7") == b"421" and greeting(c, "127.0.9.3") == b"421")
            assert "for good" in ctl(c, "bans")
            ctl(c, "unban", "127.0.0.7")
            eventually(lambda: greeting(a, "127.0.0.7") == b"220" and greeting(b, "127.0.0.7") == b"220")


def test_guesses_on_two_nodes_count_together_au07(tmp_path, redis):
    with node(tmp_path, redis, "a", PENALTIES) as a, node(tmp_path, redis, "b", PENALTIES) as b:
        for s in (a, b, a):
            assert not ftp_login(s, "alice", "wrong")
        eventually(lambda: greeting(b, "127.0.0.1") == b"421")
        assert greeting(b, "127.0.0.2") == b"220"


def test_sessions_of_all_nodes_count_for_a_user_au11(tmp_path, redis):
    limit = "limits: {sessions-per-user: 2}\n"
    with node(tmp_path, redis, "a", limit) as a, node(tmp_path, redis, "b", limit) as b:
        for s in (a, b):
            add_user(s, "alice", secret=None)
        with contextlib.closing(a.ftp(login=False)) as f, contextlib.closing(a.ftp(login=False)) as g:
            f.login("alice", PASSWORD)
            g.login("alice", PASSWORD)
            eventually(lambda: not ftp_login(b, "alice", PASSWORD))
            b.wait_for_log("limits.sessions-per-user")
            with node(tmp_path, redis, "c", limit) as c:  # learns of sessions that were there before it
                add_user(c, "alice", secret=None)
                eventually(lambda: not ftp_login(c, "alice", PASSWORD))
        eventually(lambda: ftp_login(b, "alice", PASSWORD))


def test_one_time_code_is_good_on_one_node_only(tmp_path, redis):
    with node(tmp_path, redis, "a") as a, node(tmp_path, redis, "b") as b:
        for s in (a, b):
            add_user(s, "alice")
            config = os.path.join(s.where, "coffer.yaml")
            text = open(config).read().replace("- password\n", "", 1)
            open(config, "w").write(text)
            run(os.path.join(BUILD, "cofferctl"), "reload", "-c", config)
            s.wait_for_log("reload: result=ok")
            eventually(lambda s=s: s.log().count("result=joined") == 2)
        used = code()
        assert ftp_login(a, "alice", PASSWORD + used)
        ctl(a, "ban", "127.0.0.77", "1h")  # told behind the code, in order
        eventually(lambda: greeting(b, "127.0.0.77") == b"421")
        assert not ftp_login(b, "alice", PASSWORD + used)
        b.wait_for_log("used already")


def test_nodes_go_on_alone_without_redis_and_find_together_again(tmp_path, redis):
    limit = "limits: {sessions-per-user: 1}\n"
    with node(tmp_path, redis, "a", limit) as a, node(tmp_path, redis, "b", limit) as b:
        for s in (a, b):
            add_user(s, "alice", secret=None)
        redis.stop()
        for s in (a, b):
            s.wait_for_log("result=unreachable")
        with contextlib.closing(a.ftp(login=False)) as f:
            f.login("alice", PASSWORD)
            assert not ftp_login(a, "alice", PASSWORD)
            assert ftp_login(b, "alice", PASSWORD), "alone, a node counts for itself"
            redis.start()
            for s in (a, b):
                eventually(lambda s=s: s.log().count("result=joined") == 2, 20)
            eventually(lambda: not ftp_login(b, "alice", PASSWORD))


def test_renewed_and_reloaded_node_is_still_the_same_one(tmp_path, redis):
    limit = "limits: {sessions-per-user: 2}\n"
    with node(tmp_path, redis, "a", limit) as a, node(tmp_path, redis, "b", limit) as b:
        for s in (a, b):
            add_user(s, "alice", secret=None)
        with contextlib.closing(a.ftp(login=False)) as f:
            f.login("alice", PASSWORD)
            ctl(a, "upgrade")
            eventually(lambda: a.log().count("result=joined") == 2, 20)
            ctl(a, "reload")
            eventually(lambda: a.log().count("result=joined") == 3, 20)
            # One session of a and one of b are two; a that counted twice would leave no room.
            for _ in range(3):
                assert ftp_login(b, "alice", PASSWORD), b.log()[-2000:]


def test_what_a_stranger_publishes_harms_nobody(tmp_path, redis):
    with node(tmp_path, redis, "a") as a:
        cli = os.path.join(os.path.dirname(REDIS), "redis-cli")
        for junk in (b"", b"\x01", b"\x01" * 11, b"\x02" + b"x" * 40, b"\x01" + b"n" * 8 + b"\x09\x00", b"\x01" * 5000,
                     b"\x01" + b"n" * 8 + b"\x09\x04" + b"y" * 100):
            run(cli, "-p", str(redis.port), "--no-auth-warning", "-a", SECRET, "-x", "publish", "coffer:events",
                input=junk)
        run(cli, "-p", str(redis.port), "--no-auth-warning", "-a", SECRET, "set", "coffer:ban:nonsense", "1")
        assert ftp_login(a, a.user, a.password)
        assert a.log().count("result=joined") == 1 and "crash" not in a.log()


@needs_root
def test_process_that_speaks_to_redis_owns_nothing(tmp_path, redis):
    config = tmp_path / "root.yaml"
    config.write_text("cluster: {redis: '127.0.0.1:%d', user: '65503'}\n" % redis.port)
    with serving("--mode", "root", "--user", SYSTEM_USER, "--config", str(config)) as s:
        s.wait_for_log("NOAUTH")  # it needs the password, which this node does not have
        pid = next(p for p in descendants(s.pid) if comm(p) == "coffer-cluster")
        what = status(pid)
        assert what["Uid"].split() == ["65503"] * 4 and what["Groups"] == ""
        assert int(what["CapPrm"], 16) == int(what["CapBnd"], 16) == 0
        assert what["NoNewPrivs"] == "1" and what["Seccomp"] == "2"
        assert os.listdir("/proc/%d/root" % pid) == []
        os.kill(pid, 9)
        s.wait_for_log("process=cluster signal=9")
        assert s.ftp().pwd() == "/"
