# SPDX-License-Identifier: ISC
"""OpenSSH user certificates, and keys of security tokens (made in software: what is tested is the server)."""

import base64
import contextlib
import hashlib
import os
import subprocess
import time

import paramiko
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from conftest import IS_ROOT, SYSTEM_USER, comm, eventually, let_others_pass, run, serving
from test_sftp_ledger import s, u32

KINDS = {"ed25519": ("ed25519", None), "ecdsa256": ("ecdsa", "256"), "ecdsa384": ("ecdsa", "384"), "ecdsa521": ("ecdsa", "521"),
         "rsa": ("rsa", "3072")}


def keygen(path, kind):
    kind, bits = KINDS[kind]
    run("ssh-keygen", "-q", "-t", kind, *(("-b", bits) if bits else ()), "-N", "", "-C", "", "-f", str(path))
    return str(path)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """One key of each kind, two authorities."""
    where = tmp_path_factory.mktemp("keys")
    made = {kind: keygen(where / kind, kind) for kind in KINDS}
    made.update({"ca": keygen(where / "ca", "ed25519"), "other-ca": keygen(where / "other-ca", "ed25519"), "where": where})
    return made


@pytest.fixture(scope="module")
def served(tmp_path_factory, keys):
    where = tmp_path_factory.mktemp("served")
    os.chmod(where, 0o755)
    let_others_pass(where)  # keys are read as the user
    trusted = where / "trusted"
    trusted.write_text("# nobody yet\n")
    lines = where / "lines"
    lines.write_text("# nobody yet\n")
    extra = where / "extra.yaml"
    extra.write_text("auth: { failure-delay: 100ms }\nsftp: { trusted-user-ca-keys: [%s] }\n" % trusted)
    arguments = ["--authorized-keys", str(lines), "--config", str(extra)]
    if IS_ROOT:
        arguments += ["--mode", "root", "--user", SYSTEM_USER]
    with serving(*arguments) as server:
        server.trusted = trusted
        server.lines = os.path.join(os.path.dirname(server.ca), "authorized_keys")
        yield server


def public(path):
    with open(path + ".pub", encoding="ascii") as f:
        return " ".join(f.read().split()[:2])


@pytest.fixture(autouse=True)
def trust(request):
    """trust(lines, trusted): what authorized_keys and the administrator's file say in this test."""
    if "served" not in request.fixturenames:
        return None
    server = request.getfixturevalue("served")

    def write(lines="", trusted=""):
        for path, text in ((server.lines, lines), (server.trusted, trusted)):
            with open(path, "w", encoding="ascii") as f:
                f.write(text + "\n")
    write()
    return write


def certify(keys, kind="ed25519", ca="ca", principals="*", options=(), validity=None, host=False):
    """Signs the key; the path of the certificate."""
    path = keys[kind]
    if os.path.exists(path + "-cert.pub"):
        os.unlink(path + "-cert.pub")
    command = ["ssh-keygen", "-q", "-s", keys[ca], "-I", "who is it", "-z", "17"]
    command += ["-h"] if host else []
    command += ["-n", SERVED_USER if principals == "*" else principals] if principals else []
    command += ["-V", validity] if validity else []
    for option in options:
        command += ["-O", option]
    run(*command, path + ".pub")
    return path + "-cert.pub"


SERVED_USER = SYSTEM_USER if IS_ROOT else "tester"


def login(server, keys, kind="ed25519", cert=True, options=()):
    """Does the key, with its certificate or without, open a session?"""
    command = ["sftp", "-P", str(server.sftp_port), "-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o",
               "UserKnownHostsFile=" + server.known_hosts, "-i", keys[kind], *options]
    if cert:
        command += ["-o", "CertificateFile=%s-cert.pub" % keys[kind]]
    done = subprocess.run([*command, "-b", "-", "%s@127.0.0.1" % server.user], input=b"pwd\n", capture_output=True, timeout=60)
    return done.returncode == 0


