# SPDX-License-Identifier: ISC
"""Logins by TLS client certificate: alone, beside a password, and every way in which one is worth nothing."""

import contextlib
import ssl

import pytest

from conftest import run, serving
from rawftps import Raw, read
from test_ftps_certificates import make_pair

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
both = pytest.mark.parametrize("tls", VERSIONS)
KINDS = {"ec": ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), "rsa": ("rsa:2048",), "ed25519": ("ed25519",),
         "p384": ("ec", "-pkeyopt", "ec_paramgen_curve:secp384r1")}


class Authority:
    def __init__(self, where, name="ca"):
        self.where = where
        self.cert, self.key = make_pair(where, name, "DNS:" + name)
        self.database = where / (name + ".db")
        self.database.write_text("")
        self.conf = where / (name + ".cnf")
        self.conf.write_text("[ca]\ndefault_ca=x\n[x]\ndatabase=%s\ncertificate=%s\nprivate_key=%s\ndefault_md=sha256\n"
                             "default_crl_days=5\n" % (self.database, self.cert, self.key))

    def issue(self, name, cn="tester", san=None, kind="ec", usage="clientAuth"):
        """(certificate, key) of a client."""
        path = str(self.where / name)
        run("openssl", "req", "-newkey", *KINDS[kind], "-nodes", "-subj", "/CN=" + cn, "-keyout", path + ".key", "-out", path + ".csr")
        (self.where / "ext").write_text("extendedKeyUsage=%s\n" % usage + ("subjectAltName=%s\n" % san if san else ""))
        run("openssl", "x509", "-req", "-in", path + ".csr", "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", "30",
            "-extfile", str(self.where / "ext"), "-out", path + ".crt")
        return path + ".crt", path + ".key"

    def revoke(self, *certificates):
        """The file with the list."""
        for cert in certificates:
            run("openssl", "ca", "-config", str(self.conf), "-revoke", cert)
        run("openssl", "ca", "-config", str(self.conf), "-gencrl", "-out", str(self.where / "crl.pem"))
        return str(self.where / "crl.pem")


@pytest.fixture()
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture()
def started(tmp_path, authority):
    @contextlib.contextmanager
    def start(factors, more="", tls=""):
        extra = tmp_path / "extra.yaml"
        extra.write_text("tls: {client-ca: %s%s}\nauth: {factors: [%s], failure-delay: 100ms%s}\n" % (authority.cert, tls, factors, more))
        with serving("--config", str(extra)) as s:
            yield s
    return start


def connect(server, pair, tls="1.3"):
    context = server.tls(VERSIONS[tls])
    if pair:
        context.load_cert_chain(*pair)
    return Raw(server, context=context, login=False)


def goes_on(c):
    c.expect("PBSZ 0", "200")
    c.expect("PROT P", "200")
    assert c.put("by-certificate", b"content")[:3] == "226"
    assert c.get("RETR by-certificate")[1] == b"content"


@both
@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_alone_is_a_login_and_no_password_is_asked_for(started, authority, kind, tls):
    with started("certificate") as s, connect(s, authority.issue("anna", kind=kind), tls) as c:
        c.expect("USER tester", "232")
        goes_on(c)
        c.expect("PASS whatever", "503")
        assert " login: " in s.log() and "method=certificate" in s.log()
        assert "certificate: " in s.log() and "good=yes name=tester" in s.log()


@both
def test_certificate_and_password_together(started, authority, tls):
    with started("certificate+password") as s:
        with connect(s, authority.issue("anna"), tls) as c:
            c.expect("USER tester", "331")
            c.expect("PASS wrong", "530")
            c.expect("USER tester", "331")
            c.expect("PASS " + s.password, "230")
            goes_on(c)
        with connect(s, None, tls) as c:  # the right password and no certificate
            c.expect("USER tester", "331")
            c.expect("PASS " + s.password, "530")
        assert c.host and "nothing that FTPS can bring is enough for him" in s.log()


def test_where_a_certificate_means_nothing_the_password_is_enough(started, authority):
    with started("password") as s, connect(s, authority.issue("anna")) as c:
        c.expect("USER tester", "331")
        c.expect("PASS " + s.password, "230")


