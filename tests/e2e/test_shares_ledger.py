# SPDX-License-Identifier: ISC
"""Attacks on shares by names, mounts, links and modes, and what a power failure may take. Ledger VF03, VF06, VF07, VF11,
VF12, VF14, LC11."""

import contextlib
import ftplib
import os
import re
import shutil
import stat
import subprocess

import paramiko
import pytest
import yaml

from conftest import IS_ROOT, SYSTEM_GROUPS, SYSTEM_UID, SYSTEM_USER, TOP, eventually, needs_root, run, serving
from rawftps import Raw
from test_sftp_ledger import ATTRS, BAD_MESSAGE, CLOSE, CREAT, FSETSTAT, LSTAT, MKDIR, OK, OPENDIR, PERMISSION_DENIED, REMOVE, SETSTAT, STAT, \
    STATUS, TRUNC, W, WRITE, readdir, s, u32, u64
from test_sftp_ledger import Raw as RawSftp

BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "release"))
LONG = "n" * 255


@contextlib.contextmanager
def shares(tmp, as_user=False, **named):
    """A server with these shares; s.where is its directory and s.conf its configuration."""
    os.chmod(tmp, 0o755)
    (tmp / "extra.yaml").write_text(yaml.safe_dump({"auth": {"failure-delay": "100ms"}, "shares": named}))
    mode = ("--mode", "root", "--user", SYSTEM_USER) if as_user and IS_ROOT else ()
    with serving("--config", str(tmp / "extra.yaml"), "--dir", str(tmp / "server"), *mode) as server:
        server.where = str(tmp / "server")
        server.conf = os.path.join(server.where, "coffer.yaml")
        yield server
        eventually(lambda: not server.sessions(), 15, "end of all sessions")


@pytest.fixture()
def tmp(tmp_path):
    """A directory that a system user can reach, which those of pytest are not."""
    where = "/tmp" if IS_ROOT else str(tmp_path)
    here = run("mktemp", "-d", "-p", where, "coffer-ledger-XXXXXX").text.strip()
    yield type(tmp_path)(here)
    shutil.rmtree(here)


def ftp_enters(server, user):
    """Whether the user may log in with the password of the server's user, and what he then sees."""
    with contextlib.closing(server.ftp(login=False)) as f:
        try:
            f.login(user, server.password)
        except (ftplib.error_perm, ftplib.error_temp):
            return None
        f.prot_p()
        return sorted(f.nlst())


def sftp_enters(server, user):
    t = paramiko.Transport((server.host, server.sftp_port))
    try:
        t.start_client(timeout=20)
        t.auth_password(user, server.password, fallback=False)
        return sorted(paramiko.SFTPClient.from_transport(t).listdir("/"))
    except paramiko.SSHException:
        return None
    finally:
        t.close()


def check(conf, where, **named):
    """(exit code, text) of cofferctl check for the configuration with other shares."""
    with open(conf, encoding="utf-8") as f:
        text = dict(yaml.safe_load(f), shares=named)
    path = os.path.join(where, "other.yaml")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
        yaml.safe_dump(text, f)
    done = run(os.path.join(BUILD, "cofferctl"), "check", "-c", path, ok=False)
    return done.returncode, done.text


# ---- VF03: what %u becomes ----


