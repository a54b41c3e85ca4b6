# SPDX-License-Identifier: ISC
"""FTPS clients with ways of their own; protocols/ftp/README.md lists what was met in them."""

import ftplib
import io
import json
import os
import shutil
import ssl
import subprocess
import types

import pytest

from conftest import TOP, run, serving, sha256
from rawftps import Raw, read
from test_clients import curl, lftp, make_tree, sums

MODULES = os.path.join(TOP, "tests", "node_modules")
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
GNUTLS = {v: "set ssl:priority NORMAL:-VERS-ALL:+VERS-TLS%s; " % v for v in VERSIONS}
both = pytest.mark.parametrize("tls", VERSIONS)


@pytest.fixture(scope="module")
def lenient(tmp_path_factory):
    extra = tmp_path_factory.mktemp("conf") / "extra.yaml"
    extra.write_text("listeners: {ftps: {data-binding: preferred}}\n")
    with serving("--config", str(extra)) as s:
        yield s


def plain_ftplib(server, tls):
    """ftplib as it comes: it does not resume the session of the control connection."""
    f = ftplib.FTP_TLS(context=server.tls(VERSIONS[tls]), timeout=20)
    f.connect("localhost", server.ftps_port)
    f.login(server.user, server.password)
    f.prot_p()
    return f


@both
def test_ftplib_without_session_reuse_is_told_what_to_do(server, tls):
    with plain_ftplib(server, tls) as f:
        with pytest.raises((ftplib.error_perm, OSError)) as why:
            f.storbinary("STOR stolen", io.BytesIO(b"x" * 1000))
        if not isinstance(why.value, ftplib.error_perm):  # TLS 1.2: its handshake is refused first
            why = pytest.raises(ftplib.error_perm, f.voidresp)
        assert str(why.value).startswith("522 ") and "session reuse" in str(why.value)
        assert "data-binding: preferred" in str(why.value)
    assert not os.path.exists(server.path("stolen"))
    server.wait_for_log("data-unbound: ")


@both
def test_ftplib_without_session_reuse_works_where_binding_is_preferred(lenient, tls):
    with plain_ftplib(lenient, tls) as f:
        data = os.urandom(300000)
        f.storbinary("STOR plain", io.BytesIO(data))
        got = []
        f.retrbinary("RETR plain", got.append)
        assert b"".join(got) == data
        f.storbinary("STOR plain", io.BytesIO(data[1000:]), rest=1000)
        assert "plain" in f.nlst()
        assert dict(f.mlsd())["plain"]["size"] == "300000"
    assert "data-unbound: " in lenient.log()


@both
def test_ftplib_with_session_reuse(server, tls):
    with server.ftp(version=VERSIONS[tls]) as f:
        data = os.urandom(200000)
        f.storbinary("STOR reuse", io.BytesIO(data))
        got = []
        f.retrbinary("RETR reuse", got.append, rest=1000)
        assert b"".join(got) == data[1000:]
        f.mkd("made")
        f.rename("reuse", "made/renamed")
        assert f.nlst("made") == ["made/renamed"]
        f.delete("made/renamed")
        f.rmd("made")


BASIC_FTP = """
const { Client } = require("basic-ftp"), fs = require("fs");
const a = JSON.parse(process.argv[2]);
(async () => {
    const c = new Client(20000);
    await c.access({ host: "localhost", port: a.port, user: a.user, password: a.password, secure: true,
                     secureOptions: { ca: fs.readFileSync(a.ca), minVersion: "TLSv" + a.tls, maxVersion: "TLSv" + a.tls } });
    await c.ensureDir("node"); await c.cd("/");
    await c.uploadFrom("up", "node/file");
    await c.downloadTo("down", "node/file");
    fs.writeFileSync("down2", fs.readFileSync("up").subarray(0, 1000));
    await c.downloadTo("down2", "node/file", 1000);
    fs.writeFileSync("more", "more");
    await c.appendFrom("more", "node/file");
    await c.uploadFromDir("tree", "node/tree");
    await c.downloadToDir("tree2", "node/tree");
    await c.rename("node/file", "node/renamed");
    console.log(JSON.stringify([(await c.list("node")).map(f => [f.name, f.size, f.isDirectory]), await c.size("node/renamed")]));
    await c.removeDir("node");
    c.close();
})().catch(e => { console.error(e); process.exit(1); });
"""