def authority(keys, ca="ca", options="cert-authority"):
    return "%s %s" % (options, public(keys[ca]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_of_each_kind_opens_a_session(served, keys, trust, kind):
    trust(authority(keys))
    certify(keys, kind)
    assert login(served, keys, kind)
    served.wait_for_log('certificate: ')
    assert 'id="who is it" serial=17' in served.log()


@pytest.mark.parametrize("algorithm", ["rsa-sha2-256", "rsa-sha2-512"])
def test_rsa_certificates_sign_by_sha2(served, keys, trust, algorithm):
    trust(authority(keys))
    certify(keys, "rsa")
    options = ["-o", "PubkeyAcceptedAlgorithms=%s-cert-v01@openssh.com,%s" % (algorithm, algorithm)]
    assert login(served, keys, "rsa", options=options)


@pytest.mark.parametrize("kind", KINDS)
def test_authorities_of_each_kind_are_verified(served, keys, trust, kind):
    signed = dict(keys, ca=keys[kind])
    other = "ecdsa256" if kind == "ed25519" else "ed25519"
    trust(authority(signed))
    certify(signed, other)
    assert login(served, keys, other)


def test_the_administrators_authorities(served, keys, trust):
    certify(keys)
    trust(trusted=public(keys["ca"]))
    assert login(served, keys)
    trust(trusted=public(keys["other-ca"]))
    assert not login(served, keys)
    if IS_ROOT:  # somebody else could have written it
        trust(trusted=public(keys["ca"]))
        os.chmod(served.trusted, 0o666)
        assert not login(served, keys)
        os.chmod(served.trusted, 0o644)


REFUSED = {
    "expired": (dict(validity="20200101:20210101"), "expired"),
    "not valid yet": (dict(validity="20900101:20910101"), "not valid yet"),
    "another principal": (dict(principals="somebody,else"), "principals"),
    "no principal": (dict(principals=None), "principals"),
    "a host's": (dict(host=True), "not a certificate of a user"),
    "a forced command": (dict(options=["force-command=/bin/true"]), "forces a command"),
    "another address": (dict(options=["source-address=192.0.2.0/24"]), "source-address"),
    "an unknown critical option": (dict(options=["critical:shape@example.org=round"]), "unknown here"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_certificate_says_is_kept(served, keys, trust, case):
    how, reason = REFUSED[case]
    trust(authority(keys), public(keys["ca"]))
    key = private(keys["ed25519"])
    # By our own hand: OpenSSH's client does not send every one of them.
    assert not opens(served, Key("ssh-ed25519-cert-v01@openssh.com", cert_blob(certify(keys, **how)), lambda d: s("ssh-ed25519") + s(key.sign(d))))
    served.wait_for_log("certificate-refused")
    assert reason in served.log().split("certificate-refused")[-1]
    certify(keys)  # and it is that which was refused
    assert login(served, keys)


def test_options_that_hold(served, keys, trust):
    trust(authority(keys))
    certify(keys, options=["source-address=192.0.2.0/24,127.0.0.0/8", "clear", "permit-pty"], validity="-1h:+1h")
    assert login(served, keys)


def test_an_authority_lets_in_whom_its_line_says(served, keys, trust):
    certify(keys, principals="backup")
    trust(authority(keys))
    assert not login(served, keys)
    trust(authority(keys, options='cert-authority,principals="ops,backup"'))
    assert login(served, keys)
    trust(authority(keys, options='cert-authority,principals="ops"'))
    assert not login(served, keys)
    trust(authority(keys, options='cert-authority,principals="backup",from="192.0.2.1"'))
    assert not login(served, keys)
    trust(authority(keys, options='cert-authority,principals="backup",command="id"'))
    assert not login(served, keys)


def test_keys_and_authorities_are_no_substitute_for_each_other(served, keys, trust):
    certify(keys)
    trust(public(keys["ca"]))  # its key may log in, but it certifies nothing
    assert not login(served, keys)
    assert login(served, keys, "ca", cert=False)
    trust(authority(keys))  # and the other way round
    assert not login(served, keys, "ca", cert=False)
    trust(trusted=public(keys["ca"]))
    assert not login(served, keys, "ca", cert=False)
    trust(authority(keys, "other-ca"))
    assert not login(served, keys)


# ---- certificates and keys that no client would send ----

class Key(paramiko.PKey):
    """A key that says and signs what a test wants."""

    def __init__(self, name, blob, sign):
        self.name, self.blob, self.sign = name, blob, sign
        self.public_blob = None

    def get_name(self):
        return self.name

    def asbytes(self):
        return self.blob

    def can_sign(self):
        return True

    def sign_ssh_data(self, data, algorithm=None):
        m = paramiko.Message()
        m.add_bytes(self.sign(data))
        return m


def opens(server, key):
    t = paramiko.Transport((server.host, server.sftp_port))
    try:
        t.start_client(timeout=20)
        t.auth_publickey(server.user, key)
        return t.is_authenticated()
    except paramiko.SSHException:
        return False
    finally:
        t.close()


def private(path):
    with open(path, "rb") as f:
        return serialization.load_ssh_private_key(f.read(), None)


def cert_blob(path):
    with open(path, encoding="ascii") as f:
        return base64.b64decode(f.read().split()[1])


def test_no_bit_of_a_certificate_may_change(served, keys, trust):
    trust(authority(keys))
    blob = cert_blob(certify(keys))
    key = private(keys["ed25519"])
    name = "ssh-ed25519-cert-v01@openssh.com"

    def sign(data):
        return s("ssh-ed25519") + s(key.sign(data))

    assert opens(served, Key(name, blob, sign))
    for at in range(4 + len(name), len(blob), 13):
        changed = bytearray(blob)
        changed[at] ^= 1
        assert not opens(served, Key(name, bytes(changed), sign)), at
    for cut in (1, 10, 60, 100, 200):
        assert not opens(served, Key(name, blob[:-cut], sign))
    assert not opens(served, Key(name, blob + b"x", sign))
    # Another key's signature, and none of the certified key.
    thief = ed25519.Ed25519PrivateKey.generate()
    assert not opens(served, Key(name, blob, lambda data: s("ssh-ed25519") + s(thief.sign(data))))
    assert not served.log().count("sandbox-violation") and "crash" not in served.log()


SK_APPLICATION = b"ssh:"


def sk_wrap(sign, flags, data):
    """What a token signs, and how its signature travels (PROTOCOL.u2f)."""
    head = bytes([flags]) + u32(7)
    return sign(hashlib.sha256(SK_APPLICATION).digest() + head + hashlib.sha256(data).digest()), head


def sk_ed25519(flags=1):
    key = ed25519.Ed25519PrivateKey.generate()
    point = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    name = "sk-ssh-ed25519@openssh.com"

    def sign(data):
        signature, head = sk_wrap(key.sign, flags, data)
        return s(name) + s(signature) + head
    return Key(name, s(name) + s(point) + s(SK_APPLICATION), sign)


def mpint(n):
    b = n.to_bytes((n.bit_length() + 8) // 8, "big")
    return s(b)


def sk_ecdsa(flags=1):
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    name = "sk-ecdsa-sha2-nistp256@openssh.com"

    def sign(data):
        der, head = sk_wrap(lambda d: key.sign(d, ec.ECDSA(hashes.SHA256())), flags, data)
        r, v = decode_dss_signature(der)
        return s(name) + s(mpint(r) + mpint(v)) + head
    return Key(name, s(name) + s("nistp256") + s(point) + s(SK_APPLICATION), sign)


@pytest.mark.parametrize("make", [sk_ed25519, sk_ecdsa])
def test_keys_of_security_tokens_log_in_when_they_were_touched(served, trust, make):
    key = make()
    trust("%s %s" % (key.name, base64.b64encode(key.blob).decode()))
    assert opens(served, key)
    untouched = make(flags=0)
    trust("%s %s" % (untouched.name, base64.b64encode(untouched.blob).decode()))
    assert not opens(served, untouched)
    stranger = make()
    assert not opens(served, Key(key.name, key.blob, stranger.sign))


def test_certificates_of_security_tokens_log_in(served, keys, trust):
    key = sk_ed25519()
    path = str(keys["where"] / "sk")
    with open(path + ".pub", "w", encoding="ascii") as f:
        f.write("%s %s\n" % (key.name, base64.b64encode(key.blob).decode()))
    trust(authority(keys))
    blob = cert_blob(certify(dict(keys, sk=path), "sk"))
    assert opens(served, Key("sk-ssh-ed25519-cert-v01@openssh.com", blob, key.sign))


def test_times_are_those_of_the_clock(served, keys, trust):
    trust(authority(keys))
    certify(keys, validity="-1m:+3s")
    assert login(served, keys)
    until = time.time() + 4
    while time.time() < until:  # the certificate's own end, which is an event of the clock
        time.sleep(0.1)
    assert not login(served, keys)


@pytest.mark.skipif(not IS_ROOT, reason="needs root: a directory of the administrator's, and another user")
def test_the_administrators_directory_of_keys(tmp_path_factory, keys):
    """authorized-keys: DIR/%u, which only root can write: the user's own file does not count then."""
    where = tmp_path_factory.mktemp("directory")
    let_others_pass(where)
    os.mkdir(where / "keys")
    extra = where / "extra.yaml"
    extra.write_text("auth: { failure-delay: 100ms }\nsftp: { authorized-keys: [%s/keys/%%u] }\n" % where)
    with serving("--mode", "root", "--user", SYSTEM_USER, "--config", str(extra)) as server:
        assert not login(server, keys, cert=False)
        mine = where / "keys" / SYSTEM_USER
        mine.write_text(public(keys["ed25519"]) + "\n")
        assert login(server, keys, cert=False)
        assert not login(server, keys, "rsa", cert=False)
        os.chmod(mine, 0o666)
        assert not login(server, keys, cert=False)
        os.chmod(mine, 0o644)
        os.chmod(where / "keys", 0o777)
        assert not login(server, keys, cert=False)
        server.wait_for_log("others may write to")
        os.chmod(where / "keys", 0o755)
        (where / "keys" / "somebody").write_text(public(keys["rsa"]) + "\n")
        assert not login(server, keys, "rsa", cert=False)
        assert login(server, keys, cert=False)


@pytest.fixture(scope="module")
def commanded(tmp_path_factory, keys):
    """A server whose keys come from a program; server.say(shell) is what the program does."""
    where = tmp_path_factory.mktemp("command")
    let_others_pass(where)
    os.mkdir(where / "out")
    os.chmod(where / "out", 0o777)
    extra = where / "extra.yaml"
    extra.write_text("auth: { failure-delay: 100ms }\nsftp: { authorized-keys: [%s/none/%%u], authorized-keys-command: %s/program }\n" %
                     (where, where))
    arguments = ["--mode", "root", "--user", SYSTEM_USER] if IS_ROOT else []

    def say(text, mode=0o755):
        (where / "program").write_text("#!/bin/sh\n%s\n" % text)
        os.chmod(where / "program", mode)

    say("exit 1")
    with serving("--config", str(extra), *arguments) as server:
        server.say, server.out = say, where / "out"
        yield server


def test_keys_of_a_command(commanded, keys):
    commanded.say("echo '%s'" % public(keys["ed25519"]))
    assert login(commanded, keys, cert=False)
    assert not login(commanded, keys, "rsa", cert=False)
    commanded.say("echo '# a comment'; echo '%s'" % authority(keys))
    certify(keys)
    assert login(commanded, keys)


def test_the_command_gets_a_name_and_nothing_else_and_is_not_root(commanded, keys):
    out = commanded.out / "seen"
    commanded.say("{ id -u; echo \"$#:$*\"; env | sort; readlink /proc/$$/fd/* ; } > %s; cat >> %s; echo '%s'" % (out, out, public(keys["ed25519"])))
    assert login(commanded, keys, cert=False)
    lines = out.read_text().splitlines()
    assert lines[0] == ("65534" if IS_ROOT else str(os.geteuid())) and lines[1] == "1:" + commanded.user
    environment = {line.split("=")[0] for line in lines if "=" in line}
    assert "PATH" in environment and environment <= {"PATH", "PWD", "_", "SHLVL", "OLDPWD"}
    assert not [line for line in lines if line.startswith(("socket:", "anon_inode:"))]


def test_the_command_is_asked_for_unknown_names_too_so_that_its_time_tells_nothing(commanded, keys):
    out = commanded.out / "asked"
    commanded.say("echo \"$1\" >> %s; echo '%s'" % (out, public(keys["ed25519"])))
    with contextlib.closing(paramiko.Transport((commanded.host, commanded.sftp_port))) as t:
        t.start_client(timeout=20)
        with pytest.raises(paramiko.AuthenticationException):
            t.auth_publickey("no-such-user", paramiko.Ed25519Key.from_private_key_file(str(keys["ed25519"])))
    assert "no-such-user" in out.read_text().split()


def test_a_command_that_closes_its_output_and_stays_is_ended(commanded, keys):
    commanded.say("echo '%s'; echo $$ > %s/stays; exec sleep 1000 > /dev/null" % (public(keys["ed25519"]), commanded.out))
    assert not login(commanded, keys, cert=False)
    stays = int((commanded.out / "stays").read_text())
    eventually(lambda: comm(stays) != "sleep", 20, "its end")


@pytest.mark.parametrize("what", ["echo '%s'; exit 1", "kill -9 $$", "yes '%s' | head -c 2000000", "printf '\\000'; echo '%s'"])
def test_a_command_that_fails_lets_nobody_in(commanded, keys, what):
    commanded.say(what % public(keys["ed25519"]) if "%s" in what else what)
    assert not login(commanded, keys, cert=False)
    commanded.wait_for_log("key-command: ")


def test_a_command_that_others_could_write_is_not_run(commanded, keys):
    commanded.say("touch %s/ran; echo '%s'" % (commanded.out, public(keys["ed25519"])), mode=0o777)
    assert not login(commanded, keys, cert=False)
    assert not os.path.exists(commanded.out / "ran")
    commanded.wait_for_log("others may write to it")


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(commanded, keys):
    commanded.say("sleep 1000 & echo $! > %s/sleeper; echo '%s'; wait" % (commanded.out, public(keys["ed25519"])))
    assert not login(commanded, keys, cert=False)
    commanded.wait_for_log('problem="it takes too long"', 30)
    sleeper = int((commanded.out / "sleeper").read_text())
    eventually(lambda: comm(sleeper) != "sleep", 20, "the end of what the command started")
