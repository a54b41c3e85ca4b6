# SPDX-License-Identifier: ISC
"""Logins message by message, as no client of ours sends them (RFC 4252)."""

import contextlib
import queue

import paramiko
import pytest

from conftest import run, serving
from test_sftp_ledger import s

ACCEPT, FAILURE, SUCCESS, PK_OK = 6, 51, 52, 60


class Login:
    """A connection behind the key exchange: what the server says of a login comes to us, and not to paramiko."""

    def __init__(self, server):
        self.user, self.replies = server.user, queue.Queue()
        self._handler_table = {kind: lambda *args, kind=kind: self.replies.put((kind, args[-1]))
                               for kind in (ACCEPT, FAILURE, SUCCESS, PK_OK)}
        self.transport = paramiko.Transport((server.host, server.sftp_port))
        self.transport.start_client(timeout=20)
        self.transport.auth_handler = self
        assert self.ask(bytes([5]) + s("ssh-userauth"))[0] == ACCEPT

    def ask(self, payload):
        m = paramiko.Message()
        m.add_bytes(payload)
        self.transport._send_message(m)
        return self.replies.get(timeout=20)

    def request(self, method, rest=b""):
        return self.ask(bytes([50]) + s(self.user) + s("ssh-connection") + s(method) + rest)

    def question(self, algorithm, blob):
        return self.request("publickey", b"\0" + s(algorithm) + s(blob))[0]

    def abort(self):
        pass

    def is_authenticated(self):
        return False

    def close(self):
        self.transport.auth_handler = None
        self.transport.close()


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """An Ed25519 and an RSA key: both may log in."""
    here = tmp_path_factory.mktemp("keys")
    blobs = {}
    with open(here / "both", "w", encoding="ascii") as both:
        for kind, options in (("ed25519", ()), ("rsa", ("-b", "2048"))):
            run("ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-C", "", "-f", str(here / kind))
            with open(str(here / kind) + ".pub", encoding="ascii") as f:
                both.write(f.read())
            blobs[kind] = (paramiko.Ed25519Key if kind == "ed25519" else paramiko.RSAKey)(filename=str(here / kind)).asbytes()
    with serving("--authorized-keys", str(here / "both")) as server:
        yield server, blobs


@pytest.fixture
def login(keys):
    with contextlib.closing(Login(keys[0])) as c:
        yield c


@pytest.mark.parametrize("kind, algorithm, answer", [
    ("ed25519", "ssh-ed25519", PK_OK), ("rsa", "rsa-sha2-256", PK_OK), ("rsa", "rsa-sha2-512", PK_OK),
    ("rsa", "ssh-rsa", FAILURE), ("ed25519", "rsa-sha2-256", FAILURE), ("rsa", "ssh-ed25519", FAILURE),
    ("ed25519", "ssh-ed25519-cert-v01@openssh.com", FAILURE), ("ed25519", "unknown", FAILURE), ("ed25519", "", FAILURE)])
def test_a_key_is_fine_for_the_algorithms_that_it_signs_by_and_no_other(keys, login, kind, algorithm, answer):
    """RFC 4252, section 7: PK_OK is a promise for this algorithm."""
    assert login.question(algorithm, keys[1][kind]) == answer
    assert login.question("ssh-ed25519", keys[1]["ed25519"]) == PK_OK  # a refusal spoils nothing


def test_many_questions_at_once_are_each_about_their_own_key(keys, login):
    for _ in range(6):
        for algorithm, kind in (("ssh-ed25519", "ed25519"), ("ssh-rsa", "rsa"), ("rsa-sha2-512", "rsa")):
            m = paramiko.Message()
            m.add_bytes(bytes([50]) + s(login.user) + s("ssh-connection") + s("publickey") + b"\0" + s(algorithm) + s(keys[1][kind]))
            login.transport._send_message(m)
    assert [login.replies.get(timeout=20)[0] for _ in range(18)].count(PK_OK) == 12


def test_every_refusal_names_the_same_methods(login):
    """Also of GSSAPI, which libssh refuses by itself, and which nobody asked before."""
    told = [login.request(method, rest)[1].get_text() for method, rest in
            (("gssapi-with-mic", (1).to_bytes(4, "big") + s(b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")), ("none", b""),
             ("hostbased", s("ssh-rsa") + s("") + s("h") + s("u") + s("")), ("unknown", b"rest"))]
    assert len(set(told)) == 1 and "keyboard-interactive" in told[0], told
