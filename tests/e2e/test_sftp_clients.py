# SPDX-License-Identifier: ISC
"""What single SFTP clients do beside the table of test_sftp_table.py; protocols/sftp/README.md lists what was met in them."""

import asyncio
import contextlib
import os
import shutil
import warnings

import pytest

from conftest import run
from test_clients import MEBI, big_file, make_tree, sftp, sums


@pytest.fixture()
def up(here):
    """The file that goes around: its sum."""
    (here / "more").write_bytes(os.urandom(5000))
    return big_file(here / "up", 3 * MEBI)


def needs(program):
    return pytest.mark.skipif(not (shutil.which(program) or os.path.exists(program)), reason=program + " is not installed")


def ssh_options(server):
    return ["-o", "UserKnownHostsFile=" + server.known_hosts, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i", server.key]


def test_asyncssh_appends_globs_and_asks_for_room(server, up):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncssh = pytest.importorskip("asyncssh", reason="python3-asyncssh is not installed")

    async def go():
        async with asyncssh.connect(server.host, server.sftp_port, username=server.user, client_keys=[server.key],
                                    known_hosts=server.known_hosts) as c:
            async with c.start_sftp_client() as f:
                await f.makedirs("asyncssh/sub")
                await f.put("up", "asyncssh/file")
                async with f.open("asyncssh/file", "ab") as a:
                    await a.write(b"tail")
                assert await f.getsize("asyncssh/file") == 3 * MEBI + 4
                await f.posix_rename("asyncssh/file", "asyncssh/renamed")
                assert (await f.statvfs("asyncssh")).bsize > 0
                assert list(await f.glob("asyncssh/ren*")) == ["asyncssh/renamed"]
                await f.rmtree("asyncssh")

    asyncio.run(go())
    assert not os.path.exists(server.path("asyncssh"))


PERL = r"""
use strict; use warnings; use Net::SFTP::Foreign; use Fcntl ':mode';
my ($host, $port, $user, $key, $hosts) = @ARGV;
my $s = Net::SFTP::Foreign->new($host, port => $port, user => $user, key_path => $key, autodie => 1,
    more => ['-o', "UserKnownHostsFile=$hosts", '-o', 'IdentitiesOnly=yes']);
$s->mkpath('foreign/a/b');
$s->put('up', 'foreign/a/file');
$s->put('up', 'foreign/a/atomic', atomic => 1);
$s->put_content('some words', 'foreign/words');
die 'content' unless $s->get_content('foreign/words') eq 'some words';
$s->rput('tree', 'foreign/tree');
die 'find' unless 30 == grep { S_ISREG($_->{a}->perm) } $s->find('foreign/tree');
$s->rename('foreign/a/file', 'foreign/words', overwrite => 1);
die 'size' unless $s->stat('foreign/words')->size == -s 'up';
my $h = $s->open('foreign/lines', 0x1a); print $h "line $_\n" for 1 .. 1000; close $h;
$h = $s->open('foreign/lines', 1); my @l = <$h>; die 'lines' unless @l == 1000; close $h;
$s->statvfs('foreign');
$s->rremove('foreign');
die 'left' if $s->test_e('foreign');
"""


def test_net_sftp_foreign_replaces_finds_and_reads_lines(server, up, here):
    if run("perl", "-MNet::SFTP::Foreign", "-e1", ok=False).returncode:
        pytest.skip("libnet-sftp-foreign-perl is not installed")
    make_tree(here / "tree", 30, "foreign")
    run("perl", "-e", PERL, server.host, str(server.sftp_port), server.user, server.key, server.known_hosts)
    assert not os.path.exists(server.path("foreign"))


def test_names_are_bytes_for_every_openssh_client(server, here):
    names = [b"\xff\xfe raw", "ü".encode(), "u\u0308".encode(), b" leading", b"trailing ", b"-dash", b"quote'\"", b"star*[a]", b"back\\slash", b"%41", b"x" * 255]
    os.mkdir(b"names")
    for name in names:
        with open(b"names/" + name, "wb") as f:
            f.write(name)
    sftp(server, "put -r names names\nget -r names back\n")
    assert sorted(os.listdir(os.fsencode(server.path("names")))) == sorted(names) == sorted(os.listdir(b"back"))
    for name in names:
        with open(b"back/" + name, "rb") as f:
            assert f.read() == name


@contextlib.contextmanager
def mounted(server, where):
    os.mkdir(where)
    run("sshfs", "-p", str(server.sftp_port), "-o", "UserKnownHostsFile=%s,IdentitiesOnly=yes,BatchMode=yes,IdentityFile=%s" %
        (server.known_hosts, server.key), "%s@127.0.0.1:/" % server.user, where)
    try:
        yield where
    finally:
        run("fusermount3", "-u", where)


@pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK) or not shutil.which("sshfs"), reason="sshfs or /dev/fuse is not here")
def test_sshfs_locks_logs_and_reads_what_it_writes(server, here):
    with mounted(server, "mount"):
        work = os.path.join("mount", "work")
        os.mkdir(work)
        run("flock", os.path.join(work, "lock"), "true")  # opens it with O_RDONLY | O_CREAT
        with open(os.path.join(work, "log"), "ab") as log, open(os.path.join(work, "log"), "rb") as reader:
            for i in range(100):
                log.write(b"%d\n" % i)
                log.flush()
            os.fsync(log.fileno())
            assert reader.read() == b"".join(b"%d\n" % i for i in range(100))
        with open(os.path.join(work, "old"), "wb") as f:
            f.write(b"old")
        os.rename(os.path.join(work, "log"), os.path.join(work, "old"))
        os.chmod(os.path.join(work, "old"), 0o600)
        run("cp", "-a", work, "copy")
    assert sums("copy") == sums(server.path("work"))


def rclone(server, here, *arguments, hashes=False, ok=True):
    secret = run("rclone", "obscure", server.password).text.strip()
    lines = ["type = sftp", "host = 127.0.0.1", "port = %d" % server.sftp_port, "user = " + server.user, "pass = " + secret,
             "known_hosts_file = " + server.known_hosts_all]
    if not hashes:
        lines += ["shell_type = none", "md5sum_command = none", "sha1sum_command = none"]
    (here / "rclone.conf").write_text("[t]\n%s\n" % "\n".join(lines))
    return run("rclone", "--config", "rclone.conf", "--retries", "1", *arguments, ok=ok)


@needs("rclone")
def test_rclone_sync_check_and_info(server, here):
    make_tree(here / "tree", 60, "rclone more")
    rclone(server, here, "sync", "tree", "t:rc")
    shutil.rmtree("tree/d00")
    (here / "tree" / "new").write_bytes(b"new")
    rclone(server, here, "sync", "tree", "t:rc")
    assert sums(server.path("rc")) == sums("tree")
    rclone(server, here, "check", "--download", "tree", "t:rc")
    rclone(server, here, "moveto", "t:rc/new", "t:rc/moved")
    assert "Total" in rclone(server, here, "about", "t:").text
    text = rclone(server, here, "test", "info", "--all", "t:info").text
    assert "maxFileLength = 255" in text and "canWriteUnnormalized = true" in text and "canStream = true" in text, text