def test_vf03_names_that_are_no_component_are_no_users(tmp):
    bad = ("..", ".", "a/b", "../homes", "/", "")
    for name in ("good", "a/b"):
        (tmp / "homes" / name).mkdir(parents=True)
        (tmp / "homes" / name / "mine").write_text(name)
    with shares(tmp, root={"path": str(tmp / "homes" / "%u")}) as server:
        users = os.path.join(server.where, "users")
        with open(users, encoding="ascii") as f:
            line = next(x for x in f if x.startswith(server.user + ":"))
        with open(users, "a", encoding="ascii") as f:
            for name in (*bad, "good"):  # behind them, so that they break nothing for others
                f.write(name + line[len(server.user):])
        assert ftp_enters(server, "good") == sftp_enters(server, "good") == ["mine"]
        for name in bad:
            assert sftp_enters(server, name) is None, name
            if name:  # USER without a name is no command
                assert ftp_enters(server, name) is None, name
        with Raw(server, login=False) as c:
            c.expect("USER ", "501")
    for name in bad:
        done = run(os.path.join(BUILD, "cofferctl"), "user", "add", "-f", str(tmp / "new"), name, "--uid", "61001", "--gid", "61001",
                   "--home", "/", ok=False, input=b"Rk4-silver-heron\n")
        assert done.returncode != 0 and not (tmp / "new").exists(), name


# ---- VF06: links on the way to a share ----


def test_vf06_a_link_in_the_path_of_a_share_is_refused_by_the_check(tmp):
    (tmp / "real" / "inner").mkdir(parents=True)
    (tmp / "link").symlink_to("real")
    (tmp / "real" / "last").symlink_to("inner")
    with shares(tmp) as server:
        good = {"path": str(tmp / "real" / "inner"), "mount": "/"}
        assert check(server.conf, server.where, it=good)[0] == 0
        for path in ("link", "link/inner", "real/last"):
            code, text = check(server.conf, server.where, it=dict(good, path=str(tmp / path)))
            assert code != 0 and "there is a symbolic link in" in text and good["path"].rsplit("/", 1)[0] in text, (path, text)


def test_vf06_a_link_that_comes_later_takes_the_share_away(tmp):
    for name in ("late", "way/inner", "secret", "homes"):
        (tmp / name).mkdir(parents=True)
        (tmp / name / "file").write_text(name)
    (tmp / "secret" / "inner").mkdir()
    named = {"late": {"path": str(tmp / "late")}, "way": {"path": str(tmp / "way" / "inner")},
             "home": {"path": str(tmp / "homes" / "%u")}}
    (tmp / "homes" / "tester").mkdir()
    with shares(tmp, **named) as server:
        there = ["home", "late", "way"]
        assert [n for n in ftp_enters(server, server.user) if n in there] == there
        (tmp / "late").rename(tmp / "was-late")
        (tmp / "way").rename(tmp / "was-way")
        (tmp / "homes" / "tester").rmdir()
        for link in ("late", "way", "homes/tester"):
            (tmp / link).symlink_to(tmp / "secret")
        assert not set(there) & set(ftp_enters(server, server.user))
        assert not set(there) & set(sftp_enters(server, server.user))
        for name in there:
            assert re.search(r"name=%s .*symbolic link" % name, server.log()), server.log()


# ---- VF07: filesystems that are the kernel's ----


def test_vf07_paths_of_the_kernel_are_refused_by_the_check(tmp):
    with shares(tmp) as server:
        for path in ("/proc", "/proc/self", "/proc/self/root", "/sys", "/sys/kernel", "/dev", "/dev/shm"):
            code, text = check(server.conf, server.where, it={"path": path, "mount": "/"})
            assert code != 0 and "is the kernel's and cannot be shared" in text, (path, text)


