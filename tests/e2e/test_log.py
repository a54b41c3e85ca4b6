# SPDX-License-Identifier: ISC
"""Records of the log: each is whole, and what a client says stays a value. Ledger AU12, RX09."""

import contextlib
import ftplib
import json
import os
import re
import signal
import socket
import threading

import pytest

from conftest import eventually, free_port, serving

ODD = [b"\xff\xfe" * 60, b'x","process":"monitor","event":"login', b"a=b c=d", b'"' * 120, b"\\" * 120, b"\x1b[0m\x7f",
       "\u00fc\u202e".encode(), b"\\x0", b"n" * 127]


@pytest.mark.parametrize("form", ["json", "text"])
def test_records_are_whole_whatever_a_client_calls_itself_and_its_files_au12(tmp_path, form):
    config = tmp_path / "log.yaml"
    config.write_text("auth: {failure-delay: 100ms}\nlog: {format: %s}\n" % form)
    with serving("--config", str(config)) as s:
        for odd in ODD:
            with contextlib.closing(s.ftp(login=False)) as f:
                f.encoding = "latin-1"
                f.sendcmd("CLNT " + odd.decode("latin-1"))
                with contextlib.suppress(ftplib.Error):
                    f.login(odd.decode("latin-1"), "wrong")
                f.login(s.user, s.password)
                f.prot_p()
                for command in ("STAT ", "SIZE ", "DELE ", "MKD "):
                    with contextlib.suppress(ftplib.Error):
                        f.sendcmd(command + odd.decode("latin-1"))
        lines = s.log().splitlines()
    if form == "json":
        for line in lines:
            pairs = json.loads(line, object_pairs_hook=list)
            names = [k for k, _ in pairs]
            assert len(names) == len(set(names)), line
        assert sum(json.loads(line)["event"] == "login" for line in lines) == len(ODD)
        assert all(json.loads(line)["process"] == "monitor" for line in lines
                   if json.loads(line)["event"] in ("login", "login-failed"))
    else:
        whole = re.compile(r'\S+ \w+ \w+ [a-z0-9-]+:( [a-z0-9_-]+=("([^"\\]|\\["\\]|\\x[0-9a-f]{2})*"|[^ "\\]*))*$')
        assert not [line for line in lines if not whole.match(line)]
        assert sum(" monitor login: " in line for line in lines) == len(ODD)


def test_a_rotated_log_is_opened_again_by_a_reload(tmp_path):
    log, config = tmp_path / "log", tmp_path / "extra.yaml"
    config.write_text("log: {file: %s, level: info}\n" % log)
    with serving("--config", str(config)) as s:
        with s.ftp() as before:
            log.rename(tmp_path / "log.1")
            os.kill(s.pid, signal.SIGHUP)
            eventually(lambda: log.exists() and "reload: result=ok" in log.read_text(), what="a new file")
            with s.ftp() as f:
                f.voidcmd("NOOP")
            eventually(lambda: " login: " in log.read_text(), what="the login in it")
            before.voidcmd("NOOP")
        # A directory that is gone: the old file stays in use, and the log says so.
        path = os.path.join(os.path.dirname(s.ca), "coffer.yaml")
        with open(path, encoding="utf-8") as f:
            good = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(good.replace(str(log), str(tmp_path / "nowhere" / "log")))
        os.kill(s.pid, signal.SIGHUP)
        eventually(lambda: "reload: result=failed reason=log.file" in log.read_text(), what="the refusal")


def test_a_listener_whose_name_is_two_words_stays_one_value():
    port = free_port()
    config = "limits: {waiting-per-address: 1}\nlisteners: {two words: {protocol: ftps, port: %d}}\n" % port
    with serving(config=config) as s, socket.create_connection((s.host, port), timeout=20) as first:
        assert first.recv(100).startswith(b"220 ")
        with socket.create_connection((s.host, port), timeout=20) as second:
            assert second.recv(100).startswith(b"421 ")
        s.wait_for_log(' turned-away: addr=127.0.0.1 listener="two words" limit=limits.waiting-per-address')


def test_password_of_the_cluster_is_no_word_of_the_log_whatever_its_server_answers_au12(tmp_path):
    """Redis says so where AUTH has another name (rename-command): with all that was behind it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def answer():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client:
                        words = client.recv(1000).split(b"\r\n")
                        client.sendall(b"-ERR unknown command 'AUTH', with args beginning with: '%s' \r\n" % words[-2:][0])

        threading.Thread(target=answer, daemon=True).start()
        password, config = tmp_path / "password", tmp_path / "cluster.yaml"
        password.write_text("not-for-the-log\n")
        password.chmod(0o600)
        config.write_text("cluster: {redis: '127.0.0.1:%d', password-file: %s}\n" % (server.getsockname()[1], password))
        with serving("--config", str(config)) as s:
            s.wait_for_log("result=unreachable")
            assert "it does not take the password" in s.log()
            assert "not-for-the-log" not in s.log()
        server.shutdown(socket.SHUT_RDWR)
