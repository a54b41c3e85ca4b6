# SPDX-License-Identifier: ISC
"""Certificates that change while the server runs (LC07, LC08 of the ledger)."""

import hashlib
import os
import shutil
import signal
import ssl

import pytest

from conftest import run, serving
from rawftps import Raw, read, until


def make_pair(where, name):
    cert, key = str(where / (name + ".crt")), str(where / (name + ".key"))
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
        "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert)
    os.chmod(key, 0o600)
    return cert, key


def shown(server):
    """The subject of the certificate that a new session sees."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with Raw(server, login=False, context=context) as c:
        der = c.sock.getpeercert(binary_form=True)
    done = run("openssl", "x509", "-inform", "DER", "-noout", "-subject", input=der)
    return done.text.strip().split("CN = ")[1]


def reload(server, result):
    before = server.log().count("reload: ")
    os.kill(server.pid, signal.SIGHUP)
    until(lambda: any("result=" in line for line in server.log().split("reload: ")[before + 1:]), 15)
    last = [line for line in server.log().splitlines() if " reload: " in line][-1]
    assert "result=" + result in last, server.log()[-2000:]


@pytest.fixture()
def own(tmp_path):
    with serving("--dir", str(tmp_path / "server")) as s:
        yield s


def test_LC07_new_sessions_see_the_new_certificate_and_old_transfers_go_on(own, tmp_path):
    content = os.urandom(8 << 20)
    with open(own.path("down"), "wb") as f:
        f.write(content)
    assert shown(own) == "localhost"
    with Raw(own) as up, Raw(own) as down:
        data = up.begin("STOR up")
        data.sendall(content[:1 << 20])
        got = down.begin("RETR down")
        sum_down, received = hashlib.sha256(), 0
        for i in range(3):
            cert, key = make_pair(tmp_path, "changed%d" % i)
            shutil.copyfile(cert, own.ca)
            shutil.copyfile(key, os.path.join(os.path.dirname(own.ca), "tls.key"))
            reload(own, "ok")
            assert shown(own) == "changed%d" % i
            part = got.recv(65536)
            sum_down.update(part)
            received += len(part)
            data.sendall(content[(i + 1) << 20:(i + 2) << 20])
        data.sendall(content[4 << 20:])
        data.unwrap()
        data.close()
        up.expect(None, "226")
        while part := got.recv(65536):
            sum_down.update(part)
            received += len(part)
        got.close()
        down.expect(None, "226")
        assert received == len(content) and sum_down.digest() == hashlib.sha256(content).digest()
        assert read(own.root, "up") == content
        # The old sessions go on with what they have: new data connections resume their old session.
        assert up.put("later", b"later")[:3] == "226"


def spoil(kind, where, tmp_path):
    """Makes the pair wrong, and says what the log must name."""
    cert, key = os.path.join(where, "tls.crt"), os.path.join(where, "tls.key")
    if kind == "other-key":
        shutil.copyfile(make_pair(tmp_path, "other")[1], key)
    elif kind == "empty":
        with open(cert, "w", encoding="ascii"):
            pass
    elif kind == "missing":
        os.unlink(cert)
    elif kind == "no-certificate":
        shutil.copyfile(key, cert)
    elif kind == "open-key":
        os.chmod(key, 0o644)
    return key if kind in ("open-key",) else cert


KINDS = ["other-key", "empty", "missing", "no-certificate", "open-key"]


@pytest.mark.parametrize("kind", KINDS)
def test_LC08_a_wrong_pair_leaves_the_old_one_and_says_why(own, tmp_path, kind):
    named = spoil(kind, os.path.dirname(own.ca), tmp_path)
    before = len(own.log())
    reload(own, "failed")
    said = own.log()[before:]
    assert os.path.basename(named) in said or "tls.key" in said, said
    assert " error " in said
    assert shown(own) == "localhost"


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "open-key"])  # tests/serve mends its mode
def test_LC08_a_wrong_pair_at_the_start_is_no_start(tmp_path, kind):
    where = tmp_path / "server"
    where.mkdir()
    cert, key = make_pair(tmp_path, "first")
    shutil.copyfile(cert, where / "tls.crt")
    shutil.copyfile(key, where / "tls.key")
    os.chmod(where / "tls.key", 0o600)
    # tests/serve makes a pair when there is none: "missing" is a name in the configuration.
    extra = tmp_path / "extra.yaml"
    extra.write_text("{}\n")
    if kind == "missing":
        extra.write_text("tls: {certificates: [{certificate: %s/none.crt, key: %s/tls.key}]}\n" % (where, where))
    else:
        spoil(kind, str(where), tmp_path)
    with pytest.raises(RuntimeError) as why, serving("--dir", str(where), "--config", str(extra)):
        pass
    assert "did not start" in str(why.value)
    assert ".crt" in str(why.value) or ".key" in str(why.value), str(why.value)
