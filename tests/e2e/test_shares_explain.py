# SPDX-License-Identifier: ISC
"""cofferctl explain: which rule, which file, which line; and it says what a session does."""

import ftplib
import os
import subprocess

import pytest
import yaml

from conftest import serving

BUILD = os.environ.get("BUILD", os.path.join(os.path.dirname(__file__), "..", "..", "build", "release"))


@pytest.fixture(scope="module")
def ruled(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("explain")
    extra = {"shares": {"root": {"paths": {"/in": "drop-box", "/old": "read-only"}, "hide": ["*.hidden"], "deny": ["*.exe"]}}}
    (tmp / "extra.yaml").write_text(yaml.safe_dump(extra))
    with serving("--config", str(tmp / "extra.yaml"), "--dir", str(tmp / "server")) as s:
        for name in ("in", "old", "free"):
            os.mkdir(s.path(name))
            with open(s.path(name, "file"), "wb") as f:
                f.write(b"x")
        os.symlink("old/file", s.path("link"))
        s.conf = str(tmp / "server" / "coffer.yaml")
        yield s


def explain(s, path, *more):
    return subprocess.run([os.path.join(BUILD, "cofferctl"), "explain", "-c", s.conf, "--user", s.user, "--path", path, *more],
                          capture_output=True, text=True, timeout=20)


def line_of(s, text):
    with open(s.conf, encoding="utf-8") as f:
        return next(i for i, line in enumerate(f, 1) if text in line)


@pytest.mark.parametrize("path, op, rule", (
    ("/old/file", "delete", "/old:"), ("/in/file", "read", "/in:"), ("/link", "overwrite", "/old:"),
    ("/free/../old/file", "rename", "/old:")))
def test_refusals_name_the_line(ruled, path, op, rule):
    done = explain(ruled, path, "--op", op)
    assert done.returncode == 1 and 'does not allow "%s" here' % op in done.stdout, done
    assert "rule: %s:%d:" % (ruled.conf, line_of(ruled, rule)) in done.stdout, done.stdout


def test_what_it_says_is_what_a_session_does(ruled):
    f = ruled.ftp()
    for top in ("in", "old", "free", "missing"):
        for op, ask in (("delete", "DELE /%s/nothing"), ("mkdir", "MKD /%s/new"), ("read", "SIZE /%s/x.hidden")):
            path = (ask % top).split()[1]
            try:
                f.sendcmd(ask % top)
                said = True
            except ftplib.error_perm as e:
                said = "does not allow" not in str(e) and "does not take" not in str(e) and ".hidden" not in path
            assert (explain(ruled, path, "--op", op).returncode == 0) == said, (path, op)
    f.quit()


def test_names_that_are_not_served_are_said_to_be(ruled):
    assert "hidden" in explain(ruled, "/a.hidden").stdout
    assert "does not serve such names" in explain(ruled, "/a.exe", "--op", "read").stdout


def test_nobody_and_nonsense_are_told_apart(ruled):
    done = subprocess.run([os.path.join(BUILD, "cofferctl"), "explain", "-c", ruled.conf, "--user", "nobody-here", "--path", "/"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "there is no user" in done.stderr
    done = explain(ruled, "/", "--op", "fly")
    assert done.returncode == 2 and "they are called list read" in done.stderr