@needs_root
def test_vf07_mounts_of_the_kernel_in_a_share_are_not_served(tmp):
    tree, mounted = tmp / "tree", []
    try:
        for name, how in (("proc", ("--bind", "/proc")), ("sys", ("--bind", "/sys")), ("pts", ("-t", "devpts", "devpts")),
                          ("ram", ("-t", "tmpfs", "none"))):
            (tree / name).mkdir(parents=True)
            run("mount", *how, str(tree / name))
            mounted.append(tree / name)
        (tree / "ram" / "file").write_text("of a filesystem that is served")
        with shares(tmp, tree={"path": str(tree), "rights": "read-write"}, it={"path": str(tree / "proc")}) as server:
            with Raw(server) as c:
                assert c.get("RETR /tree/ram/file")[1] == b"of a filesystem that is served"
                for path in ("/proc", "/sys", "/pts"):
                    c.expect("CWD /tree" + path, "550")
                    reply, listing = c.get("MLSD /tree" + path)
                    assert reply.startswith("550") and not listing, reply
                for path in ("/proc/self/environ", "/proc/version", "/proc/self/root/etc/passwd", "/sys/kernel/notes"):
                    reply, content = c.get("RETR /tree" + path)
                    assert reply.startswith("550") and not content, (path, reply)
                for path in ("/proc/self/mem", "/proc/self/oom_score_adj"):
                    assert c.put("/tree" + path, b"15")[:3] in ("550", "553")
                assert c.get("NLST")[1].split() == [b"tree"]
            with RawSftp(server) as r:
                for path in ("/proc/self/environ", "/proc/version", "/sys/kernel/notes"):
                    kind, body = r.open("/tree" + path, 1)
                    assert kind == STATUS and body != OK, path
                for path in ("/proc/self/mem", "/proc/self/oom_score_adj"):
                    kind, body = r.open("/tree" + path, W)
                    assert kind == STATUS and body != OK, path
                assert r.ask(OPENDIR, s("/tree/proc"))[0] == STATUS
                assert r.ask(STAT, s("/it"))[0] == STATUS
                assert r.ask(STAT, s("/tree/ram/file"))[0] == ATTRS
            assert re.search(r"name=it .*such a filesystem .* is never served", server.log()), server.log()
            run("mkdir", "-p", str(tree / "devices"))
            run("mount", "-t", "devtmpfs", "none", str(tree / "devices"))
            mounted.append(tree / "devices")
            for name in ("proc", "sys", "pts", "devices", "ram"):
                code, text = check(server.conf, server.where, it={"path": str(tree / name), "mount": "/"})
                assert code == 0 and ("is the kernel's" in text) == (name != "ram"), (name, text)
                assert name == "ram" or re.search(r"other.yaml:\d+:\d+: warning: shares.it: ", text), text
    finally:
        for path in reversed(mounted):
            run("umount", "-l", str(path))


# ---- VF11: names that mean something to somebody ----

ODD = [b"cr\rlf\nend", b"\r\n226 Done.", b"\r\ntype=file; false", b"esc\x1b[2Jape", b"\xff\xfbiac", b"\x7f", b" before", b"behind ",
       b"two  blanks", b"   ", b"-rf", b"-", b"--", b"*", b"?", b"[a]", b"a;b=c", b"tab\there", b"\xff\xfe", b"\xc3", b"\xc0\xaf",
       b"\xed\xa0\x80", b"x" * 255, b"\n" * 255, b"\xff" * 255, "ü".encode(), b"...", b".hidden", b"drwx 1 a b 1 Jan 1 00:00 f"]


def shown(name):
    return bytes(ord("?") if c < 0x20 or c == 0x7f else c for c in name)


@pytest.fixture(scope="module")
def odd(server):
    os.makedirs(server.path("odd"), exist_ok=True)
    for name in ODD:
        with open(os.path.join(server.path("odd").encode(), name), "wb") as f:
            f.write(b"12345")
    return server


def lines_of(content):
    assert content.endswith(b"\r\n")
    lines = content[:-2].split(b"\r\n")
    for line in lines:
        assert not re.search(rb"[\x00-\x1f\x7f]", line), line
    return lines


LONG_LINE = rb"-rw-r--r-- +1 \S+ +\S+ +5 \w{3} [ \d]\d (?:\d\d:\d\d| \d{4}) (.*)"


