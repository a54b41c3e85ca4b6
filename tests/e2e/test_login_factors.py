# SPDX-License-Identifier: ISC
"""auth.factors, allow and deny rules, and refusals that all look alike. Ledger AU01, AU04, AU06, AU09.

The table is generated: every set of factors, and alternatives of them, each factor right, wrong or missing, over both
protocols. COFFER_TIMING in the environment is the number of attempts per kind in the timing test (12 without it).
"""

import base64
import concurrent.futures
import contextlib
import ftplib
import hmac
import itertools
import os
import struct
import threading
import time

import paramiko
import pytest
import yaml

from conftest import TOP, eventually, run, serving
from rawftps import Raw
from test_ftps_client_certificates import Authority

BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "release"))
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
PASSWORD = "Rk4-silver-heron"
FACTORS = ("publickey", "password", "totp")  # what SFTP can bring
LINE = ("certificate", "password", "totp")  # what FTPS can bring; the last two in one line
ALL = ("publickey", "password", "totp", "certificate")
# Every set that is one (a code alone is none), then alternatives.
POLICIES = [["+".join(one)] for n in range(1, 5) for one in itertools.combinations(ALL, n) if one != ("totp",)] + [
    ["password+totp", "publickey"], ["publickey+password", "password+totp"], ["certificate", "password+totp"],
    ["certificate+totp", "certificate+password"], ["publickey", "certificate+totp"], ["certificate+totp", "password"], ["publickey+totp", "password"],
]
# An OpenSSH certificate is a key whose signer is known, so it is right where the key is; the last is signed by a stranger.
KEYS = ("right", "certified", "wrong", "foreign", "missing")
VALUES = ("right", "wrong", "missing")


def code(offset=0):
    mac = hmac.new(base64.b32decode(SECRET), struct.pack(">Q", int(time.time()) // 30 + offset), "sha1").digest()
    at = mac[19] & 15
    return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7fffffff) % 1000000)


def wrong_code():
    good = {code(i) for i in range(-2, 3)}
    return next(c for c in ("%06d" % i for i in range(1000)) if c not in good)


class Keys:
    """right, wrong: plain keys; certified, foreign: keys with a certificate of the authority ca, and of another."""
    def __init__(self, where):
        for name in ("right", "wrong", "certified", "foreign", "ca", "stranger"):
            setattr(self, name, str(where / name))
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(where / name))
        for name, ca in (("certified", self.ca), ("foreign", self.stranger)):
            run("ssh-keygen", "-q", "-s", ca, "-I", name, "-n", "everybody", getattr(self, name) + ".pub")
        self.lines = str(where / "lines")
        with open(self.lines, "w", encoding="ascii") as f:
            for path, options in ((self.right, ""), (self.ca, 'cert-authority,principals="everybody" ')):
                with open(path + ".pub", encoding="ascii") as pub:
                    f.write(options + pub.read())

    def key(self, what):
        key = paramiko.Ed25519Key.from_private_key_file(getattr(self, what))
        if what in ("certified", "foreign"):
            key.load_certificate(getattr(self, what) + "-cert.pub")
        return key


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


def add_user(s, name, password=PASSWORD, secret=SECRET):
    run(os.path.join(BUILD, "cofferctl"), "user", "add", "-f", os.path.join(s.where, "users"), name, "--uid", "61001",
        "--gid", "61001", "--home", s.where, input=password.encode() + b"\n")
    if secret:
        path = os.path.join(s.where, "users.totp")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="ascii") as f:
            f.write("%s:%s\n" % (name, secret))


@contextlib.contextmanager
def policy(tmp_path, keys, factors, more=""):
    config = tmp_path / "factors.yaml"
    config.write_text("auth: {failure-delay: 100ms%s%s}\n" % (
        ", factors: [%s]" % ", ".join(factors) if factors else "", more))
    with serving("--config", str(config), "--dir", str(tmp_path / "d"), "--authorized-keys", keys.right + ".pub") as s:
        s.where = str(tmp_path / "d")
        yield s


@contextlib.contextmanager
def ssh(s):
    t = paramiko.Transport((s.host, s.sftp_port))
    try:
        t.start_client(timeout=20)
        yield t
    finally:
        t.close()


