# SPDX-License-Identifier: ISC
"""Programs with a client of their own in them: wget, what is built with libcurl and GnuTLS, aria2, restic, gvfs."""

import os
import shutil

import pytest

from conftest import run, sha256
from test_clients import big_file, make_tree, sums

MEBI = 1 << 20


def needs(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    return pytest.mark.skipif(bool(missing), reason="needs %s: packaging/dev/deps" % ", ".join(missing))


def wget(server, *arguments):
    with open("wgetrc", "w", encoding="ascii") as f:
        f.write("ftp_user = %s\nftp_password = %s\n" % (server.user, server.password))
    return run("wget", "--config", "wgetrc", "--no-verbose", "--tries", "1", "--timeout", "20", "--ca-certificate", server.ca, *arguments)


@needs("wget")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_wget_gets_a_file_and_the_rest_of_one_and_a_tree(server, here, tls):
    """It takes the TLS session right behind the handshake, and shows no later ticket."""
    only = ["--ciphers", "NORMAL:-VERS-ALL:+VERS-TLS" + tls]
    url = "ftps://localhost:%d/" % server.ftps_port
    digest = big_file(server.path("wget"), 8 * MEBI)
    wget(server, *only, url + "wget")
    assert sha256("wget") == digest
    os.truncate("wget", 3 * MEBI)
    os.truncate(server.path("wget"), 9 * MEBI)
    wget(server, *only, "--continue", url + "wget")
    assert sha256("wget") == sha256(server.path("wget"))
    make_tree(here / "tree", 8, "wget")
    shutil.copytree("tree", server.path("wget-tree"), dirs_exist_ok=True)
    wget(server, *only, "--recursive", "--no-parent", "--no-host-directories", url + "wget-tree/")
    assert sums("wget-tree") == sums("tree")


def libcurl(server, tls):
    """A handle of libcurl with GnuTLS; Debian's curl itself has OpenSSL."""
    pycurl = pytest.importorskip("pycurl", reason="needs python3-pycurl: packaging/dev/deps")
    if "GnuTLS" not in pycurl.version:
        pytest.skip("pycurl is built with another TLS library here: " + pycurl.version)
    c = pycurl.Curl()
    last = {"1.2": pycurl.SSLVERSION_MAX_TLSv1_2, "1.3": pycurl.SSLVERSION_MAX_TLSv1_3}[tls]
    for option, value in ((c.USERPWD, "%s:%s" % (server.user, server.password)), (c.USE_SSL, pycurl.USESSL_ALL),
                          (c.CAINFO, server.ca), (c.SSLVERSION, pycurl.SSLVERSION_TLSv1_2 | last), (c.TIMEOUT, 60)):
        c.setopt(option, value)
    return c


def test_libcurl_with_gnutls_moves_files_under_tls_1_2(server, here):
    """What is built with it (qemu, git, pycurl) has no ticket in hand when it opens a data connection under TLS 1.3, before 8.8."""
    digest = big_file("up", 8 * MEBI)
    c = libcurl(server, "1.2")
    c.setopt(c.URL, "ftp://localhost:%d/pycurl" % server.ftps_port)
    with open("up", "rb") as f:
        c.setopt(c.UPLOAD, 1)
        c.setopt(c.READDATA, f)
        c.perform()
    assert sha256(server.path("pycurl")) == digest
    with open("down", "wb") as f:
        c.setopt(c.UPLOAD, 0)
        c.setopt(c.WRITEDATA, f)
        c.perform()
    c.close()
    assert sha256("down") == digest


@needs("aria2c")
def test_aria2_gets_a_file_in_four_pieces_over_sftp(server, here):
    digest = big_file(server.path("aria"), 32 * MEBI)
    (here / "aria2.conf").write_text("ftp-user=%s\nftp-passwd=%s\n" % (server.user, server.password))
    run("aria2c", "--conf-path=aria2.conf", "--no-netrc=true", "--quiet=true", "--split=4", "--max-connection-per-server=4",
        "--min-split-size=1M", "sftp://127.0.0.1:%d/aria" % server.sftp_port)
    assert sha256("aria") == digest


@needs("restic")
def test_restic_backs_up_over_sftp_prunes_and_restores(server, here):
    make_tree(here / "tree", 60, "restic")
    digest = big_file("tree/big", 16 * MEBI)
    ssh = ("ssh -a -x -p %d -i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s -o StrictHostKeyChecking=yes %s@127.0.0.1 -s sftp" %
           (server.sftp_port, server.key, server.known_hosts, server.user))
    env = dict(os.environ, RESTIC_PASSWORD="x", RESTIC_REPOSITORY="sftp:%s@127.0.0.1:/restic" % server.user)

    def restic(*arguments):
        run("restic", "--quiet", "--no-cache", "-o", "sftp.command=" + ssh, *arguments, env=env)

    restic("init")
    restic("backup", "tree")
    os.unlink("tree/big")
    restic("backup", "tree")
    restic("forget", "--keep-last", "1", "--prune")
    restic("check", "--read-data")
    restic("restore", "latest", "--target", "back")
    assert sums("back/tree") == sums("tree") and digest not in sums("back/tree").values()


@needs("gio", "dbus-run-session")
def test_gvfs_moves_files_and_changes_their_modes_over_ftps(server, here):
    """GNOME's Files and whatever opens files with it; SITE HELP tells it that there is a CHMOD."""
    if not os.path.exists("/usr/lib/gvfs/gvfsd-ftp"):
        pytest.skip("needs gvfs-backends: packaging/dev/deps")
    digest = big_file("up", 8 * MEBI)
    (here / "script").write_text("""set -e
        printf '1\\n%s\\n' "$PASS" | gio mount "$URL"  # the certificate is trusted, and the password
        gio mkdir -p "$URL/gvfs/two words"
        gio copy up "$URL/gvfs/two words/ü ☃"
        gio copy "$URL/gvfs/two words/ü ☃" down
        gio set -t uint32 "$URL/gvfs/two words/ü ☃" unix::mode 384
        gio move "$URL/gvfs/two words/ü ☃" "$URL/gvfs/moved"
        echo one | gio save "$URL/gvfs/saved"
        echo two | gio save "$URL/gvfs/saved"
        gio list -a standard::size "$URL/gvfs"
        gio remove "$URL/gvfs/two words"
        ! gio cat "$URL/gvfs/nothing"
        gio mount -u "$URL"
    """, encoding="utf-8")
    url = "ftps://%s@localhost:%d" % (server.user, server.ftps_port)
    env = dict(os.environ, HOME=str(here), XDG_RUNTIME_DIR=str(here), PASS=server.password, URL=url, GIO_USE_VFS="gvfs", LC_ALL="C.UTF-8")
    run("dbus-run-session", "--", "sh", "script", env=env)
    assert sha256("down") == digest == sha256(server.path("gvfs", "moved"))
    assert os.stat(server.path("gvfs", "moved")).st_mode & 0o777 == 0o600
    assert (here / server.path("gvfs", "saved")).read_text() == "two\n"
    assert sorted(os.listdir(server.path("gvfs"))) == ["moved", "saved"]
