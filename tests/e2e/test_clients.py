# SPDX-License-Identifier: ISC
"""Real clients move real files: curl, sftp, lftp, sshfs, rclone. Checksums decide."""

import os
import random
import shutil

import pytest

from conftest import TOP, run, sha256

MEBI = 1 << 20


def make_tree(top, files, seed):
    rng = random.Random(seed)
    for i in range(files):
        folder = top / ("d%02d" % (i % 40)) / ("e%d" % (i % 5))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ("file %04d.bin" % i)).write_bytes(rng.randbytes(rng.randrange(0, 6000)))


def sums(top):
    found = {}
    for base, _, files in os.walk(top):
        for name in files:
            path = os.path.join(base, name)
            found[os.path.relpath(path, top)] = sha256(path)
    return found


def big_file(path, size):
    block = os.urandom(MEBI)
    with open(path, "wb") as f:
        for i in range(size // MEBI):
            f.write(i.to_bytes(8, "big") + block[8:])
    return sha256(path)


def curl(server, *arguments):
    return run("curl", "-sS", "--ssl-reqd", "--cacert", server.ca, "-u", "%s:%s" % (server.user, server.password), *arguments)


def sftp(server, commands, *options):
    return run("sftp", "-P", str(server.sftp_port), "-i", server.key, "-o", "IdentitiesOnly=yes", "-o",
               "UserKnownHostsFile=" + server.known_hosts, "-o", "StrictHostKeyChecking=yes", *options, "-b", "-",
               "%s@127.0.0.1" % server.user, input=commands.encode())


def lftp(server, commands, protocol):
    head = "set ssl:ca-file %s; set net:timeout 20; set net:max-retries 1; set cmd:fail-exit yes; " % server.ca
    if protocol == "ftps":
        url = "ftp://localhost:%d" % server.ftps_port
        head += "set ftp:ssl-force yes; set ftp:ssl-protect-data yes; "
    else:
        url = "sftp://127.0.0.1:%d" % server.sftp_port
        head += ("set sftp:auto-confirm no; set sftp:connect-program \"ssh -a -x -o UserKnownHostsFile=%s "
                 "-o PreferredAuthentications=password\"; " % server.known_hosts)
    return run("lftp", "-c", "%sopen -u '%s,%s' %s; %s" % (head, server.user, server.password, url, commands))


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_curl_ftps_there_and_back(server, here, tls):
    digest = big_file("up", 64 * MEBI)
    url = "ftp://localhost:%d/curl-%s" % (server.ftps_port, tls)
    curl(server, "--tlsv" + tls, "--tls-max", tls, "-T", "up", url)
    assert sha256(server.path("curl-" + tls)) == digest
    curl(server, "--tlsv" + tls, "--tls-max", tls, "-o", "down", url)
    assert sha256("down") == digest


def test_lftp_mirrors_a_tree_both_ways_over_sftp(server, here):
    make_tree(here / "tree", 300, "sftp")
    lftp(server, "mirror -R tree mirror", "sftp")
    want = sums("tree")
    assert len(want) == 300
    assert sums(server.path("mirror")) == want
    lftp(server, "mirror mirror back", "sftp")
    assert sums("back") == want


def test_rclone_copies_and_checks_over_sftp(server, here):
    make_tree(here / "tree", 60, "rclone")
    secret = run("rclone", "obscure", server.password).text.strip()
    lines = ["type = sftp", "host = 127.0.0.1", "port = %d" % server.sftp_port, "user = " + server.user,
             "pass = " + secret, "known_hosts_file = " + server.known_hosts_all, "shell_type = none",
             "md5sum_command = none", "sha1sum_command = none"]
    (here / "rclone.conf").write_text("[t]\n%s\n" % "\n".join(lines))
    base = ["rclone", "--config", "rclone.conf", "--retries", "1", "--transfers", "1", "--checkers", "1"]
    run(*base, "copy", "tree", "t:rclone")
    assert sums(server.path("rclone")) == sums("tree")
    run(*base, "check", "--download", "tree", "t:rclone")


@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 16385, 262143, 262144, 262145])
def test_sizes_around_buffers_arrive_whole(server, here, size):
    data = os.urandom(size)
    (here / "up").write_bytes(data)
    with server.ftp() as f:
        f.storbinary("STOR size-%d" % size, open("up", "rb"))
        got = []
        f.retrbinary("RETR size-%d" % size, got.append)
        assert b"".join(got) == data
    client = server.sftp()
    client.put("up", "ssize-%d" % size)
    with client.open("size-%d" % size, "rb") as f:
        assert f.read() == data
    client.transport.close()
    with open(server.path("ssize-%d" % size), "rb") as f:
        assert f.read() == data


# ---- what languages bring along ----

def driver(name):
    return os.path.join(TOP, "tests", "e2e", "drivers", name)


def test_php_moves_files_by_both_protocols(server, here):
    if not shutil.which("php") or "ssh2" not in run("php", "-m").text.split():
        pytest.skip("needs php-cli and php-ssh2: packaging/dev/deps")
    (here / "up").write_bytes(os.urandom(300000))
    run("php", driver("functions.php"), str(server.ftps_port), str(server.sftp_port), server.user, server.password, "up", ".")


def test_phpseclib_does_all_that_it_can_over_sftp(server, here):
    if not shutil.which("php") or run("php", "-r", "require 'phpseclib3/autoload.php';", ok=False).returncode != 0:
        pytest.skip("needs php-cli and php-phpseclib3: packaging/dev/deps")
    (here / "up").write_bytes(os.urandom(300000))
    run("php", driver("phpseclib.php"), str(server.sftp_port), server.user, server.key, server.password, "up")


def test_node_ssh_makes_the_directories_of_what_it_uploads(server, here):
    """It makes them behind the words "No such file", and behind no others."""
    modules = os.path.join(TOP, "tests", "node_modules")
    if not shutil.which("node") or not os.path.isdir(os.path.join(modules, "node-ssh")):
        pytest.skip("needs nodejs and node-ssh: packaging/dev/deps")
    make_tree(here / "tree", 30, "node-ssh")
    os.mkdir("back")
    run("node", driver("node_ssh.js"), str(server.sftp_port), server.user, server.key, "tree", "back", env=dict(os.environ, NODE_PATH=modules))
    assert sums("back") == sums("tree") == sums(server.path("node-ssh", "e", "tree"))
    assert os.path.exists(server.path("node-ssh", "c", "d", "file"))


def test_ruby_moves_files_by_both_protocols(server, here):
    if not shutil.which("ruby") or run("ruby", "-rnet/sftp", "-rnet/ftp", "-e1", ok=False).returncode != 0:
        pytest.skip("needs ruby and ruby-net-sftp: packaging/dev/deps")
    (here / "up").write_bytes(os.urandom(300000))
    run("ruby", driver("methods.rb"), str(server.ftps_port), str(server.sftp_port), server.user, server.password, server.ca, "up", ".")
