# SPDX-License-Identifier: ISC
"""Quotas of our own, in both protocols (ledger RX08, LC01, LC02, LC03, LC04)."""

import ftplib
import os
import random
import signal
import struct
import subprocess
import tempfile
import threading
import time

import pytest
import yaml

from conftest import IS_ROOT, SYSTEM_GROUPS, SYSTEM_UID, SYSTEM_USER, comm, eventually, needs_root, serving

BUILD = os.environ.get("BUILD", os.path.join(os.path.dirname(__file__), "..", "..", "build", "release"))
KIB = 1024
QUOTA, FILES = 2048 * KIB, 120
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**31)))


def config(tmp, **share):
    path = os.path.join(str(tmp), "extra.yaml")
    with open(path, "w", encoding="ascii") as f:
        yaml.safe_dump({"shares": {"root": share}}, f)
    return path


def start(tmp, **share):
    arguments = ["--dir", os.path.join(str(tmp), "server"), "--config", config(tmp, **share)]
    os.chmod(tmp, 0o755)
    if IS_ROOT:
        arguments += ["--mode", "root", "--user", SYSTEM_USER]
    return serving(*arguments)


@pytest.fixture()
def public():
    """A directory that every account may enter; pytest's own are closed again by every other run of it."""
    with tempfile.TemporaryDirectory(prefix="coffer-quota-") as tmp:
        yield tmp


@pytest.fixture()
def limited(public):
    """As root in system mode: the file behind the quota is root's, the worker is not."""
    with start(public, **{"quota-bytes": str(QUOTA), "quota-files": FILES}) as s:
        yield s


def state(s):
    return os.path.join(os.path.dirname(s.root), "state", "quota", "root")


def record(s):
    """What is written down: used bytes, used files, put aside bytes, put aside files, flags."""
    with open(state(s), "rb") as f:
        data = f.read()
    for at in range(128, len(data), 128):
        kind, _, _, used, files, held, held_files, _, flags, _ = struct.unpack_from("<IIQQQQQIII", data, at)
        if kind == 0x7265636F:
            return used, files, held, held_files, flags
    raise AssertionError("no record")


def there(s):
    """What du would say: bytes of regular files, and the number of everything, but marks."""
    used = files = 0
    seen = set()
    for top, dirs, names in os.walk(s.root):
        files += len(dirs)
        for name in names:
            try:
                st = os.lstat(os.path.join(top, name))
            except FileNotFoundError:
                continue
            if name.startswith(".coffer-mark~") or (st.st_nlink > 1 and st.st_ino in seen):
                continue
            seen.add(st.st_ino)
            files += 1
            used += st.st_size if not os.path.islink(os.path.join(top, name)) else 0
    return used, files


def ftp_put(f, name, data, rest=None):
    """None, or the reply that refused it."""
    try:
        with f.transfercmd("STOR " + name, rest) as c:
            c.sendall(data)
            c.unwrap()
        f.voidresp()
    except (ftplib.Error, OSError) as e:
        if isinstance(e, OSError):
            try:
                f.voidresp()
            except ftplib.Error as reply:
                return str(reply)
        return str(e)
    return None


def sftp_put(c, name, data):
    try:
        with c.open(name, "wb") as f:
            f.set_pipelined(False)
            f.write(data)
    except OSError as e:
        return str(e)
    return None