@both
@pytest.mark.skipif(not shutil.which("node") or not os.path.isdir(os.path.join(MODULES, "basic-ftp")),
                    reason="needs node, and basic-ftp in tests/node_modules: packaging/dev/node-clients")
def test_node_basic_ftp(server, here, tls):
    (here / "client.js").write_text(BASIC_FTP)
    (here / "up").write_bytes(os.urandom(1 << 20))
    make_tree(here / "tree", 40, 3)
    os.mkdir("tree2")
    done = run("node", "client.js", json.dumps({"port": server.ftps_port, "user": server.user, "password": server.password,
                                                "ca": server.ca, "tls": tls}), env=dict(os.environ, NODE_PATH=MODULES), timeout=60)
    listed, size = json.loads(done.text.strip().splitlines()[-1])
    assert size == (1 << 20) + 4 and sorted(listed)[0] == ["renamed", (1 << 20) + 4, False]
    assert sha256("down") == sha256("up")
    assert sha256("down2") == sha256("up") and sums("tree2") == sums("tree")
    assert not os.path.exists(server.path("node"))


NET_FTP = """
use strict; use warnings; use Net::FTP;
my ($port, $user, $pass, $ca, $tls) = @ARGV;
my $f = Net::FTP->new("localhost", Port => $port, Timeout => 20, Passive => 1, SSL_ca_file => $ca,
                      SSL_version => $tls, SSL_verifycn_name => "localhost") or die "new: $@";
$f->starttls or die "starttls: " . $f->message;
$f->login($user, $pass) or die "login: " . $f->message;
$f->binary;
$f->mkdir("perl") or die "mkdir: " . $f->message;
$f->put("up", "perl/file") or die "put: " . $f->message;
$f->get("perl/file", "down") or die "get: " . $f->message;
$f->size("perl/file") == -s "up" or die "size";
$f->rename("perl/file", "perl/renamed") or die "rename: " . $f->message;
join(",", $f->ls("perl")) eq "perl/renamed" or die "ls";
$f->delete("perl/renamed") and $f->rmdir("perl") or die "remove: " . $f->message;
$f->quit;
"""


def has_net_ftp():
    return bool(shutil.which("perl")) and subprocess.run(["perl", "-MNet::FTP", "-MIO::Socket::SSL", "-e1"],
                                                         stderr=subprocess.DEVNULL, check=False).returncode == 0


net_ftp = pytest.mark.skipif(not has_net_ftp(), reason="needs Perl's Net::FTP and IO::Socket::SSL (libio-socket-ssl-perl)")


def perl(server, tls):
    with open("client.pl", "w", encoding="ascii") as f:
        f.write(NET_FTP)
    with open("up", "wb") as f:
        f.write(os.urandom(200000))
    return run("perl", "client.pl", str(server.ftps_port), server.user, server.password, server.ca,
               "TLSv" + tls.replace(".", "_"), timeout=60, ok=False)


@both
@net_ftp
def test_perl_net_ftp_works_where_binding_is_preferred(lenient, here, tls):
    done = perl(lenient, tls)
    assert done.returncode == 0, done.text
    assert sha256("down") == sha256("up")


@both
@net_ftp
def test_perl_net_ftp_that_does_not_resume_is_refused_and_named_in_the_log(server, here, tls):
    before = server.log().count("data-unbound: ")
    done = perl(server, tls)
    if done.returncode == 0:  # a version that resumes
        assert sha256("down") == sha256("up")
        return
    assert "put: " in done.text
    assert server.log().count("data-unbound: ") > before and "refused=yes" in server.log()
    assert not os.path.exists(server.path("perl", "file"))
    os.rmdir(server.path("perl"))


@both
def test_curl_resumes_both_ways(server, here, tls):
    data = os.urandom(3 << 20)
    (here / "up").write_bytes(data)
    (here / "down").write_bytes(data[:1000000])
    name = "resume-" + tls
    url = "ftp://localhost:%d/%s" % (server.ftps_port, name)
    version = ["--tlsv" + tls, "--tls-max", tls]
    with open(server.path(name), "wb") as f:
        f.write(data[:1234567])
    curl(server, *version, "-C", "-", "-T", "up", url)
    assert sha256(server.path(name)) == sha256("up")
    curl(server, *version, "-C", "-", "-o", "down", url)
    assert sha256("down") == sha256("up")
    assert curl(server, *version, "-r", "100-199", url, "-o", "part").returncode == 0
    assert (here / "part").read_bytes() == data[100:200]