def test_vf11_every_odd_name_is_one_line_in_ftp(odd):
    want = sorted(map(shown, ODD))
    with Raw(odd) as c:
        c.expect("CWD /odd", "250")
        assert sorted(lines_of(c.get("NLST")[1])) == want
        assert sorted(re.fullmatch(LONG_LINE, line, re.S).group(1) for line in lines_of(c.get("LIST -a")[1])
                      if line[:1] != b"d") == want
        facts = [line.split(b" ", 1) for line in lines_of(c.get("MLSD")[1])]
        assert sorted(name for fact, name in facts if b"type=file;" in fact.lower()) == want
        assert all(b"size=5;" in fact.lower() for fact, name in facts if b"type=file;" in fact.lower())
        # What is left over of the reply would be taken for the one of NOOP.
        c.send("STAT /odd")
        raw = b""
        while not re.search(rb"^212 [^\r]*\r\n", raw, re.M):
            raw += c.sock.recv(65536)
        said = [re.fullmatch(b" *" + LONG_LINE, line, re.S) for line in lines_of(raw)[1:-1]]
        assert sorted(m.group(1) for m in said if m) == want
        c.expect("NOOP", "200")


def test_vf11_odd_names_are_themselves_in_sftp(odd):
    with RawSftp(odd) as r:
        found = [pair for pair in readdir(r, "/odd") if pair[0] not in (b".", b"..")]
        assert sorted(name for name, _ in found) == sorted(ODD)
        for name, longname in found:
            assert longname.endswith(b" " + shown(name)) and not re.search(rb"[\x00-\x1f\x7f]", longname), longname
            assert r.ask(STAT, s(b"/odd/" + name))[0] == ATTRS, name


# ---- VF12: long names, long paths ----


