# SPDX-License-Identifier: ISC
"""SFTP clients with ways of their own, a full round with each; protocols/sftp/README.md lists what was met in them."""

import asyncio
import contextlib
import os
import shutil
import stat
import subprocess
import sys
import warnings

import pytest

from conftest import IS_ROOT, TOP, run, serving, sha256
from test_clients import MEBI, big_file, make_tree, sftp, sums

MODULES = os.path.join(TOP, "tests", "node_modules")
JSCH = "/usr/share/java/jsch.jar"
UMLAUT = "übergröße €.bin"


@pytest.fixture()
def up(here):
    """The file that goes around: its sum."""
    (here / "more").write_bytes(os.urandom(5000))
    return big_file(here / "up", 3 * MEBI)


def needs(program):
    return pytest.mark.skipif(not (shutil.which(program) or os.path.exists(program)), reason=program + " is not installed")


def ssh_options(server):
    return ["-o", "UserKnownHostsFile=" + server.known_hosts, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i", server.key]


def test_asyncssh(server, up):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncssh = pytest.importorskip("asyncssh", reason="python3-asyncssh is not installed")

    async def go():
        async with asyncssh.connect(server.host, server.sftp_port, username=server.user, client_keys=[server.key],
                                    known_hosts=server.known_hosts) as c:
            async with c.start_sftp_client() as f:
                await f.makedirs("asyncssh/sub")
                await f.put("up", "asyncssh/sub/" + UMLAUT)
                assert sha256(server.path("asyncssh", "sub", UMLAUT)) == up
                await f.get("asyncssh/sub/" + UMLAUT, "down")
                assert sha256("down") == up
                async with f.open("asyncssh/sub/" + UMLAUT, "ab") as a:
                    await a.write(b"tail")
                assert await f.getsize("asyncssh/sub/" + UMLAUT) == 3 * MEBI + 4
                assert {n.filename for n in await f.readdir("asyncssh/sub")} - {".", ".."} == {UMLAUT}
                await f.posix_rename("asyncssh/sub/" + UMLAUT, "asyncssh/renamed")
                await f.utime("asyncssh/renamed", (1500000000, 1500000001))
                assert (await f.stat("asyncssh/renamed")).mtime == 1500000001
                assert (await f.statvfs("asyncssh")).bsize > 0
                assert [n async for n in glob(f, "asyncssh/ren*")] == ["asyncssh/renamed"]
                await f.rmtree("asyncssh")

    async def glob(f, pattern):
        for name in await f.glob(pattern):
            yield name

    asyncio.run(go())
    assert not os.path.exists(server.path("asyncssh"))


NODE = """
const Client = require('ssh2-sftp-client');
const fs = require('fs'), assert = require('assert');
(async () => {
  const e = process.env, c = new Client(), name = 'node/sub/' + e.UMLAUT;
  await c.connect({host: '127.0.0.1', port: +e.PORT, username: e.NAME, password: e.PASS});
  await c.mkdir('node/sub', true);
  await c.fastPut('up', name);
  await c.append(fs.createReadStream('more'), name);
  assert.equal((await c.stat(name)).size, fs.statSync('up').size + fs.statSync('more').size);
  await c.fastGet(name, 'down');
  await c.put(fs.createReadStream('up'), 'node/stream');
  await c.get('node/stream', fs.createWriteStream('down2'));
  await c.uploadDir('tree', 'node/tree');
  await c.downloadDir('node/tree', 'tree2');
  assert.equal((await c.list('node')).length, 3);
  await c.posixRename('node/stream', 'node/renamed');
  await c.chmod('node/renamed', 0o600);
  assert.equal(await c.exists('node/stream'), false);
  assert.equal(await c.exists('node/renamed'), '-');
  await c.delete('node/renamed');
  await c.rmdir('node/tree', true);
  await c.end();
})().catch(err => { console.error(err); process.exit(1); });
"""


@pytest.mark.skipif(not os.path.isdir(os.path.join(MODULES, "ssh2-sftp-client")), reason="no ssh2-sftp-client for node (packaging/dev/node-clients)")
def test_node_ssh2(server, up, here):
    make_tree(here / "tree", 30, "node")
    run("node", "-e", NODE, env=dict(os.environ, NODE_PATH=MODULES, NAME=server.user, PASS=server.password, PORT=str(server.sftp_port),
                                     UMLAUT=UMLAUT))
    data = (here / "up").read_bytes()
    assert (here / "down").read_bytes() == data + (here / "more").read_bytes()
    assert (here / "down2").read_bytes() == data
    assert sums("tree2") == sums("tree")


JAVA = """
import com.jcraft.jsch.*;
import java.util.*;
public class Round {
    static void check(boolean b, String what) { if (!b) throw new RuntimeException(what); }
    public static void main(String[] a) throws Exception {
        JSch j = new JSch();
        j.setKnownHosts(a[3]);
        Session s = j.getSession(a[0], "127.0.0.1", Integer.parseInt(a[2]));
        s.setPassword(a[1]);
        s.connect();
        ChannelSftp c = (ChannelSftp)s.openChannel("sftp");
        c.connect();
        c.setFilenameEncoding("UTF-8");
        c.mkdir("jsch");
        c.cd("jsch");
        c.put("up", "file");
        c.put("more", "file", ChannelSftp.APPEND);
        c.get("file", "down");
        c.rename("file", a[4]);
        c.chmod(0600, a[4]);
        c.setMtime(a[4], 1500000000);
        check(c.stat(a[4]).getMTime() == 1500000000, "mtime");
        check(c.lstat(a[4]).getSize() == new java.io.File("down").length(), "size");
        boolean seen = false;
        for (Object o : c.ls("."))
            seen |= ((ChannelSftp.LsEntry)o).getFilename().equals(a[4]);
        check(seen, "ls");
        check(c.pwd().equals("/jsch"), "pwd");
        c.symlink(a[4], "link");
        check(c.readlink("link").equals(a[4]), "readlink");
        c.rm("link");
        c.rm(a[4]);
        c.cd("..");
        c.rmdir("jsch");
        c.exit();
        s.disconnect();
    }
}
"""


@pytest.mark.skipif(not (os.path.exists(JSCH) and shutil.which("javac")), reason="libjsch-java or a JDK is not installed")
def test_jsch(server, up, here):
    (here / "Round.java").write_text(JAVA)
    # 0.1.54 knows no Ed25519, no SHA-2 signatures of RSA and no GCM: the policy for such clients is `compatible`.
    run("javac", "-cp", JSCH, "Round.java")
    extra = here / "extra.yaml"
    extra.write_text("sftp: { policy: compatible }\nshares: { root: { rights: [list, read, create, overwrite, append, rename, delete, "
                     "mkdir, rmdir, chmod, times, symlink] } }\n")
    with serving("--config", str(extra)) as old:
        run("java", "-Dfile.encoding=UTF-8", "-cp", "%s:." % JSCH, "Round", old.user, old.password, str(old.sftp_port), old.known_hosts_all, UMLAUT)
        assert (here / "down").read_bytes() == (here / "up").read_bytes() + (here / "more").read_bytes()
        assert os.listdir(old.root) == []


PERL = r"""
use strict; use warnings; use Net::SFTP::Foreign; use Fcntl ':mode';
my ($host, $port, $user, $key, $hosts) = @ARGV;
my $s = Net::SFTP::Foreign->new($host, port => $port, user => $user, key_path => $key, autodie => 1,
    more => ['-o', "UserKnownHostsFile=$hosts", '-o', 'IdentitiesOnly=yes']);
$s->mkpath('foreign/a/b');
$s->put('up', 'foreign/a/file');
$s->put('up', 'foreign/a/atomic', atomic => 1);
$s->get('foreign/a/file', 'down');
$s->put_content('some words', 'foreign/words');
die 'content' unless $s->get_content('foreign/words') eq 'some words';
$s->append('more', 'foreign/a/file') if $s->can('append');
$s->rput('tree', 'foreign/tree');
$s->rget('foreign/tree', 'tree2');
die 'find' unless 30 == grep { S_ISREG($_->{a}->perm) } $s->find('foreign/tree');
$s->rename('foreign/a/file', 'foreign/words', overwrite => 1);
die 'size' unless $s->stat('foreign/words')->size == -s 'up';
$s->chmod('foreign/words', 0600);
$s->utime('foreign/words', 1500000000, 1500000000);
die 'mtime' unless $s->stat('foreign/words')->mtime == 1500000000;
my $h = $s->open('foreign/lines', 0x1a); print $h "line $_\n" for 1 .. 1000; close $h;
$h = $s->open('foreign/lines', 1); my @l = <$h>; die 'lines' unless @l == 1000; close $h;
$s->statvfs('foreign');
$s->rremove('foreign');
die 'left' if $s->test_e('foreign');
"""


def test_net_sftp_foreign(server, up, here):
    if run("perl", "-MNet::SFTP::Foreign", "-e1", ok=False).returncode:
        pytest.skip("libnet-sftp-foreign-perl is not installed")
    make_tree(here / "tree", 30, "foreign")
    run("perl", "-e", PERL, server.host, str(server.sftp_port), server.user, server.key, server.known_hosts)
    assert sha256("down") == up and sums("tree2") == sums("tree")


def fingerprint(server):
    return run("ssh-keygen", "-lf", server.known_hosts).text.split()[1]


@needs("psftp")
def test_putty(server, up, here):
    make_tree(here / "tree", 30, "putty")
    login = ["-batch", "-P", str(server.sftp_port), "-l", server.user, "-pw", server.password, "-hostkey", fingerprint(server)]
    (here / "script").write_text("mkdir putty\ncd putty\npwd\nput up file\nget file down\nput -r ../tree tree\nput -r tree tree\nget -r tree tree2\n"
                                 "chmod 600 file\nmv file renamed\nls\nreput up renamed\nreget renamed down\ndel renamed\ncd ..\n"
                                 .replace("put -r ../tree tree\n", ""))
    text = run("psftp", *login, "-b", "script", "127.0.0.1").text
    assert "renamed" in text and sha256("down") == up and sums("tree2") == sums("tree")
    # pscp: SFTP is its first choice, as is scp's.
    run("pscp", *login, "-r", "tree", "127.0.0.1:putty")
    run("pscp", *login, "-r", "127.0.0.1:putty/tree", "tree3")
    assert sums("tree3") == sums("tree")


class FileZilla:
    """FileZilla's own SFTP process, driven as the program does; files are given to it by shared memory, so they stay out."""

    def __init__(self, home, password):
        self.password = password
        self.process = subprocess.Popen(["fzsftp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env=dict(os.environ, HOME=str(home)))
        assert b"started" in self.process.stdout.readline()

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def do(self, command):
        """All that is said until the end of the command; True when it went well."""
        self.say(command)
        said, line, start = [], b"", True
        while True:
            c = self.process.stdout.read(1)
            if not c:
                return False, said
            if start and c in b"@A":  # how much may be transferred now: as much as it likes
                self.say("-0-" if c == b"@" else "-1-")
                continue
            start = c == b"\n"
            if not start:
                line += c
                continue
            said.append(line.decode(errors="replace"))
            kind, line = line[:1], b""
            if kind == b"9":
                self.process.stdout.readline()
                self.say("y")
            elif kind == b"<":
                self.say(self.password)
            elif kind in (b"0", b"1", b"2"):
                return kind != b"2", said


@needs("fzsftp")
def test_filezilla_logs_in_and_manages(server, here):
    f = FileZilla(here, server.password)
    ok, said = f.do('open "%s@127.0.0.1" %d' % (server.user, server.sftp_port))
    assert ok, said
    for command in ("pwd", 'mkdir "fz"', 'cd "fz"', 'mkdir "%s"' % UMLAUT, 'chmod 700 "%s"' % UMLAUT, 'mv "%s" "other"' % UMLAUT,
                    'chmtime 1500000000 "other"', 'mtime "other"', "ls"):
        ok, said = f.do(command)
        assert ok, (command, said)
    assert any("other" in line for line in said)
    assert os.stat(server.path("fz", "other")).st_mtime == 1500000000
    for command in ('rmdir "other"', 'cd ".."', 'rmdir "fz"'):
        assert f.do(command)[0], command
    f.process.stdin.close()
    f.process.wait(10)


def test_openssh_moves_5000_files_and_scp_does_too(server, here):
    make_tree(here / "tree", 5000, "five thousand")
    want = sums("tree")
    sftp(server, "put -r tree t5000\nget -r t5000 back\n")
    assert sums(server.path("t5000")) == want == sums("back")
    run("scp", "-q", "-r", "-P", str(server.sftp_port), *ssh_options(server), "tree/d01", "%s@127.0.0.1:scp" % server.user)
    run("scp", "-q", "-r", "-P", str(server.sftp_port), *ssh_options(server), "%s@127.0.0.1:scp" % server.user, "scp")
    assert sums("scp") == sums("tree/d01")


def test_openssh_resumes_in_both_directions(server, here):
    digest = big_file(here / "up", 8 * MEBI)
    data = (here / "up").read_bytes()
    with open(server.path("half"), "wb") as f:
        f.write(data[:3 * MEBI + 17])
    (here / "down").write_bytes(data[:5 * MEBI + 1])
    sftp(server, "reput up half\nreget half down\n")
    assert sha256(server.path("half")) == digest == sha256("down")


def test_sparse_files_of_5_gib_keep_their_size(server, here):
    size = 5 << 30
    with open(here / "up", "wb") as f:
        f.truncate(size)
        f.seek(size - 5)
        f.write(b"tail!")
    if shutil.disk_usage(here).free < 3 * size or shutil.disk_usage(server.root).free < 3 * size:
        pytest.skip("no room for 5 GiB")
    client = server.sftp()
    with client.open("sparse", "wb") as f:  # a client that seeks, as sshfs and rsync over it do
        f.seek(size - 5)
        f.write(b"tail!")
    assert os.stat(server.path("sparse")).st_size == size and os.stat(server.path("sparse")).st_blocks < 1000
    with client.open("sparse", "rb") as f:
        f.seek(-5, 2)
        assert f.read() == b"tail!"
        f.seek((4 << 30) - 3)
        assert f.read(6) == bytes(6)
    client.transport.close()
    os.unlink(server.path("sparse"))


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