def test_a_certificate_or_a_password(started, authority):
    with started("certificate, password") as s:
        with connect(s, authority.issue("anna")) as c:
            c.expect("USER tester", "232")
        with connect(s, None) as c:
            c.expect("USER tester", "331")
            c.expect("PASS " + s.password, "230")
        # A certificate of somebody else does not stand in the way.
        with connect(s, authority.issue("bert", "bert")) as c:
            c.expect("USER tester", "331")
            c.expect("PASS " + s.password, "230")


@pytest.mark.parametrize("what", ["other-user", "other-authority", "self-signed", "server-only", "none"])
def test_a_certificate_that_is_not_his_is_nothing(started, authority, tmp_path, what):
    pair = {"other-user": lambda: authority.issue("bert", "bert"),
            "other-authority": lambda: Authority(tmp_path, "stranger").issue("anna"),
            "self-signed": lambda: make_pair(tmp_path, "tester"),
            "server-only": lambda: authority.issue("anna", usage="serverAuth"),
            "none": lambda: None}[what]()
    with started("certificate") as s, connect(s, pair) as c:
        c.expect("USER tester", "331")
        c.expect("PASS " + s.password, "530")
        assert (" login: " not in s.log()) and (what in ("none", "other-user") or "good=no reason=" in s.log()), s.log()


def test_names_and_fingerprints_say_whose_it_is(started, authority, tmp_path):
    by_mail = authority.issue("mail", "Anna Example", "email:tester,DNS:other")
    by_dns = authority.issue("dns", "Anna Example", "DNS:tester")
    by_print = authority.issue("print", "Anna Example")
    fingerprint = run("openssl", "x509", "-in", by_print[0], "-noout", "-fingerprint", "-sha256").text.split("=")[1].strip()
    (tmp_path / "prints").write_text("# comment\nbert:%s\ntester:%s\n" % ("00" * 32, fingerprint))
    with started("certificate", ", certificate-file: %s" % (tmp_path / "prints")) as s:
        for pair in (by_mail, by_dns, by_print):
            with connect(s, pair) as c:
                c.expect("USER tester", "232")
    with started("certificate", ", certificate-names: [email]") as s:
        with connect(s, by_mail) as c:
            c.expect("USER tester", "232")
        for pair in (by_dns, by_print, authority.issue("cn")):
            with connect(s, pair) as c:
                c.expect("USER tester", "331")


def test_a_revoked_certificate_is_nothing_and_the_list_is_read_again_when_it_changes(started, authority):
    good, bad = authority.issue("good"), authority.issue("bad")
    crl = authority.revoke(bad[0])
    with started("certificate", tls=", client-crl: %s, check-files: 1s" % crl) as s:
        with connect(s, bad) as c:
            c.expect("USER tester", "331")
        assert "revoked" in s.log()
        with connect(s, good) as c:
            c.expect("USER tester", "232")
        authority.revoke(good[0])
        s.wait_for_log("certificates: result=ok", 20)
        with connect(s, good) as c:
            c.expect("USER tester", "331")


def test_a_handshake_with_a_retry_proves_as_well(started, authority):
    cert, key = authority.issue("anna")
    with started("certificate") as s:
        done = run("openssl", "s_client", "-connect", "127.0.0.1:%d" % s.ftps_port, "-starttls", "ftp", "-tls1_3", "-groups", "X448:P-256",
                   "-cert", cert, "-key", key, "-msg", "-crlf", "-ign_eof", input=b"USER tester\nQUIT\n", ok=False, timeout=30)
        assert done.text.count("ClientHello") >= 2 and "232 Login" in done.text, done.text[-2000:]


def test_curl_and_lftp_log_in_by_certificate(started, authority, tmp_path):
    cert, key = authority.issue("anna")
    with started("certificate") as s:
        (tmp_path / "up").write_bytes(b"by curl" * 1000)
        run("curl", "-sS", "--ssl-reqd", "--cacert", s.ca, "--cert", cert, "--key", key, "-u", "tester:", "-T", str(tmp_path / "up"),
            "ftp://localhost:%d/file" % s.ftps_port)
        assert read(s.root, "file") == b"by curl" * 1000
        run("lftp", "-c", "set ssl:ca-file %s; set ssl:cert-file %s; set ssl:key-file %s; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; "
            "open -u tester,x -p %d localhost; get file -o %s" % (s.ca, cert, key, s.ftps_port, tmp_path / "down"), timeout=60)
        assert read(tmp_path, "down") == b"by curl" * 1000
