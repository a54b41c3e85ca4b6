# SPDX-License-Identifier: ISC
"""Data connections that do not resume: who is served, by listener, user and network, and how the administrator sees them."""

import contextlib
import os
import re

import pytest

from conftest import TOP, run, serving
from rawftps import Raw

CTL = os.path.join(TOP, "build", "release", "cofferctl")


@pytest.fixture()
def started(tmp_path):
    @contextlib.contextmanager
    def start(text):
        extra = tmp_path / "extra.yaml"
        extra.write_text(text)
        with serving("--config", str(extra), "--dir", str(tmp_path / "server")) as s:
            s.ctl = lambda *a: run(CTL, a[0], "-c", str(tmp_path / "server" / "coffer.yaml"), *a[1:]).text
            yield s
    return start


def unbound_list(c):
    """A LIST whose data connection resumes nothing; its last reply."""
    data = c.data()
    c.expect("LIST", "150")
    with contextlib.suppress(OSError):
        data = c.wrap(data, resume=False)
        data.recv(1000)
    data.close()
    return c.reply()[:3]


RULES = """
auth:
  rules:
  - {networks: [127.0.0.2], data-binding: preferred}
  - {users: [tester], networks: [127.0.0.3], data-binding: required}
listeners: {ftps: {data-binding: %s}}
"""


def test_binding_is_a_matter_of_the_network_and_the_user_before_it_is_one_of_the_listener(started):
    with started(RULES % "required") as s:
        for source, code in (("127.0.0.2", "226"), ("127.0.0.3", "522"), (None, "522")):
            with Raw(s, source=source) as c:
                assert unbound_list(c) == code, source
    with started(RULES % "preferred") as s:
        for source, code in (("127.0.0.3", "522"), (None, "226")):
            with Raw(s, source=source) as c:
                assert unbound_list(c) == code, source


def test_clients_that_do_not_resume_are_listed_with_what_is_known_of_them(started):
    with started("{}\n") as s:
        assert s.ctl("unbound") == "nobody\n"
        for _ in range(3):
            with Raw(s) as c:
                c.expect("CLNT Old Mirror 1.2", "200")
                assert unbound_list(c) == "522"
                assert unbound_list(c) == "522"  # a session counts once
        with Raw(s, source="127.0.0.2") as c:
            assert c.put("bound", b"x")[:3] == "226"  # nothing to tell
        lines = s.ctl("unbound").splitlines()
        assert len(lines) == 1 and re.match(r" +3 tester +127\.0\.0\.1 +refused [0-9a-f]{32} \"Old Mirror 1\.2\"$", lines[0]), lines
        assert re.search(r"data-unbound: .*fingerprint=[0-9a-f]{32}", s.log())


def test_what_a_client_says_of_itself_cannot_forge_a_line(started):
    with started("{}\n") as s, Raw(s) as c:
        c.send(b"CLNT a\x1b[2J\tb\r\n")
        c.reply()
        assert unbound_list(c) == "522"
        said = s.ctl("unbound")
        assert said.count("\n") == 1 and "\x1b" not in said