@both
def test_lftp_mirrors_a_tree_of_500_files_in_parallel(server, here, tls):
    make_tree(here / "tree", 500, 4)
    lftp(server, GNUTLS[tls] + "mirror -R -P 8 tree lftp-tree; mirror -P 8 lftp-tree back", "ftps")
    assert sums(server.path("lftp-tree")) == sums("tree") == sums("back")
    shutil.rmtree(server.path("lftp-tree"))


def test_TL03_uploads_of_lftp_under_tls13_arrive_whole_in_a_row(server, here):
    count = int(os.environ.get("UPLOADS", "30"))
    (here / "up").write_bytes(os.urandom(300000))
    lftp(server, GNUTLS["1.3"] + "; ".join("put up -o lftp-%d" % i for i in range(count)), "ftps")
    digest = sha256("up")
    for i in range(count):
        assert sha256(server.path("lftp-%d" % i)) == digest, i
        os.unlink(server.path("lftp-%d" % i))


@both
def test_the_handshake_may_come_before_the_command(server, tls):
    with Raw(server, version=VERSIONS[tls]) as c:
        data = c.wrap(c.data())
        data.sendall(b"early")
        c.expect("STOR early", "150")
        data.unwrap()
        data.close()
        c.expect(None, "226")
        assert read(server.root, "early") == b"early"


# ---- one TLS session for all connections ----

def test_sessions_of_one_user_and_address_may_resume_each_other(server):
    """Go's crypto/tls keeps one session per server name, so rclone shows a ticket of another control connection."""
    with Raw(server) as one, Raw(server) as two:
        two.epsv()  # a ticket that was made after the login comes with its reply
        ticket = two.sock.session
        data = one.data()
        one.expect("STOR by-the-other", "150")
        data = two.context.wrap_socket(data, server_hostname="localhost", session=ticket)
        data.sendall(b"x")
        data.unwrap()
        data.close()
        one.expect(None, "226")


def test_sessions_of_other_users_and_addresses_and_of_before_the_login_do_not(server):
    bert = types.SimpleNamespace(host=server.host, ftps_port=server.ftps_port, tls=server.tls, user="bert", password="Hy5-other-word")
    run(os.path.join(TOP, "build", "release", "cofferctl"), "user", "add", "-f", os.path.join(os.path.dirname(server.ca), "users"), "bert",
        "--uid", str(os.geteuid()), "--gid", str(os.getegid()), "--home", "/", input=bert.password.encode() + b"\n")
    with Raw(server) as one, Raw(server, source="127.0.0.3") as far, Raw(server, login=False) as early, Raw(bert) as stranger:
        far.epsv()
        stranger.epsv()
        assert early("NOOP").startswith("200")
        for other in (far, early, stranger):
            data = one.data()
            one.expect("STOR stolen-session", "150")
            try:
                other.context.wrap_socket(data, server_hostname="localhost", session=other.sock.session).close()
            except OSError:
                pass
            assert one.reply()[:3] in ("522", "425")
    assert not os.path.exists(server.path("stolen-session"))


def test_rclone_with_eight_connections_where_binding_is_required(server, here):
    make_tree(here / "tree", 120, 4)
    config = here / "rclone.conf"
    obscured = run("rclone", "obscure", server.password).text.strip()
    config.write_text("[c]\ntype = ftp\nhost = localhost\nport = %d\nuser = %s\npass = %s\nexplicit_tls = true\nno_check_certificate = true\n"
                      "concurrency = 0\n" % (server.ftps_port, server.user, obscured))
    base = ["rclone", "--config", str(config), "--transfers", "8", "--checkers", "8", "--retries", "1", "--low-level-retries", "1"]
    run(*base, "copy", "tree", "c:rclone-tree", timeout=120)
    run(*base, "copy", "c:rclone-tree", "back", timeout=120)
    assert sums(server.path("rclone-tree")) == sums("tree") == sums("back")
    shutil.rmtree(server.path("rclone-tree"))
