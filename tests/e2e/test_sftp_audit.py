# SPDX-License-Identifier: ISC
"""What auditors see: ssh-audit and nmap (ledger SS13)."""

import re

import pytest

from conftest import run
from test_sftp_clients import needs

POLICY = {
    "kex_algorithms": {"curve25519-sha256", "curve25519-sha256@libssh.org", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
                       "mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com",
                       "kex-strict-s-v00@openssh.com", "ext-info-s"},
    "server_host_key_algorithms": {"ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"},
    "encryption_algorithms": {"aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr", "aes192-ctr",
                              "aes128-ctr"},
    "mac_algorithms": {"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"},
    "compression_algorithms": {"none"},
}


@needs("ssh-audit")
def test_ss13_ssh_audit_finds_no_failure_and_only_the_marker_it_does_not_know(server):
    text = run("ssh-audit", "-n", "-p", str(server.sftp_port), "127.0.0.1", ok=False).text
    assert "# key exchange algorithms" in text
    assert "[fail]" not in text, text
    warnings = [line for line in text.splitlines() if "[warn]" in line]
    assert all(re.search("kex-strict-s-v00@openssh.com|mlkem768x25519-sha256", line) and "unknown algorithm" in line for line in warnings), text
    assert "(gen) banner: SSH-2.0-SFTP\n" in text and "(cve)" not in text  # the name of no product


@needs("nmap")
@pytest.mark.parametrize("port", ["sftp_port"])
def test_nmap_lists_what_the_policy_says_and_no_more(server, port):
    text = run("nmap", "-Pn", "-n", "-p", str(getattr(server, port)), "--script", "+ssh2-enum-algos,+ssh-auth-methods", "127.0.0.1").text
    listed, name = {}, None
    for line in text.splitlines():
        head = re.match(r"\|[ _]+(\w+): \(\d+\)", line)
        if line.startswith("| ssh-auth-methods"):
            name = None
        elif head:
            name = head.group(1)
        elif name and re.match(r"\|[ _]{5,}\S+$", line):
            listed.setdefault(name, set()).add(line.lstrip("|_ "))
    for what, allowed in POLICY.items():
        assert listed[what] and listed[what] <= allowed, (what, listed[what] - allowed)
    assert {w for w in ("publickey", "password", "keyboard-interactive") if w in text} == {"publickey", "password", "keyboard-interactive"}