@pytest.fixture(scope="module")
def deep(server):
    os.mkdir(server.path("deep"))
    at = os.open(server.path("deep"), os.O_RDONLY)
    for _ in range(200):
        os.mkdir(LONG, dir_fd=at)
        below = os.open(LONG, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    return server


def test_vf12_ftp_refuses_paths_that_are_too_long_and_goes_on(deep):
    with Raw(deep) as c:
        c.expect("CWD /deep", "250")
        depth = 0
        while depth < 200 and (reply := c("CWD " + LONG)).startswith("250"):
            depth += 1
        assert reply.startswith("550") and depth == 15, (depth, reply)
        assert c("PWD").count(LONG) == depth
        name = LONG.encode()
        assert lines_of(c.get("NLST")[1]) == [name]
        assert lines_of(c.get("LIST")[1])[0].endswith(b" " + name)
        assert any(line.endswith(b"; " + name) for line in lines_of(c.get("MLSD")[1]))
        for command in ("MKD", "RMD", "DELE", "SIZE", "MDTM", "RNFR", "MLST", "CWD", "SITE CHMOD 755"):
            c.expect("%s %s" % (command, LONG), "550")
        for command in ("RETR", "LIST", "NLST", "MLSD"):
            assert c.get("%s %s" % (command, LONG))[0][:3] == "550", command
        assert c.put(LONG, b"x")[:3] == "550"
        c.expect("MKD short", "257")
        c.expect("RMD short", "250")
        assert c("PWD").count(LONG) == depth
        c.expect("CWD /", "250")


def test_vf12_sftp_refuses_paths_that_are_too_long_and_goes_on(deep):
    path = "/deep" + ("/" + LONG) * 15
    with RawSftp(deep) as r:
        assert [name for name, _ in readdir(r, path) if name not in (b".", b"..")] == [LONG.encode()]
        for long in (path + "/" + LONG, "/deep" + ("/" + LONG) * 200, "/" + "x/" * 4000, "/" + "x" * 256):
            for kind, more in ((STAT, b""), (LSTAT, b""), (OPENDIR, b""), (MKDIR, u32(0)), (SETSTAT, u32(4) + u32(0o700))):
                assert r.ask(kind, s(long) + more) == (STATUS, BAD_MESSAGE), (kind, len(long))
            assert r.open(long, W | CREAT) == (STATUS, BAD_MESSAGE)  # as OpenSSH says it
            assert r.ask(STAT, s(path))[0] == ATTRS


def test_vf12_the_longest_names_come_whole_and_can_be_made(server):
    names = ["%03d" % i + "\U0001F5C4" * 63 for i in range(600)]  # several batches
    assert all(len(n.encode()) == 255 for n in names)
    os.mkdir(server.path("wide"))
    for name in names[:-2]:
        with open(server.path("wide", name), "wb"):
            pass
    with Raw(server) as c:
        assert c.put("/wide/" + names[-2], b"by FTP")[:3] == "226"
        with RawSftp(server) as r:
            h = r.open("/wide/" + names[-1], W | CREAT | TRUNC)
            assert r.ask(WRITE, s(h) + u64(0) + s(b"by SFTP")) == (STATUS, OK)
            assert r.ask(CLOSE, s(h)) == (STATUS, OK)
            found = [name.decode() for name, _ in readdir(r, "/wide") if name not in (b".", b"..")]
        assert sorted(found) == names
        c.expect("CWD /wide", "250")
        assert sorted(x.decode() for x in lines_of(c.get("NLST")[1])) == names
        assert sorted(x.decode()[-66:] for x in lines_of(c.get("LIST")[1])) == names
        assert sorted(x.decode().split(" ", 1)[1] for x in lines_of(c.get("MLSD")[1]) if b"type=file" in x) == names
    assert open(server.path("wide", names[-2]), "rb").read() == b"by FTP"
    assert open(server.path("wide", names[-1]), "rb").read() == b"by SFTP"


# ---- VF14: bits of modes ----


def mode_of(*names):
    return stat.S_IMODE(os.stat(os.path.join(*map(str, names))).st_mode)


@needs_root
def test_vf14_no_client_sets_more_than_0777_and_directories_hand_down_their_group(tmp):
    rights = "list, read, create, overwrite, rename, delete, mkdir, rmdir, chmod"
    open_, tight = tmp / "open", tmp / "tight"
    for path in (open_, tight):
        (path / "crew").mkdir(parents=True)
        (path / "file").write_text("x")
        (path / "dir").mkdir()
        for below in (path, path / "crew", path / "file", path / "dir"):
            os.chown(below, SYSTEM_UID, SYSTEM_UID)
        os.chown(path / "crew", SYSTEM_UID, SYSTEM_GROUPS["coffered"])
        os.chmod(path / "crew", 0o2775)
    named = {"open": {"path": str(open_), "rights": rights, "file-mode": 0o777, "dir-mode": 0o777},
             "tight": {"path": str(tight), "rights": rights, "file-mode": 0o640, "dir-mode": 0o750}}
    named = {k: dict(v, **{m: "%04o" % v[m] for m in ("file-mode", "dir-mode")}) for k, v in named.items()}
    with shares(tmp, as_user=True, **named) as server, Raw(server) as c, RawSftp(server) as r:
        for share, mask in ((open_, 0o777), (tight, 0o640)):
            for asked in ("4755", "2755", "1777", "7777"):
                os.chmod(share / "file", 0o600)
                c.expect("SITE CHMOD %s /%s/file" % (asked, share.name), "200")
                assert mode_of(share, "file") == int(asked, 8) & 0o777 & mask, (share, asked)
            for asked in (0o6777, 0o104755, 0o107777):
                os.chmod(share / "file", 0o600)
                assert r.ask(SETSTAT, s("/%s/file" % share.name) + u32(4) + u32(asked)) == (STATUS, OK)
                assert mode_of(share, "file") == asked & 0o777 & mask, (share, asked)
        assert r.ask(SETSTAT, s("/open/dir") + u32(4) + u32(0o7777)) == (STATUS, OK)
        assert mode_of(open_, "dir") == 0o777
        assert r.ask(MKDIR, s("/open/new") + u32(4) + u32(0o7777)) == (STATUS, OK)
        assert mode_of(open_, "new") & 0o7000 == 0
        h = r.open("/open/born", W | CREAT | TRUNC, u32(4) + u32(0o6777))
        assert r.ask(CLOSE, s(h)) == (STATUS, OK)
        assert mode_of(open_, "born") & 0o7000 == 0
        # In a setgid directory the group comes from it, and directories stay setgid; files do not become so.
        for share, file_mode, dir_mode in ((open_, 0o666, 0o777), (tight, 0o640, 0o750)):
            assert c.put("/%s/crew/by-ftp" % share.name, b"x")[:3] == "226"
            h = r.open("/%s/crew/by-sftp" % share.name, W | CREAT | TRUNC)
            assert r.ask(CLOSE, s(h)) == (STATUS, OK)
            c.expect("MKD /%s/crew/dir-ftp" % share.name, "257")
            assert r.ask(MKDIR, s("/%s/crew/dir-sftp" % share.name) + u32(0)) == (STATUS, OK)
            for name, want in (("by-ftp", file_mode), ("by-sftp", file_mode), ("dir-ftp", 0o2000 | dir_mode),
                               ("dir-sftp", 0o2000 | dir_mode)):
                st = os.stat(share / "crew" / name)
                assert (st.st_uid, st.st_gid) == (SYSTEM_UID, SYSTEM_GROUPS["coffered"]), name
                assert stat.S_IMODE(st.st_mode) == want, (share, name, oct(st.st_mode))


def test_chmod_mode_is_for_what_is_there_and_file_mode_for_what_is_new(tmp):
    path = tmp / "mine"
    path.mkdir()
    with shares(tmp, mine={"path": str(path), "rights": "read-write", "chmod-mode": "0777"}) as server, Raw(server) as c, \
            RawSftp(server) as r:
        h = r.open("/mine/file", W | CREAT | TRUNC, u32(4) + u32(0o777))
        assert r.ask(FSETSTAT, s(h) + u32(4) + u32(0o666)) == (STATUS, OK)
        assert r.ask(CLOSE, s(h)) == (STATUS, OK) and mode_of(path, "file") == 0o666
        h = r.open("/mine/new", W | CREAT | TRUNC, u32(4) + u32(0o777))
        assert r.ask(CLOSE, s(h)) == (STATUS, OK) and mode_of(path, "new") == 0o755
        assert c.put("/mine/by-ftp", b"x")[:3] == "226" and mode_of(path, "by-ftp") == 0o644
        assert r.ask(MKDIR, s("/mine/dir") + u32(4) + u32(0o777)) == (STATUS, OK) and mode_of(path, "dir") == 0o755
        for name in ("new", "dir"):
            c.expect("SITE CHMOD 4776 /mine/" + name, "200")
            assert mode_of(path, name) == 0o776


@needs_root
def test_vf14_files_of_others_in_a_sticky_directory_stay(tmp):
    common = tmp / "common"
    common.mkdir()
    os.chmod(common, 0o1777)
    (common / "theirs").write_text("of root")
    os.chmod(common / "theirs", 0o666)
    with shares(tmp, as_user=True, common={"path": str(common), "rights": "read-write"}) as server, Raw(server) as c, \
            RawSftp(server) as r:
        c.expect("DELE /common/theirs", "550")
        c.expect("RNFR /common/theirs", "350")
        c.expect("RNTO /common/mine", "550", "553")
        assert r.ask(REMOVE, s("/common/theirs")) == (STATUS, PERMISSION_DENIED)
        assert c.put("/common/mine", b"x")[:3] == "226"
        c.expect("DELE /common/mine", "250")
    assert (common / "theirs").read_text() == "of root"


# ---- mount points of shares: refused for good, so no client tries again ----


def test_a_directory_that_only_leads_to_shares_says_so_and_is_itself(tmp):
    """Nothing can be made in it, for a reason; and no two of them are the same (RFC 3659, section 7.5.2)."""
    (tmp / "one").mkdir()
    with shares(tmp, root={"path": str(tmp / "one"), "mount": "/one", "rights": "read-write"},
                deep={"path": str(tmp / "one"), "mount": "/x/y/z", "rights": "read-write"}) as server:
        with Raw(server) as c:
            assert c.put("one/file", b"content")[:3] == "226"
            for there in ("/", "/x/"):
                for line in ("MKD %snew", "RNTO %snew", "SITE SYMLINK file %snew", "STOR %snew"):
                    c.expect("RNFR one/file", "350")
                    if line.startswith("STOR"):
                        c.epsv()
                    assert c(line % there).startswith("550 this directory only leads to shares"), line % there
            c.expect("MKD nowhere/new", "550")
            unique = {path: re.search("unique=([^;]+)", c("MLST " + path)).group(1) for path in ("/", "/x", "/x/y", "/one", "/x/y/z")}
            assert len({unique[path] for path in ("/", "/x", "/x/y")}) == 3
            listed = [(there + name, number) for there, command in (("/", "MLSD /"), ("/x/", "MLSD /x"), ("/x/y/", "MLSD /x/y"))
                      for number, name in re.findall("unique=([^;]+).* ([^ ]+)\r\n", c.get(command)[1].decode())]
            assert sorted(listed) == sorted((path, number) for path, number in unique.items() if path != "/")
        with RawSftp(server) as r:
            assert r.ask(MKDIR, s("/x/new") + u32(0)) == (STATUS, PERMISSION_DENIED)


def test_what_a_share_is_mounted_at_stays_and_the_refusal_says_so(tmp):
    for name in ("top", "docs"):
        (tmp / name).mkdir()
    (tmp / "top" / "d").mkdir()
    words = 'this is where the share "docs" is mounted'
    with shares(tmp, root={"path": str(tmp / "top"), "mount": "/", "rights": "read-write"},
                docs={"path": str(tmp / "docs"), "mount": "/d/docs", "rights": "read-write"}) as server:
        with Raw(server) as c:
            for line in ("RMD /d/docs", "DELE /d/docs", "SITE CHMOD 700 /d/docs"):
                assert words in c.expect(line, "550"), line
            assert "shares are mounted below" in c.expect("RMD /d", "550")
            c.expect("RNFR /d/docs", "350")
            assert words in c.expect("RNTO /away", "550", "553")
            c.expect("RNFR /d", "350")
            assert "shares are mounted below" in c.expect("RNTO /away", "550", "553")
        with contextlib.closing(server.sftp()) as f:
            for ask, said in ((lambda: f.rmdir("/d/docs"), words), (lambda: f.remove("/d/docs"), words),
                              (lambda: f.chmod("/d/docs", 0o700), words), (lambda: f.rename("/d/docs", "/away"), words),
                              (lambda: f.posix_rename("/d/docs", "/away"), words),
                              (lambda: f.rmdir("/d"), "shares are mounted below this directory")):
                with pytest.raises(PermissionError) as refused:
                    ask()
                assert said in str(refused.value)
            f.transport.close()
    assert (tmp / "top" / "d").is_dir() and (tmp / "docs").is_dir()


# ---- LC11: when the power fails ----

SYNCS, RENAMES, SENDS = ("fsync", "fdatasync"), ("renameat2", "renameat", "rename", "linkat"), ("write", "writev", "sendto", "sendmsg")


@contextlib.contextmanager
def traced(server, out):
    """Writes the calls of the one session that there is into out."""
    pids = [pid for some in server.sessions().values() for pid in some]
    process = subprocess.Popen(["strace", "-f", "-yy", "-s", "0", "-e", "trace=" + ",".join(SYNCS + RENAMES + SENDS), "-o", out,
                                *(x for pid in pids for x in ("-p", str(pid)))], stderr=subprocess.PIPE, text=True)
    try:
        for _ in pids:
            line = process.stderr.readline()
            if "attached" not in line:
                pytest.fail("strace: " + line)
        yield
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def calls_of(path):
    """[(name, text, line of its begin, line of its end)]"""
    found, open_ = [], {}
    with open(path, encoding="utf-8", errors="replace") as f:
        for i, line in enumerate(f):
            pid, text = line.split(None, 1)
            if m := re.match(r"<\.\.\. (\w+) resumed>(.*)", text):
                name, start, begin = open_.pop(pid)
                assert name == m.group(1)
                found.append((name, start + m.group(2), begin, i))
            elif m := re.match(r"(\w+)\((.*)", text):
                if "<unfinished ...>" in text:
                    open_[pid] = (m.group(1), m.group(2), i)
                else:
                    found.append((m.group(1), m.group(2), i, i))
    return found


@pytest.fixture(scope="module")
def disks(tmp_path_factory):
    if not shutil.which("strace"):
        pytest.skip("no strace, which sees the order of fsync and rename")
    tmp = tmp_path_factory.mktemp("power")
    (tmp / "safe").mkdir()
    (tmp / "quick").mkdir()
    with shares(tmp, safe={"path": str(tmp / "safe"), "rights": "read-write", "durable": True},
                quick={"path": str(tmp / "quick"), "rights": "read-write"}) as server:
        server.top = tmp
        yield server


def upload(server, protocol, name, out):
    """Uploads with a trace of everything from the first byte until success was said; returns its calls and the client's port."""
    if protocol == "ftp":
        with Raw(server) as c:
            with traced(server, out):
                assert c.put(name, b"x" * 1000)[:3] == "226"
            port = c.raw.getsockname()[1] if c.raw.fileno() >= 0 else c.sock.getsockname()[1]
    else:
        with RawSftp(server) as r:
            h = r.open(name, W | CREAT | TRUNC)
            assert r.ask(WRITE, s(h) + u64(0) + s(b"x" * 1000)) == (STATUS, OK)
            with traced(server, out):
                assert r.ask(CLOSE, s(h)) == (STATUS, OK)
            port = r.transport.sock.getsockname()[1]
    eventually(lambda: not server.sessions(), 15, "end of the session")
    return calls_of(out), port


@needs_root
@pytest.mark.parametrize("old", (False, True), ids=("new", "replaced"))
@pytest.mark.parametrize("protocol", ("ftp", "sftp"))
def test_lc11_file_then_name_then_directory_are_on_the_disk_before_success_is_said(disks, tmp_path, protocol, old):
    name, safe = "%s-%s" % (protocol, old), str(disks.top / "safe")
    if old:
        (disks.top / "safe" / name).write_text("old")
    calls, port = upload(disks, protocol, "/safe/" + name, str(tmp_path / "trace"))
    renamed = [c for c in calls if c[0] in RENAMES and c[1].endswith("= 0")]
    assert len(renamed) == 1, calls
    synced = [c for c in calls if c[0] in SYNCS and c[1].endswith("= 0")]
    file_ = [c for c in synced if c[1].split("<", 1)[1].startswith(safe + "/")]
    dir_ = [c for c in synced if c[1].split("<", 1)[1].startswith(safe + ">")]
    assert len(file_) == 1 and len(dir_) == 1, calls
    said = [c for c in calls if c[0] in SENDS and re.search(r":%d\]?>" % port, c[1].split(",")[0])]
    assert file_[0][3] < renamed[0][2] and renamed[0][3] < dir_[0][2], calls
    assert [c for c in said if c[2] > dir_[0][3]], calls
    assert not [c for c in said if file_[0][2] < c[2] < dir_[0][3]], calls


@needs_root
@pytest.mark.parametrize("protocol", ("ftp", "sftp"))
def test_lc11_other_shares_do_not_wait_for_the_disk(disks, tmp_path, protocol):
    calls, _ = upload(disks, protocol, "/quick/" + protocol, str(tmp_path / "trace"))
    assert [c for c in calls if c[0] in RENAMES] and not [c for c in calls if c[0] in SYNCS], calls
