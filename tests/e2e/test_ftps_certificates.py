# SPDX-License-Identifier: ISC
"""Certificates that change while the server runs (LC07, LC08 of the ledger), and several at one time."""

import datetime
import hashlib
import os
import re
import shutil
import signal
import ssl

import pytest

from conftest import run, serving
from rawftps import Raw, read, until


def make_pair(where, name, names="DNS:localhost,IP:127.0.0.1", days=60, kind="ec"):
    cert, key = str(where / (name + ".crt")), str(where / (name + ".key"))
    new = {"ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), "rsa": ("-newkey", "rsa:2048")}[kind]
    run("openssl", "req", "-x509", *new, "-nodes", "-days", str(days),
        "-subj", "/CN=" + name, "-addext", "subjectAltName=" + names, "-keyout", key, "-out", cert)
    os.chmod(key, 0o600)
    return cert, key


def make_expired(where, name):
    """As make_pair; the openssl program makes none."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    cert, key = make_pair(where, name)
    private = serialization.load_pem_private_key(read(key), None)
    good = x509.load_pem_x509_certificate(read(cert))
    now = datetime.datetime.utcnow()
    old = x509.CertificateBuilder(good.issuer, good.subject, good.public_key(), 2, now - datetime.timedelta(90),
                                  now - datetime.timedelta(hours=1), list(good.extensions)).sign(private, hashes.SHA256())
    with open(cert, "wb") as f:
        f.write(old.public_bytes(serialization.Encoding.PEM))
    return cert, key


def make_chain(where, name):
    """A root, an intermediate and a leaf that says where its issuer could be fetched. (leaf, key, intermediate)"""
    root, root_key = make_pair(where, name + "-root", "DNS:root")
    made = {}
    for who, ext, ca in (("middle", "basicConstraints=critical,CA:TRUE\n", (root, root_key)),
                         ("leaf", "subjectAltName=DNS:localhost\nauthorityInfoAccess=caIssuers;URI:http://ca.invalid/\n", None)):
        path = str(where / (name + "-" + who))
        ca = ca or (made["middle"] + ".crt", made["middle"] + ".key")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=%s-%s" % (name, who),
            "-keyout", path + ".key", "-out", path + ".csr")
        (where / "ext").write_text(ext)
        run("openssl", "x509", "-req", "-in", path + ".csr", "-CA", ca[0], "-CAkey", ca[1], "-CAcreateserial", "-days", "60",
            "-extfile", str(where / "ext"), "-out", path + ".crt")
        made[who] = path
    return made["leaf"] + ".crt", made["leaf"] + ".key", made["middle"] + ".crt"


def shown(server, sni="localhost", host=None, ciphers=None):
    """The subject of the certificate that a new session sees."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    with Raw(server, tls=False, context=context) as c:
        if host:
            c.expect("HOST " + host, "220")
        c.expect("AUTH TLS", "234")
        c.sock = context.wrap_socket(c.raw, server_hostname=sni)
        der = c.sock.getpeercert(binary_form=True)
    done = run("openssl", "x509", "-inform", "DER", "-noout", "-subject", input=der)
    return re.search("CN ?= ?(.*)", done.text.strip()).group(1)  # OpenSSL 3.5 writes no spaces


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


# ---- files that change by themselves ----

@pytest.fixture()
def watching(tmp_path):
    extra = tmp_path / "extra.yaml"
    extra.write_text("tls: {check-files: 1s}\n")
    with serving("--dir", str(tmp_path / "server"), "--config", str(extra)) as s:
        yield s


def put(server, cert, key):
    """As certbot does: one file after the other."""
    shutil.copyfile(cert, server.ca)
    shutil.copyfile(key, os.path.join(os.path.dirname(server.ca), "tls.key"))


def test_renewed_certificates_are_used_without_anybody_asking_for_it(watching, tmp_path):
    with Raw(watching) as c:
        put(watching, *make_pair(tmp_path, "renewed"))
        watching.wait_for_log("certificates: result=ok", 20)
        assert shown(watching) == "renewed"
        assert c.put("old-session", b"goes on")[:3] == "226"
    assert " reload: " not in watching.log()


@pytest.mark.parametrize("kind", ["other-key", "empty", "expired", "lost-name", "no-chain", "wrong-chain"])
def test_wrong_certificates_that_appear_change_nothing_and_the_log_says_why(watching, tmp_path, kind):
    leaf, leaf_key, middle = make_chain(tmp_path, "chain") if kind.endswith("chain") else (None, None, None)
    if kind in ("other-key", "empty"):
        spoil(kind, os.path.dirname(watching.ca), tmp_path)
        why = {"other-key": "do not belong together", "empty": "not in PEM format"}[kind]
    elif kind == "expired":
        put(watching, *make_expired(tmp_path, "expired"))
        why = "has expired"
    elif kind == "lost-name":
        put(watching, *make_pair(tmp_path, "elsewhere", "DNS:elsewhere.example"))
        why = "no certificate has the name localhost any more"
    elif kind == "no-chain":
        put(watching, leaf, leaf_key)
        why = "fullchain.pem"
    else:
        both = tmp_path / "both"
        both.write_bytes(read(leaf) + read(make_pair(tmp_path, "stranger")[0]) + read(middle))
        put(watching, str(both), leaf_key)
        why = "the chain is broken"
    watching.wait_for_log("certificates: result=failed", 20)
    assert why in watching.log(), watching.log()[-2000:]
    assert shown(watching) == "localhost"


def test_a_whole_chain_is_taken_and_shown(watching, tmp_path):
    leaf, key, middle = make_chain(tmp_path, "good")
    both = tmp_path / "both"
    both.write_bytes(read(leaf) + read(middle))
    put(watching, str(both), key)
    watching.wait_for_log("certificates: result=ok", 20)
    done = run("openssl", "s_client", "-connect", "127.0.0.1:%d" % watching.ftps_port, "-starttls", "ftp", "-showcerts", input=b"QUIT\r\n", ok=False)
    assert re.search("CN ?= ?good-leaf", done.text) and done.text.count("BEGIN CERTIFICATE") == 2


def test_certificates_that_expire_within_30_days_are_named_in_the_log(tmp_path):
    where = tmp_path / "server"
    where.mkdir()
    shutil.copyfile(make_pair(tmp_path, "short", days=20)[0], where / "tls.crt")
    shutil.copyfile(tmp_path / "short.key", where / "tls.key")
    os.chmod(where / "tls.key", 0o600)
    with serving("--dir", str(where)) as s:
        s.wait_for_log("certificate-expires: file=")
        assert "days=19" in s.log() or "days=20" in s.log()


# ---- several names ----

@pytest.fixture()
def named(tmp_path):
    pairs = [make_pair(tmp_path, "first"), make_pair(tmp_path, "first-rsa", kind="rsa"),
             make_pair(tmp_path, "second", "DNS:second.example,DNS:*.second.example"),
             make_pair(tmp_path, "second-rsa", "DNS:second.example", kind="rsa")]
    extra = tmp_path / "extra.yaml"
    text = "tls:\n  unknown-names: %s\n  certificates:\n" + "".join("  - {certificate: %s, key: %s}\n" % p for p in pairs)
    extra.write_text(text % "default")

    def start(unknown):
        extra.write_text(text % unknown)
        return serving("--config", str(extra))

    yield start


def test_the_name_that_a_client_asks_for_chooses_the_certificate(named):
    with named("default") as s:
        s.ca = None  # no name to check against: subjects tell
        for sni, subject in (("localhost", "first"), ("second.example", "second"), ("a.second.example", "second"),
                             ("unknown.example", "first"), (None, "first")):
            assert shown(s, sni) == subject, sni
        assert shown(s, "localhost", ciphers="ECDHE-RSA-AES128-GCM-SHA256") == "first-rsa"
        assert shown(s, "second.example", ciphers="ECDHE-RSA-AES128-GCM-SHA256") == "second-rsa"
        # HOST in front of AUTH chooses for those who have no SNI, and SNI is newer than HOST.
        assert shown(s, None, host="second.example") == "second"
        assert shown(s, "localhost", host="second.example") == "first"


def test_unknown_names_are_refused_where_that_is_wanted(named):
    with named("refuse") as s:
        assert shown(s, "second.example") == "second" and shown(s, None) == "first"
        with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
            shown(s, "unknown.example")
        with Raw(s, tls=False, context=ssl.create_default_context()) as c:
            c.expect("HOST unknown.example", "504")
            c.expect("HOST second.example", "220")
            c.expect("HOST [127.0.0.1]", "220")


def test_sessions_that_chose_a_name_transfer_as_all_do(named):
    with named("default") as s:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with Raw(s, tls=False, context=context) as c:
            c.expect("AUTH TLS", "234")
            c.sock = context.wrap_socket(c.raw, server_hostname="second.example")
            for line, code in (("USER " + s.user, "331"), ("PASS " + s.password, "230"), ("PBSZ 0", "200"), ("PROT P", "200")):
                c.expect(line, code)
            data = c.data()
            c.expect("STOR file", "150")
            data = context.wrap_socket(data, server_hostname="second.example", session=c.sock.session)
            data.sendall(b"bound")
            data.unwrap()
            c.expect(None, "226")
