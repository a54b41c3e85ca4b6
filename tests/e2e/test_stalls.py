# SPDX-License-Identifier: ISC
"""A filesystem that hangs, as an NFS server does that is gone (ledger LC05): open, read, readdir, write and fsync never return.
Whoever touches it waits, can be kicked, and is ended at limits.stall-time; nobody else notices."""

import contextlib
import os
import tempfile

import pytest

from conftest import TOP, comm, eventually, needs_root, run
from rawftps import Raw
from test_faults import Disk
from test_sftp_ledger import CLOSE, CREAT, NAME, OPEN, OPENDIR, R, READ, REALPATH, W, WRITE, s, u32, u64
from test_sftp_ledger import Raw as RawSftp

BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "release"))
# The worker hangs in open, readdir and fsync, whatever the protocol; in read and write it is each front end.
CASES = [("ftp", "open"), ("sftp", "readdir"), ("ftp", "read"), ("sftp", "read"), ("ftp", "write"), ("sftp", "write"),
         ("ftp", "fsync")]

pytestmark = [needs_root, pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="there is no /dev/fuse")]


def started(stall):
    @contextlib.contextmanager
    def start():
        with tempfile.TemporaryDirectory(prefix="coffer-stall-") as tmp:
            os.chmod(tmp, 0o755)
            d = Disk(tmp, {"limits": {"stall-time": stall}}, durable=True)
            d.conf = os.path.join(os.path.dirname(d.server.ca), "coffer.yaml")
            d.put("file", os.urandom(300000))
            os.mkdir(os.path.join(d.real, "dir"))
            try:
                yield d
            finally:
                d.close()
    return start()


@pytest.fixture(scope="module")
def disk():
    with started("1s") as d:
        yield d


@pytest.fixture(scope="module")
def patient():
    with started("1h") as d:
        yield d


def hang(client, step, name):
    """Sends the one request that will not be answered."""
    if isinstance(client, Raw):
        data = client.data()
        client.send({"open": "RETR file", "readdir": "MLSD dir", "read": "RETR file"}.get(step, "STOR " + name))
        if step in ("read", "write", "fsync"):
            client.expect(None, "150")
            data = client.wrap(data)
        if step in ("write", "fsync"):
            data.sendall(b"x" * 100000)
        if step == "fsync":
            data.unwrap()
        return data
    if step in ("open", "readdir"):
        client.send(*{"open": (OPEN, u32(99) + s("/file") + u32(R) + u32(0)), "readdir": (OPENDIR, u32(99) + s("/dir"))}[step])
        return None
    handle = client.open("/file" if step == "read" else "/" + name, R if step == "read" else W | CREAT)
    assert isinstance(handle, bytes), handle
    if step == "read":
        client.send(READ, u32(99) + s(handle) + u64(0) + u32(32768))
        return None
    client.send(WRITE, u32(99) + s(handle) + u64(0) + s(b"x" * 1000))
    if step == "fsync":
        client.send(CLOSE, u32(100) + s(handle))
    return None


def of_session(server, before):
    return [p for pids in server.sessions().values() for p in pids if p not in before]


def answers(client):
    """Somebody who has nothing to do with it."""
    if isinstance(client, Raw):
        client.expect("NOOP", "200")
        client.expect("PWD", "257")
    else:
        assert client.ask(REALPATH, s("/"))[0] == NAME
    return True


@contextlib.contextmanager
def stalled(disk, protocol, step):
    """(client that hangs, its processes, bystanders)"""
    disk.set("")
    with Raw(disk.server) as a, RawSftp(disk.server) as b:
        eventually(lambda: len(disk.server.sessions().get("coffer-worker", [])) == 2, 10, "two bystanders")
        before = of_session(disk.server, ())
        with (Raw if protocol == "ftp" else RawSftp)(disk.server) as client:
            mine = of_session(disk.server, before)
            disk.set("%s STALL 0" % step)
            data = hang(client, step, "new-%d" % mine[0])
            answers(a), answers(b)
            try:
                yield client, mine, (a, b)
            finally:
                disk.set("")
                if data:
                    data.close()
    eventually(lambda: not disk.server.sessions(), 15, "the end of all sessions")


def slots(disk):
    return run(os.path.join(BUILD, "cofferctl"), "who", "-c", disk.conf).text.count(disk.server.user)


@pytest.mark.parametrize("protocol,step", CASES)
def test_lc05_a_session_that_hangs_ends_at_the_stall_time_and_others_go_on(disk, protocol, step):
    with stalled(disk, protocol, step) as (client, mine, others):
        if protocol == "ftp" and step in ("open", "readdir"):
            client.expect("NOOP", "200")  # the worker hangs, and the client is answered
        eventually(lambda: slots(disk) == 2, 12, "the slot of the session that hangs")
        assert all(answers(o) for o in others)
        with Raw(disk.server) as new:  # and the listener lets in
            answers(new)
        # Who is in the middle of a call of the filesystem is gone when that comes back, if not before.
        disk.set("")
        eventually(lambda: not [p for p in mine if comm(p).startswith("coffer-")], 10, "the end of its processes")
    disk.server.wait_for_log("reason=stalled")


def test_lc05_a_session_that_hangs_can_be_kicked(patient):
    with stalled(patient, "sftp", "readdir"):
        assert slots(patient) == 3
        run(os.path.join(BUILD, "cofferctl"), "kick", "-c", patient.conf, patient.server.user)
        eventually(lambda: slots(patient) == 0, 20, "the slots")
