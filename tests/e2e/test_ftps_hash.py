# SPDX-License-Identifier: ISC
"""Checksums and copies on the server: HASH, X..., COMB, SITE CPFR and CPTO."""

import hashlib
import os
import time
import zlib

import pytest

from conftest import serving
from rawftps import Raw, read, until

CONTENT = bytes(range(256)) * 3000 + b"tail"


@pytest.fixture()
def c(server):
    with open(server.path("data file"), "wb") as f:
        f.write(CONTENT)
    with open(server.path("empty"), "wb"):
        pass
    with Raw(server) as client:
        yield client


@pytest.mark.parametrize("name,short,digest", [
    ("SHA-256", "XSHA256", lambda b: hashlib.sha256(b).hexdigest()),
    ("SHA-512", "XSHA512", lambda b: hashlib.sha512(b).hexdigest()),
    ("SHA-1", "XSHA1", lambda b: hashlib.sha1(b).hexdigest()),
    ("MD5", "XMD5", lambda b: hashlib.md5(b).hexdigest()),
    ("CRC32", "XCRC", lambda b: "%08x" % zlib.crc32(b)),
])
def test_checksums_are_those_of_everybody_else(c, name, short, digest):
    assert c("OPTS HASH " + name) == "200 " + name
    assert name + "*" in c("FEAT")
    assert c("HASH data file") == "213 %s 0-%d %s /data file" % (name, len(CONTENT) - 1, digest(CONTENT))
    assert c("HASH empty") == "213 %s 0-0 %s /empty" % (name, digest(b""))
    c.expect("RANG 10 1000000", "350")
    assert c("HASH data file").split()[3] == digest(CONTENT[10:])
    c.expect("RANG 10 99", "350")
    assert c("HASH data file").split()[2:4] == ["10-99", digest(CONTENT[10:100])]
    assert c("HASH data file").split()[3] == digest(CONTENT)  # a range is for one command
    assert c(short + " data file") == "250 " + digest(CONTENT)
    assert c('%s "data file"' % short) == "250 " + digest(CONTENT)
    assert c('%s "data file" 5' % short) == "250 " + digest(CONTENT[5:])
    assert c('%s "data file" 5 20' % short) == "250 " + digest(CONTENT[5:20])
    c.expect('%s "data file" 99999999' % short, "554")
    c.expect('%s "data file" 1 2 3' % short, "501")


def test_a_long_checksum_stalls_nothing_and_can_be_aborted(server, c):
    with open(server.path("huge"), "wb") as f:
        f.truncate(20 << 30)  # a hole: half a minute at least
    c.send("HASH huge")
    begin = time.monotonic()
    c.expect("NOOP", "200")
    until(lambda: "Checksum: 0 of" not in (said := c("STAT")) and "Checksum: " in said)
    assert c.is_silent(0.1)
    c.send("PWD")
    assert c.is_silent(0.1)  # not urgent
    c.send("NOOP")
    assert c.is_silent(0.1)  # behind it
    assert time.monotonic() < begin + 10
    with Raw(server) as other:
        other.send("XCRC huge")
        other.expect("NOOP", "200")
        other.send("ABOR")
        assert other.codes(2) == ["426", "226"]
        other.expect("PWD", "257")
        assert other.put("after", b"x")[:3] == "226"
    os.unlink(server.path("huge"))


def test_a_copy_is_whole_or_not_there(server, c):
    c.expect("SITE CPFR data file", "350")
    c.expect("SITE CPTO copy of it", "250")
    assert read(server.root, "copy of it") == CONTENT
    c.expect("SITE CPTO again", "503")
    c.expect("SITE CPFR data file", "350")
    c.expect("PWD", "257")
    c.expect("SITE CPTO again", "503")
    c.expect("SITE CPFR empty", "350")
    c.expect("SITE CPTO copy of it", "250")
    assert read(server.root, "copy of it") == b""
    c.expect("SITE CPFR data file", "350")
    c.expect("SITE CPTO data file", "553")
    assert read(server.root, "data file") == CONTENT
    c.expect("SITE CPFR data file", "350")
    c.expect("SITE CPTO no/such/dir", "550")
    c.expect("SITE CPFR ../../etc/passwd", "550")
    c.expect("MKD directory", "257")
    c.expect("SITE CPFR directory", "550")
    with open(server.path("sparse"), "wb") as f:
        f.truncate(300 << 20)
    c.expect("SITE CPFR sparse", "350")
    c.send("SITE CPTO sparse copy")
    c.expect("NOOP", "200", "250")
    c.send("ABOR")
    codes = [c.reply()[:3]]
    while codes[-1] not in ("225", "226"):
        codes.append(c.reply()[:3])
    assert "426" in codes or os.path.getsize(server.path("sparse copy")) == 300 << 20
    assert "426" not in codes or not os.path.exists(server.path("sparse copy"))


def test_files_are_combined_in_order_and_the_target_goes_first(server, c):
    for i, content in enumerate((b"one ", b"two ", b"three")):
        c.put("part %d" % i, content)
    c.expect('COMB "all of them" "part 0" "part 1" "part 2"', "250")
    assert read(server.root, "all of them") == b"one two three"
    c.expect('COMB "part 0" "part 0" "part 1"', "250")
    assert read(server.root, "part 0") == b"one two "
    c.expect('COMB "part 0" "part 1" "part 0"', "553")
    assert read(server.root, "part 0") == b"one two "
    c.expect('COMB "all of them" "part 1" "nothing"', "550")
    assert read(server.root, "all of them") == b"one two three"
    c.expect('COMB "all of them" empty "part 2" "part 2"', "250")
    assert read(server.root, "all of them") == b"threethree"
    for wrong in ('COMB "a', 'COMB "a"b "c"', 'COMB "a" "', "COMB a", 'COMB "" b'):
        c.expect(wrong, "501")


def test_a_share_without_the_rights_refuses():
    with serving(config="shares: {root: {rights: read-only}}\n") as s:
        with open(s.path("x"), "wb") as f:
            f.write(b"x")
        with Raw(s) as c:
            c.expect("XMD5 x", "250")
            c.expect("SITE CPFR x", "350")
            c.expect("SITE CPTO y", "550")
            c.expect("COMB y x", "550")
    with serving(config="shares: {root: {rights: drop-box}}\n") as s:
        with open(s.path("x"), "wb") as f:
            f.write(b"x")
        with Raw(s) as c:
            for line in ("XMD5 x", "HASH x", "COMB y x"):
                c.expect(line, "550")


@pytest.mark.parametrize("upload", ["atomic", "direct"])
def test_a_copy_of_what_may_not_be_read_leaves_the_target_as_it_was(tmp_path, upload):
    (tmp_path / "share").mkdir()
    for name in ("secret", "target"):
        (tmp_path / "share" / name).write_text("content of " + name)
    config = "shares: {root: {path: %s/share, mount: /, rights: 'list, create, overwrite', upload: %s}}\n" % (tmp_path, upload)
    with serving(config=config) as server, Raw(server) as c:
        c.expect("SITE CPFR secret", "350")
        assert "read" in c.expect("SITE CPTO target", "550")
        c.expect("COMB target secret", "550")
        c.expect("COMB new secret", "550")
    assert sorted(os.listdir(tmp_path / "share")) == ["secret", "target"]
    assert read(tmp_path, "share", "target") == b"content of target"
