# SPDX-License-Identifier: ISC
"""Many logins, right and wrong, over both protocols, and what is left of them afterwards: nothing. Ledger RX03.

STORM_RATE logins a second (40) are begun for STORM_SECONDS (5), from several addresses; every tenth is SFTP. The
issue's run is STORM_RATE=200 STORM_SECONDS=60, which prints what was done.
"""

import collections
import contextlib
import ftplib
import os
import queue
import random
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import paramiko

from conftest import TOP, descendants, eventually, needs_root, run, serving

RATE, SECONDS = int(os.environ.get("STORM_RATE", "40")), int(os.environ.get("STORM_SECONDS", "5"))
CONFIG = """
auth: {failure-delay: 200ms}
limits: {waiting: 400, waiting-per-address: 400, waiting-drop-from: 400}
"""


def ftps(s, source, password):
    f = ftplib.FTP_TLS(context=s.storm_tls, timeout=60)
    try:
        f.connect(s.host, s.ftps_port, source_address=(source, 0))
        f.login(s.user, password)
        f.quit()
        return "in"
    except ftplib.error_perm as e:
        return str(e)[:3]
    except (ftplib.Error, EOFError, OSError) as e:
        return "turned away: " + type(e).__name__
    finally:
        f.close()


def sftp(s, source, password):
    try:
        t = paramiko.Transport(socket.create_connection((s.host, s.sftp_port), 60, (source, 0)))
        with contextlib.closing(t):
            t.start_client(timeout=60)
            t.auth_password(s.user, password, fallback=False)
            return "in"
    except paramiko.AuthenticationException:
        return "530"
    except (paramiko.SSHException, EOFError, OSError) as e:
        return "turned away: " + type(e).__name__


def memory(pid):
    """Bytes that are this process's own, and how many descriptors it has."""
    own = 0
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as f:
        for line in f:
            if line.startswith("Private_Dirty"):
                own = int(line.split()[1]) * 1024
    return own, len(os.listdir("/proc/%d/fd" % pid))


def lasting(s):
    """The processes that outlive sessions: listener and signer."""
    return sorted([s.pid] + descendants(s.pid))


def storm(s, rate, seconds):
    outcome, todo, lock = collections.Counter(), queue.Queue(), threading.Lock()

    def work():
        while True:
            job = todo.get()
            if job is None:
                return
            way, source, right = job
            result = way(s, source, s.password if right else "wrong")
            with lock:
                outcome[("right" if right else "wrong", way.__name__, result)] += 1

    threads = [threading.Thread(target=work) for _ in range(32)]
    for t in threads:
        t.start()
    began = time.monotonic()
    for i in range(rate * seconds):
        # An offer is made at its moment, whether the last one has been answered or not.
        time.sleep(max(0, began + i / rate - time.monotonic()))
        todo.put((sftp if i % 10 == 9 else ftps, "127.0.0.%d" % random.randint(2, 20), random.random() < 0.7))
    for _ in threads:
        todo.put(None)
    for t in threads:
        t.join(600)
    return outcome, time.monotonic() - began


@needs_root  # to look into listener and signer
def test_storm_of_logins_leaves_nothing_behind_rx03(tmp_path):
    config = tmp_path / "storm.yaml"
    config.write_text(CONFIG)
    with serving("--config", str(config), "--dir", str(tmp_path / "d")) as s:
        users = tmp_path / "d" / "users"
        name, _, rest = users.read_text().split(":", 2)
        quick = run("openssl", "passwd", "-6", "-salt", "storm", s.password).text.strip()
        users.write_text("%s:%s:%s" % (name, quick, rest))
        s.storm_tls = s.tls()
        s.storm_tls.check_hostname = False
        storm(s, 20, 1)
        eventually(lambda: not s.sessions(), 30)
        processes = lasting(s)
        before = {pid: memory(pid) for pid in processes}
        outcome, took = storm(s, RATE, SECONDS)
        eventually(lambda: not s.sessions(), 60, "the end of all sessions")
        print("storm: %d logins in %.1f s: %s" % (sum(outcome.values()), took, dict(outcome)))
        assert sum(outcome.values()) == RATE * SECONDS
        assert not [k for k in outcome if k[0] == "wrong" and k[2] == "in"], outcome
        assert not [k for k in outcome if k[0] == "right" and k[2] == "530"], outcome
        assert outcome[("right", "ftps", "in")] > 0 and outcome[("right", "sftp", "in")] > 0
        assert lasting(s) == processes
        for pid in processes:
            # Signer may have known of a session's end a moment later than we, the first time.
            eventually(lambda p=pid: memory(p)[1] <= before[p][1], 10, "as few descriptors as before")
            own, _ = memory(pid)
            print("storm: pid %d: %d KiB before, %d KiB after" % (pid, before[pid][0] // 1024, own // 1024))
            assert own < before[pid][0] + 1024 * 1024, (before[pid], own)


def test_a_client_with_twenty_connections_gets_all_of_them_where_nobody_has_set_limits(tmp_path):
    """As lftp -P 20 and rclone --transfers 16 make them. tests/serve sets limits, so what they are without is asked for."""
    ctl = os.path.join(os.environ.get("BUILD", os.path.join(TOP, "build", "release")), "cofferctl")
    limits = re.findall(r"^limits\.((?:waiting|sessions)[a-z-]*) \(.*default (\d+)\)$", run(ctl, "schema").text, re.M)
    assert len(limits) == 6
    config = tmp_path / "limits.yaml"
    config.write_text("limits:\n" + "".join("  %s: %s\n" % limit for limit in limits))
    with serving("--config", str(config)) as s, ThreadPoolExecutor(20) as pool:
        s.storm_tls = s.tls()
        s.storm_tls.check_hostname = False
        for login in (ftps, sftp):
            assert list(pool.map(lambda _: login(s, "127.0.0.7", s.password), range(20))) == ["in"] * 20
            eventually(lambda: not s.sessions(), 30)
