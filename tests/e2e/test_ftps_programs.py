# SPDX-License-Identifier: ISC
"""Real programs with a face or a virtual machine: FileZilla under a virtual X server, Apache commons-net."""

import contextlib
import os
import shutil
import subprocess
import time

import pytest

from conftest import run, serving
from rawftps import read, until

HERE = os.path.dirname(os.path.abspath(__file__))
COMMONS_NET = "/usr/share/java/commons-net.jar"

needs_java = pytest.mark.skipif(not shutil.which("java") or not os.path.exists(COMMONS_NET),
                                reason="needs java and commons-net (default-jdk-headless, libcommons-net-java)")
needs_filezilla = pytest.mark.skipif(not all(map(shutil.which, ("filezilla", "Xvfb", "xdotool"))),
                                     reason="needs filezilla, xvfb and xdotool")


def commons_net(server, tls, how):
    return run("java", "--add-opens", "java.base/sun.security.ssl=ALL-UNNAMED", "--add-opens", "java.base/sun.security.util=ALL-UNNAMED",
               "-cp", COMMONS_NET, os.path.join(HERE, "CommonsNet.java"), str(server.ftps_port), server.user, server.password, tls, how,
               ok=False, timeout=60)


@needs_java
@pytest.mark.parametrize("tls", ["TLSv1.2", "TLSv1.3"])
def test_commons_net_that_resumes_its_session(server, tls):
    done = commons_net(server, tls, "reuse")
    assert done.returncode == 0 and "DONE" in done.text, done.text


@needs_java
def test_commons_net_as_it_comes_is_refused_where_binding_is_required_and_served_where_it_is_preferred(server, tmp_path):
    assert commons_net(server, "TLSv1.3", "no").returncode != 0
    assert not os.path.exists(server.path("java", "file"))
    os.rmdir(server.path("java"))
    extra = tmp_path / "extra.yaml"
    extra.write_text("listeners: {ftps: {data-binding: preferred}}\n")
    with serving("--config", str(extra)) as s:
        done = commons_net(s, "TLSv1.3", "no")
        assert done.returncode == 0 and "DONE" in done.text, done.text


SETTINGS = """<?xml version="1.0"?><FileZilla3><Settings>
<Setting name="Greeting version">99.0.0</Setting><Setting name="Update Check">0</Setting>
<Setting name="Show Tree Local">0</Setting><Setting name="Show Tree Remote">0</Setting>
<Setting name="File exists action download">5</Setting><Setting name="File exists action upload">5</Setting>
</Settings></FileZilla3>
"""
ROW, ROWS_FROM, LOCAL, REMOTE = 23, 341, 100, 700  # where its lists are in a window that nobody moved


@contextlib.contextmanager
def display():
    """A virtual screen of its own; its number."""
    back, write = os.pipe()
    x = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24"], pass_fds=(write,), stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        yield ":" + os.read(back, 16).decode().strip()
    finally:
        os.close(back)
        x.terminate()
        x.wait(10)


@needs_filezilla
def test_filezilla_lists_transfers_and_resumes_both_ways(server, tmp_path):
    home, local = tmp_path / "home", tmp_path / "local"
    (home / ".config" / "filezilla").mkdir(parents=True)
    (home / ".config" / "filezilla" / "filezilla.xml").write_text(SETTINGS)
    local.mkdir()
    content = {name: os.urandom(400000) for name in ("a-up0.bin", "a-up1.bin", "b-down0.bin", "b-down1.bin")}
    os.mkdir(server.path("fz"))
    for name, halves in (("a-up0.bin", 0), ("a-up1.bin", 1)):
        (local / name).write_bytes(content[name])
        if halves:
            with open(server.path("fz", name), "wb") as f:
                f.write(content[name][:200000])
    for name, halves in (("b-down0.bin", 0), ("b-down1.bin", 1)):
        with open(server.path("fz", name), "wb") as f:
            f.write(content[name])
        if halves:
            (local / name).write_bytes(content[name][:150000])
    with display() as screen:
        env = dict(os.environ, DISPLAY=screen, HOME=str(home), XDG_CONFIG_HOME=str(home / ".config"), XDG_RUNTIME_DIR=str(home))

        def xdotool(*arguments):
            return subprocess.run(["xdotool", *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                  check=False).stdout.strip()

        def double_click(x, row):
            xdotool("mousemove", str(x), str(ROWS_FROM + ROW * row), "click", "--repeat", "2", "--delay", "80", "1")

        program = subprocess.Popen(["filezilla", "ftpes://%s:%s@localhost:%d/fz" % (server.user, server.password, server.ftps_port),
                                    "--local=" + str(local)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            transfers = server.log().count(" transfer: ")
            until(lambda: xdotool("search", "--name", "Unknown certificate"), 30)
            # It refuses keys for a moment, so that nobody trusts a certificate by accident. A key too many would go elsewhere.
            while xdotool("search", "--name", "Unknown certificate"):
                xdotool("key", "Return")
                with contextlib.suppress(AssertionError):
                    until(lambda: not xdotool("search", "--name", "Unknown certificate"), 1.5)
            server.wait_for_log("login: ", 20)
            # Local: a-up0 a-up1 b-down1. Remote: a-up1 b-down0 b-down1. A click may come before the list: click until it is done.
            wanted = (("local", 0, lambda: os.path.exists(server.path("fz", "a-up0.bin")) and read(server.root, "fz", "a-up0.bin") == content["a-up0.bin"]),
                      ("local", 1, lambda: read(server.root, "fz", "a-up1.bin") == content["a-up1.bin"]),
                      ("remote", None, lambda: all(read(str(local), n) == content[n] if (local / n).exists() else False
                                                   for n in ("b-down0.bin", "b-down1.bin"))))
            for side, row, done in wanted:
                deadline = time.monotonic() + 40
                while not done():
                    assert time.monotonic() < deadline, (side, row, server.log()[-3000:])
                    if side == "local":
                        double_click(LOCAL, row)
                    else:
                        for name in sorted(os.listdir(server.path("fz"))):
                            if name.startswith("b-"):
                                double_click(REMOTE, sorted(os.listdir(server.path("fz"))).index(name))
                    end = time.monotonic() + 4
                    while not done() and time.monotonic() < end:
                        time.sleep(0.1)
        finally:
            if os.environ.get("SCREENSHOT"):
                subprocess.run(["import", "-window", "root", os.environ["SCREENSHOT"]], env=env, check=False)
            program.terminate()
            program.wait(20)
    log = [line for line in server.log().split(" transfer: ")[transfers + 1:]]
    assert any("path=/fz/a-up1.bin" in line and "offset=200000" in line for line in log)
    assert any("path=/fz/b-down1.bin" in line and "bytes=250000" in line for line in log)
    shutil.rmtree(server.path("fz"))