def test_quota_ends_uploads_of_both_protocols_in_words(limited):
    """RX08: never 226, never OK; the words name the quota; what was there stays."""
    data = os.urandom(QUOTA)
    f, c = limited.ftp(), limited.sftp()
    assert ftp_put(f, "a", data[: QUOTA // 2]) is None
    assert sftp_put(c, "b", data[: QUOTA // 4]) is None
    for reply in (ftp_put(f, "c", data), sftp_put(c, "d", data)):
        assert "quota of the share" in reply and str(QUOTA) in reply, reply
    assert not os.path.exists(limited.path("c")) and not os.path.exists(limited.path("d"))
    # What is replaced does not count twice.
    assert ftp_put(f, "a", data[QUOTA // 2 :]) is None
    with open(limited.path("a"), "rb") as local:
        assert local.read() == data[QUOTA // 2 :]
    assert sum(there(limited)[:1]) <= QUOTA
    # A sparse file, cut to a size or written far out, is no way around it.
    with c.open("b", "r+b") as h:
        with pytest.raises(OSError):
            h.truncate(1 << 40)
        h.seek(1 << 40)
        with pytest.raises(OSError):
            h.write(b"x")
            h.flush()
    f.quit()
    c.transport.close()
    eventually(lambda: not limited.sessions(), 15, "end of sessions")
    assert record(limited)[:2] == there(limited)
    assert record(limited)[2:4] == (0, 0)


def test_space_is_shown_as_the_quota_leaves_it(limited):
    f = limited.ftp()
    assert ftp_put(f, "a", bytes(QUOTA // 2)) is None
    assert int(f.sendcmd("AVBL").split()[1]) == QUOTA - QUOTA // 2
    f.quit()
    c = limited.sftp()
    kind, msg = c._request(200, "statvfs@openssh.com", "/")  # SSH_FXP_EXTENDED; paramiko has no word for it
    assert kind == 201
    frag, blocks_free = [msg.get_int64() for _ in range(4)][1::2]
    assert frag * blocks_free == QUOTA - QUOTA // 2
    c.transport.close()


def test_number_of_files_is_limited_too(limited):
    """RX08: a million empty files."""
    f, c = limited.ftp(), limited.sftp()
    for i in range(FILES // 2):
        f.mkd("d%d" % i)
    for i in range(FILES // 2):
        assert sftp_put(c, "f%d" % i, b"") is None
    assert "(%d files)" % FILES in sftp_put(c, "one-more", b"")
    with pytest.raises(ftplib.error_perm) as refused:
        f.mkd("one-more")
    assert "(%d files)" % FILES in str(refused.value)
    f.rmd("d0")
    assert sftp_put(c, "one-more", b"") is None
    f.quit()
    c.transport.close()


def test_two_sessions_cannot_overrun_it_together(limited):
    data = os.urandom(QUOTA)
    most = [0]
    over = threading.Event()

    def watch():
        while not over.is_set():
            most[0] = max(most[0], there(limited)[0])

    def put(i):
        if i % 2:
            f = limited.ftp()
            ftp_put(f, "x%d" % i, data[: QUOTA * 2 // 3])
            f.close()
        else:
            c = limited.sftp()
            sftp_put(c, "x%d" % i, data[: QUOTA * 2 // 3])
            c.transport.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        threads = [threading.Thread(target=put, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        over.set()
        watcher.join()
    assert 0 < most[0] <= QUOTA, most[0]
    eventually(lambda: not limited.sessions(), 15, "end of sessions")
    assert record(limited)[0] == there(limited)[0]


def work(s, rng, steps):
    """One session's random work, until it is killed."""
    try:
        ftp = s.ftp() if rng.random() < 0.5 else None
        c = None if ftp else s.sftp()
        for _ in range(steps):
            name, size = "n%d" % rng.randrange(30), rng.choice((0, 1, 1000, 70 * KIB, 300 * KIB))
            what = rng.randrange(8)
            try:
                if ftp and what < 4:
                    ftp_put(ftp, name, rng.randbytes(size))
                elif ftp:
                    (lambda: ftp.delete(name), lambda: ftp.rename(name, "n%d" % rng.randrange(30)),
                     lambda: ftp.mkd("d" + name), lambda: ftp.rmd("d" + name))[what - 4]()
                elif what < 3:
                    sftp_put(c, name, rng.randbytes(size))
                elif what == 3:
                    with c.open(name, "r+b") as h:
                        h.seek(rng.randrange(100 * KIB))
                        h.write(rng.randbytes(size))
                else:
                    (lambda: c.remove(name), lambda: c.posix_rename(name, "n%d" % rng.randrange(30)),
                     lambda: c.truncate(name, size), lambda: c.rmdir("d" + name))[what - 4]()
            except ftplib.error_perm:
                pass
            except ftplib.error_temp as e:
                if str(e).startswith("421"):
                    return
            except OSError:
                if c and not c.transport.is_active():
                    return
        if ftp:
            ftp.quit()
        else:
            c.transport.close()
    except (EOFError, OSError, ftplib.Error):
        pass  # killed
    except Exception as e:  # paramiko's own, of a session that was killed at its login
        assert "paramiko" in type(e).__module__, e


@pytest.mark.parametrize("kept", ({}, {"trash": "1h", "versions": 2}), ids=("plain", "trash"))
def test_quota_equals_what_is_there_after_random_work_with_kills(public, kept):
    """LC01, LC02, LC03 (monitor): whoever is killed, the next session counts; what is in the trash counts too."""
    quota, files = (QUOTA * 8, FILES * 8) if kept else (QUOTA, FILES)
    with start(public, **{"quota-bytes": str(quota), "quota-files": files}, **kept) as s:
        random_work_with_kills(s, quota, files)


def random_work_with_kills(limited, quota, max_files):
    rng = random.Random(SEED)
    print("SEED=%d" % SEED)
    seen = set()  # those whose monitor was killed are no descendants of the daemon while they die
    for _ in range(int(os.environ.get("ROUNDS", "4"))):
        threads = [threading.Thread(target=work, args=(limited, random.Random(rng.random()), 40)) for _ in range(3)]
        for t in threads:
            t.start()
        for _ in range(5):
            time.sleep(rng.random() * 0.3)
            sessions = limited.sessions()
            seen.update(pid for pids in sessions.values() for pid in pids)
            name = rng.choice(("coffer-worker", "coffer-wire", "coffer-monitor"))
            for pid in sessions.get(name, [])[:1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for t in threads:
            t.join(60)
            assert not t.is_alive()
        eventually(lambda: not limited.sessions() and not any(comm(pid).startswith("coffer-") for pid in seen), 20, "end of sessions")
        f = limited.ftp()  # it counts if that is needed
        f.quit()
        eventually(lambda: not limited.sessions(), 20, "end of sessions")
        used, files = there(limited)
        assert record(limited)[:4] == (used, files, 0, 0)
        # A wire whose worker was killed may write on until it notices: a piece or two.
        assert used <= quota + 512 * KIB and files <= max_files + 5
    assert "sandbox-violation" not in limited.log()


def test_scan_repairs_what_was_changed_beside_us(limited):
    f = limited.ftp()
    assert ftp_put(f, "a", b"12345") is None
    os.makedirs(limited.path("beside", "us"))
    with open(limited.path("beside", "file"), "wb") as local:
        local.write(b"1234567890")
    for name in ("beside", "beside/us", "beside/file"):
        if IS_ROOT:
            os.chown(limited.path(name), SYSTEM_UID, SYSTEM_UID)
    conf = os.path.join(os.path.dirname(limited.root), "coffer.yaml")
    done = subprocess.run([os.path.join(BUILD, "cofferctl"), "quota", "scan", "-c", conf], capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 0 and done.stdout == "root %s: 15 bytes, 4 files\n" % limited.user, done
    assert record(limited)[:2] == (15, 4) == there(limited)
    f.delete("a")
    f.quit()
    eventually(lambda: not limited.sessions(), 15, "end of sessions")
    assert record(limited)[:2] == there(limited)


@needs_root
def test_quota_file_is_not_the_users(limited):
    f = limited.ftp()
    f.quit()
    st = os.stat(state(limited))
    assert (st.st_uid, st.st_mode & 0o7777) == (0, 0o600)
    assert os.stat(os.path.dirname(state(limited))).st_mode & 0o7777 == 0o700


def test_max_file_size_and_min_free_hold_at_any_offset(public):
    with start(public, **{"max-file-size": "100K"}) as s:
        f, c = s.ftp(), s.sftp()
        assert ftp_put(f, "a", bytes(100 * KIB)) is None
        assert "552" in ftp_put(f, "b", bytes(100 * KIB + 1))
        with c.open("a", "r+b") as h:
            h.seek(100 * KIB)
            with pytest.raises(OSError, match="may have 102400 bytes at most"):
                h.write(b"x")
        assert os.path.getsize(s.path("a")) == 100 * KIB
        assert sftp_put(c, "c", bytes(101 * KIB)) is not None and not os.path.exists(s.path("c"))
        f.quit()
        c.transport.close()


@needs_root
def test_forced_group_is_that_of_everything_new(public):
    with start(public, **{"force-group": "cofferpub"}) as s:
        f = s.ftp()
        assert ftp_put(f, "a", b"x") is None
        f.mkd("d")
        f.quit()
        for name in ("a", "d"):
            assert os.stat(s.path(name)).st_gid == SYSTEM_GROUPS["cofferpub"]
        assert "sandbox-violation" not in s.log()