def ssh_login(s, keys, user, given):
    """Brings what is given, in the order of FACTORS, until it is enough."""
    passwords = {"right": PASSWORD, "wrong": "wrong", "missing": ""}

    def answer(title, instructions, prompts):
        return [passwords[given["password"]] if text.startswith("Password") else
                code() if given["totp"] == "right" else wrong_code() for text, _ in prompts]

    with ssh(s) as t:
        for factor, attempt in (
                ("publickey", lambda: t.auth_publickey(user, keys.key(given["publickey"]))),
                ("password", lambda: t.auth_password(user, passwords[given["password"]], fallback=False)),
                ("totp", lambda: t.auth_interactive(user, answer))):
            if given[factor] == "missing" or t.is_authenticated():
                continue
            with contextlib.suppress(paramiko.AuthenticationException):
                attempt()
        if t.is_authenticated():
            paramiko.SFTPClient.from_transport(t).listdir("/")
        return t.is_authenticated()


def ftp_login(s, user, password):
    with contextlib.closing(s.ftp(login=False)) as f:
        try:
            f.login(user, password)
            f.pwd()
        except ftplib.error_perm as e:
            assert str(e) == "530 Login incorrect."
            return False
        return True


def rows(policy, names):
    """Everything that a client could bring of these factors; those that the policy does not want are missing."""
    wanted = {f for one in policy for f in one.split("+")}
    values = [(KEYS if f == "publickey" else VALUES) if f in wanted else ("missing",) for f in names]
    return [dict(zip(names, some)) for some in itertools.product(*values)]


TABLE = {"sftp": [(p, given) for p in POLICIES for given in rows(p, FACTORS)],
         "ftps": [(p, given) for p in POLICIES for given in rows(["certificate+password+totp"], LINE)]}


def lets_in(protocol, policy, given):
    """The table. Over SFTP one factor after the other, in any order, and a wrong one does not undo a right one. Over FTPS the
    line must be exactly what is missing behind the certificate."""
    right = {f for f, value in given.items() if value in ("right", "certified")}
    sets = [set(one.split("+")) for one in policy]
    if protocol == "sftp":
        return any(one <= right for one in sets)
    by_name = right & {"certificate"}
    if any(one <= by_name for one in sets):
        return True
    line = {f for f in ("password", "totp") if given[f] != "missing"}
    return line <= right and any(one - by_name == line for one in sets)


def ftps_login(s, user, given):
    """Like ftp_login(), with a client certificate."""
    context = s.tls()
    if given["certificate"] != "missing":
        context.load_cert_chain(*s.certificates[given["certificate"]])
    line = {"right": PASSWORD, "wrong": "wrong", "missing": ""}[given["password"]]
    line += {"right": code, "wrong": wrong_code, "missing": str}[given["totp"]]()
    with Raw(s, context=context, login=False) as c:
        reply = c("USER " + user)
        if reply[:3] == "331":
            reply = c("PASS " + line)
        assert reply[:3] in ("230", "232") or reply == "530 Login incorrect.", reply
        return reply[:3] != "530" and c("PWD")[:3] == "257"


