# SPDX-License-Identifier: ISC
"""What clients delete and replace comes into the trash, in both protocols, and out again with the right for it."""

import os
import tempfile

import pytest
import yaml

from conftest import IS_ROOT, SYSTEM_USER, eventually, run, serving

READ_WRITE = "list, read, create, overwrite, append, rename, delete, mkdir, rmdir"


@pytest.fixture(scope="module")
def kept():
    """Two shares on the same directory: one for whom the trash is not there, one who sees it."""
    with tempfile.TemporaryDirectory(prefix="coffer-trash-") as tmp:
        os.chmod(tmp, 0o755)
        here, extra = os.path.join(tmp, "server"), os.path.join(tmp, "extra.yaml")
        common = {"path": here + "/root", "trash": "30d", "versions": 2}
        with open(extra, "w", encoding="ascii") as f:
            yaml.safe_dump({"shares": {"root": dict(common, rights=READ_WRITE),
                                       "keeper": dict(common, mount="/keeper", rights=READ_WRITE + ", trash")}}, f)
        arguments = ["--dir", here, "--config", extra]
        if IS_ROOT:
            arguments += ["--mode", "root", "--user", SYSTEM_USER]
        with serving(*arguments) as s:
            yield s


def put(f, name, data):
    with f.transfercmd("STOR " + name) as c:
        c.sendall(data)
        c.unwrap()
    f.voidresp()


@pytest.mark.parametrize("protocol", ("ftp", "sftp"))
def test_what_is_deleted_and_replaced_can_be_taken_back(kept, protocol):
    name, texts = "report-" + protocol, [b"first", b"second", b"third", b"fourth"]
    if protocol == "ftp":
        c = kept.ftp()
        for text in texts:
            put(c, name, text)
        c.delete(name)
        names = lambda path: c.nlst(path)  # noqa: E731
        rename = c.rename
    else:
        c = kept.sftp()
        for text in texts:
            with c.open(name, "w") as h:
                h.write(text)
        c.remove(name)
        names, rename = c.listdir, c.posix_rename
    assert not [n for n in names("/") if "coffer" in n]
    seen = [os.path.basename(n) for n in names("/keeper/.coffer-trash") if name in n]
    assert len(seen) == 3
    real = kept.path(".coffer-trash")
    assert sorted(open(os.path.join(real, n), "rb").read() for n in seen) == [b"fourth", b"second", b"third"]
    deleted = next(n for n in seen if not n.startswith("v"))
    rename("/keeper/.coffer-trash/" + deleted, "/keeper/" + name)
    with open(kept.path(name), "rb") as f:
        assert f.read() == b"fourth"
    if protocol == "ftp":
        c.quit()
    else:
        c.transport.close()
    eventually(lambda: not kept.sessions(), 15, "end of sessions")


def test_explain_says_what_can_be_done_in_the_trash(kept):
    ctl = os.path.join(os.environ.get("BUILD", os.path.join(os.path.dirname(__file__), "..", "..", "build", "release")), "cofferctl")
    conf = os.path.join(os.path.dirname(kept.root), "coffer.yaml")

    with open(kept.path("there"), "w", encoding="ascii"):
        pass

    def explain(path, op):
        return run(ctl, "explain", "-c", conf, "--user", kept.user, "--path", path, "--op", op, ok=False).text

    assert "refused" in explain("/.coffer-trash/v01~a", "read")
    assert "allowed" in explain("/keeper/.coffer-trash/v01~a", "read")
    assert "refused" in explain("/keeper/.coffer-trash/v01~a", "create")
    assert "overwrite: allowed" in explain("/there", "put") and "create: allowed" in explain("/missing", "put")
