# SPDX-License-Identifier: ISC
"""FTPS clients with ways of their own; protocols/ftp/README.md lists what was met in them."""

import ftplib
import io
import os
import shlex
import ssl
import types

import pytest

from conftest import TOP, eventually, run, serving, sha256
from ftps_drivers import HERE, CommonsNetAsItComes, Curl, NetFtp
from rawftps import Raw, read
from test_clients import lftp

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
GNUTLS = {v: "set ssl:priority NORMAL:-VERS-ALL:+VERS-TLS%s; " % v for v in VERSIONS}
both = pytest.mark.parametrize("tls", VERSIONS)


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


# ---- clients that know no TLS, or are told not to use it ----

KIND = 'This server accepts encrypted logins only: choose "explicit FTP over TLS" (AUTH TLS) in your client.'
PLAIN = {  # what is run, and what it reads; ncftp shows replies when it is asked to
    "ncftp": ("ncftpls -d stdout -r 0 -t 10 -u {user} -p {password} -P {port} ftp://localhost/", ""),
    "tnftp": ("tnftp -n localhost {port}", "user {user} {password}\nls\nbye\n"),
    "inetutils-ftp": ("inetutils-ftp -n localhost {port}", "user {user} {password}\nls\nbye\n"),
    "curl": ("curl -sSv -u {user}:{password} ftp://localhost:{port}/", ""),
    "lftp": ("lftp -c 'set ftp:ssl-allow no; set net:max-retries 1; open -u {user},{password} ftp://localhost:{port}; ls'", ""),
    "ftplib": ("/usr/bin/python3 -c 'import ftplib; f = ftplib.FTP(); "
               "f.connect(\"localhost\", {port}); f.login(\"{user}\", \"{password}\")'", ""),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_client_without_tls_is_told_what_to_choose_and_named_in_the_log(server, name):
    command, typed = PLAIN[name]
    facts = {"user": server.user, "password": server.password, "port": server.ftps_port}
    before = server.log().count("refused-clear: ")
    said = run(*shlex.split(command.format(**facts)), input=typed.format(**facts).encode(), ok=False, timeout=30).text
    assert KIND in said
    eventually(lambda: server.log().count("refused-clear: ") > before)
    assert "verb=USER user=" + server.user in server.log() and server.password not in server.log()


AS_THEY_COME = {name: kind for name, kind in (("net-ftp", NetFtp), ("commons-net", CommonsNetAsItComes)) if kind.binding == "preferred"}


@both
@pytest.mark.parametrize("name", AS_THEY_COME)
def test_a_client_that_does_not_resume_is_told_why_and_named_in_the_log(server, here, tls, name):
    if not HERE[name]():
        pytest.skip("needs %s: packaging/dev/deps" % name)
    (here / "up").write_bytes(os.urandom(200000))
    client, before = AS_THEY_COME[name](server, server.ftps_port, tls, str(here)), server.log().count("data-unbound: ")
    client.connect()
    with pytest.raises(AssertionError):
        client.upload(str(here / "up"), "unbound")
    client.close()
    assert not os.path.exists(server.path("unbound"))
    eventually(lambda: server.log().count("data-unbound: ") > before)
    assert "refused=yes" in server.log()


def test_commons_net_as_it_comes_is_served_where_binding_is_preferred(here):
    if not HERE["commons-net"]():
        pytest.skip("needs commons-net: packaging/dev/deps")
    (here / "up").write_bytes(os.urandom(200000))
    with serving(config="listeners: {ftps: {data-binding: preferred}}\n") as s:
        client = CommonsNetAsItComes(s, s.ftps_port, "1.3", str(here))
        client.upload(str(here / "up"), "unbound")
        client.close()
        assert sha256(s.path("unbound")) == sha256("up")


@both
def test_curl_with_eight_connections_in_one_process_is_served_where_binding_is_preferred(here, tls):
    (here / "up").write_bytes(os.urandom(200000))
    with serving(config="listeners: {ftps: {data-binding: preferred}}\n") as s:
        Curl(s, s.ftps_port, tls, str(here)).many("upload-file", [("up", "/up-%d" % i) for i in range(16)], "-Z", "--parallel-immediate",
                                                  "--parallel-max", "8")
        assert {sha256(s.path("up-%d" % i)) for i in range(16)} == {sha256("up")}


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