@pytest.fixture(scope="module")
def table(tmp_path_factory, keys):
    """One server for all policies: a rule for the users of each, a user for each row."""
    where = tmp_path_factory.mktemp("table")
    authority = Authority(where)
    certificates = {"right": authority.issue("anna", "anna"), "wrong": authority.issue("bert", "bert")}
    print_ = run("openssl", "x509", "-in", certificates["right"][0], "-noout", "-fingerprint", "-sha256").text.split("=")[1].strip()
    names = {protocol: ["%s%d" % (protocol, i) for i in range(len(some))] for protocol, some in TABLE.items()}
    users = names["sftp"] + names["ftps"]
    (where / "prints").write_text("".join("%s:%s\n" % (u, print_) for u in users))
    rules = [{"factors": policy, "users": [u for protocol, some in TABLE.items() for u, row in zip(names[protocol], some)
                                           if row[0] == policy]} for policy in POLICIES]
    (where / "extra.yaml").write_text(yaml.safe_dump({
        "tls": {"client-ca": authority.cert},
        "auth": {"failure-delay": "100ms", "certificate-file": str(where / "prints"), "rules": rules}}))
    (where / "d").mkdir()
    with serving("--config", str(where / "extra.yaml"), "--dir", str(where / "d"), "--authorized-keys", keys.lines) as s:
        # What is slow to weigh is for guessers; here everybody has the same quick hash.
        hashed = run("openssl", "passwd", "-6", "-salt", "rounds=1000$saltsalt", PASSWORD).text.strip()
        with open(where / "d" / "users", "a", encoding="ascii") as f:
            f.writelines("%s:%s:%d:%d::%s:\n" % (u, hashed, os.geteuid() or 61001, os.getegid() or 61001, where) for u in users)
        with open(os.open(where / "d" / "users.totp", os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as f:
            f.writelines("%s:%s\n" % (u, SECRET) for u in users)
        s.certificates, s.names = certificates, names
        yield s


@pytest.mark.parametrize("protocol", TABLE)
def test_every_set_of_factors_right_wrong_or_missing_says_what_the_table_says_au04(table, keys, protocol):
    def differs(user, row):
        policy, given = row
        got = ssh_login(table, keys, user, given) if protocol == "sftp" else ftps_login(table, user, given)
        return None if got == lets_in(protocol, policy, given) else (user, policy, given, got)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        wrong = [w for w in pool.map(differs, table.names[protocol], TABLE[protocol]) if w]
    assert not wrong, "%d: %s" % (len(wrong), wrong[:20])


def test_the_table_has_every_set_of_factors_and_both_verdicts_where_they_can_be():
    sets = {frozenset(one.split("+")) for policy in POLICIES if len(policy) == 1 for one in policy}
    assert len(sets) == 2 ** len(ALL) - 2
    for protocol, some in TABLE.items():
        for policy in POLICIES:
            verdicts = {lets_in(protocol, policy, given) for p, given in some if p == policy}
            can = any(set(one.split("+")) <= set(FACTORS if protocol == "sftp" else LINE) for one in policy)
            assert verdicts == ({True, False} if can else {False}), (protocol, policy)


def test_method_lists_name_what_is_missing_only_after_a_right_factor(tmp_path, keys):
    with policy(tmp_path, keys, ["publickey+password", "password+totp"]) as s:
        add_user(s, "alice")
        with ssh(s) as t:
            with pytest.raises(paramiko.BadAuthenticationType) as first:
                t.auth_none("alice")
            assert set(first.value.allowed_types) == {"publickey", "password", "keyboard-interactive"}
            assert set(t.auth_publickey("alice", keys.key("right"))) == {"password", "keyboard-interactive"}
            with pytest.raises(paramiko.AuthenticationException):
                t.auth_password("alice", "wrong", fallback=False)
            assert t.auth_password("alice", PASSWORD, fallback=False) == []
        with ssh(s) as t:
            assert set(t.auth_password("alice", PASSWORD, fallback=False)) == {"publickey", "keyboard-interactive"}


def test_factors_of_one_name_are_worth_nothing_for_another_au04(tmp_path, keys):
    with policy(tmp_path, keys, ["publickey+password"]) as s:
        add_user(s, "alice")
        add_user(s, "bob", "Another-one-9")
        with ssh(s) as t:
            assert t.auth_publickey("alice", keys.key("right"))
            assert t.auth_password("bob", "Another-one-9", fallback=False) == ["publickey"]
            assert not t.is_authenticated()
            assert t.auth_publickey("alice", keys.key("right")) != []
            assert not t.is_authenticated()
        eventually(lambda: not s.sessions())


def test_code_is_good_once_and_its_file_must_be_private(tmp_path, keys):
    with policy(tmp_path, keys, ["password+totp"]) as s:
        add_user(s, "alice")
        add_user(s, "bob", secret=None)
        used = code()
        assert ftp_login(s, "alice", PASSWORD + used)
        assert not ftp_login(s, "alice", PASSWORD + used)
        s.wait_for_log("used already")
        assert not ftp_login(s, "bob", PASSWORD + code())
        s.wait_for_log("no secret")
        os.chmod(os.path.join(s.where, "users.totp"), 0o644)
        assert not ftp_login(s, "alice", PASSWORD + code(1))
        s.wait_for_log("totp-file")
        os.chmod(os.path.join(s.where, "users.totp"), 0o600)
        assert ftp_login(s, "alice", PASSWORD + code(1))


def test_right_factors_again_and_again_are_bounded_au02(tmp_path, keys):
    with policy(tmp_path, keys, ["publickey+password"]) as s:
        with ssh(s) as t:
            n = 0
            with contextlib.suppress(paramiko.SSHException, EOFError):
                for n in range(100):
                    t.auth_publickey("nobody%d" % n if n % 2 else s.user, keys.key("right"))
            assert n < 20 and not t.is_authenticated()


def test_allow_and_deny_rules_decide_after_the_factors_au09(tmp_path, keys):
    with policy(tmp_path, keys, [], ", allow-users: [alice, bob], deny-users: [bob]") as s:
        for name in ("alice", "bob", "carol"):
            add_user(s, name)
        given = dict.fromkeys(FACTORS, "missing")
        for how in ("password", "publickey"):
            assert [ssh_login(s, keys, n, {**given, how: "right"}) for n in ("alice", "bob", "carol")] == [True, False,
                                                                                                       False]
        assert [ftp_login(s, n, PASSWORD) for n in ("alice", "bob", "carol")] == [True, False, False]
        s.wait_for_log("in auth.deny-users")
        s.wait_for_log("not in auth.allow-users")


# ---- who exists is nobody's business ----

def rank_z(a, b):
    """Mann-Whitney's U as a z value: beyond 3.3 either way, one in a thousand."""
    both = sorted([(v, 0) for v in a] + [(v, 1) for v in b])
    ranks = sum(i + 1 for i, (_, which) in enumerate(both) if which == 0)
    n, m = len(a), len(b)
    u = ranks - n * (n + 1) / 2
    return (u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5


def ssh_refusal(s, user, password):
    with ssh(s) as t:
        began = time.monotonic()
        try:
            t.auth_password(user, password, fallback=False)
        except paramiko.AuthenticationException as e:
            return time.monotonic() - began, str(e)
    return 0, "in"


def ftp_refusal(s, user, password):
    with contextlib.closing(s.ftp(login=False)) as f:
        f.auth()
        f.sendcmd("USER " + user)
        began = time.monotonic()
        try:
            f.sendcmd("PASS " + password)
        except ftplib.Error as e:
            return time.monotonic() - began, str(e)
    return 0, "in"


@pytest.mark.parametrize("refusal", [ftp_refusal, ssh_refusal])
def test_refusals_take_the_same_time_and_words_au01(tmp_path, refusal):
    count = int(os.environ.get("COFFER_TIMING", "12"))
    kinds = {"wrong password": ("alice", "wrong"), "unknown": ("nobody-here", "wrong"), "locked": ("locked", PASSWORD),
             "root": ("root", "wrong"), "denied": ("denied", PASSWORD), "impossible": ("../etc/passwd", "wrong")}
    config = tmp_path / "slow.yaml"
    config.write_text("auth: {failure-delay: 900ms, deny-users: [denied]}\n")
    with serving("--config", str(config), "--dir", str(tmp_path / "e")) as s:
        s.where = str(tmp_path / "e")
        for name in ("alice", "locked", "denied"):
            add_user(s, name)
        run(os.path.join(BUILD, "cofferctl"), "user", "lock", "-f", os.path.join(s.where, "users"), "locked")
        times, words, lock = {k: [] for k in kinds}, set(), threading.Lock()

        def attempt(kind):
            for _ in range(count // 4):
                took, text = refusal(s, *kinds[kind])
                with lock:
                    times[kind].append(took)
                    words.add(text)

        # Side by side, so that a busy moment of the machine hits all kinds alike.
        threads = [threading.Thread(target=attempt, args=(k,)) for k in kinds for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        assert len(words) == 1 and "in" not in words, words
        for kind, taken in times.items():
            assert min(taken) > 0.85, (kind, min(taken))
            z = rank_z(times["wrong password"], taken)
            assert abs(z) < 3.3, (kind, z, sorted(taken))
