# SPDX-License-Identifier: ISC
"""What clients are offered by the name that they give themselves (protocols/sftp/ssh_quirk.c)."""

import os
import re
import socket
import struct

import paramiko
import pytest

from conftest import TOP, eventually, run

MORE = {  # what each quirk adds to the lists of a KEXINIT (RFC 4253, 7.1), which are 0: key exchange, 1: host keys, 4: MACs
    "PLAIN_MACS": (4, {"hmac-sha2-256", "hmac-sha2-512"}),
    "OLD_KEX": (0, {"ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "diffie-hellman-group14-sha256"}),
    "ECDSA_HOST": (1, {"ecdsa-sha2-nistp256"}),
}
# Each row of the table, a client that it is meant for, and one that is only named alike.
ROWS = {
    "libssh2_1.[0-9].*": ("libssh2_1.9.0", "libssh2_1.11.0"),
    "libssh2_1.10.*": ("libssh2_1.10.0", "libssh2_1.100.0"),
    "JSCH[-_]0.1.*": ("JSCH-0.1.54", "JSCH_0.2.16"),
    "Renci.SshNet.SshClient.0.*": ("Renci.SshNet.SshClient.0.0.1", "Renci.SshNet.SshClient.2024.1.0"),
    "SSHJ_0.*": ("SSHJ_0.27.0", "SSHJ_1.0.0"),
    "phpseclib_*": ("phpseclib_3.0 (openssl)", "phpsec_3.0"),
    "Twisted*": ("Twisted", "twisted"),
    "Ganymed*": ("Ganymed Build_210", "ganymed"),
    "Trilead*": ("TrileadSSH2Java_213", "trilead"),
    "paramiko_1.*": ("paramiko_1.16.0", "paramiko_3.4.0"),
    "paramiko_2.[0-4].*": ("paramiko_2.1.2", "paramiko_2.12.0"),
    "SSHD-CORE-*": ("SSHD-CORE-0.9.0", "SSHD-2.9"),
    "APACHE-SSHD-1.*": ("APACHE-SSHD-1.7.0", "APACHE-SSHD-2.9.2"),
    "ssh2js0.*": ("ssh2js0.4.10", "ssh2js1.17.0"),
    "Ruby/Net::SSH_*": ("Ruby/Net::SSH_7.0.1 x86_64-linux-gnu", "Ruby/Net-SSH"),
    "Ruby/Net::SSH_[2-4].*": ("Ruby/Net::SSH_4.2.0 x86_64-linux-gnu", "Ruby/Net::SSH_7.0.0 x86_64-linux-gnu"),
}
TALKS_ON = ["AsyncSSH_2.10.*"]  # the client itself is in test_sftp_session.py
LINK_FIRST = {
    "phpseclib_*": "phpseclib_3.0 (openssl)",
    "Twisted*": "Twisted",
    "AsyncSSH_*": "AsyncSSH_2.14.2",
    "libssh[-_][0-9]*": "libssh_0.11.2",
    "ssh2js*": "ssh2js1.17.0",
    "WinSCP*": "WinSCP_release_6.3.5",
    "Erlang/*": "Erlang/4.15",
}


def offered(server, name):
    """The lists of the KEXINIT that the server sends to a client of this name (RFC 4253, 7.1)."""
    with socket.create_connection((server.host, server.sftp_port), timeout=20) as c, c.makefile("rb") as f:
        c.sendall(b"SSH-2.0-" + name.encode() + b"\r\n")
        assert f.readline().startswith(b"SSH-2.0-")
        length, padding = struct.unpack(">IB", f.read(5))
        payload = f.read(length - 1)[:length - 1 - padding]
        assert payload[0] == 20
        at, lists = 17, []
        for _ in range(10):
            n = struct.unpack(">I", payload[at:at + 4])[0]
            lists.append(set(payload[at + 4:at + 4 + n].decode().split(",")))
            at += 4 + n
        return lists


def rows_of_the_table():
    """[(pattern, {quirk})] as the source has them."""
    with open(os.path.join(TOP, "protocols", "sftp", "ssh_quirk.c"), encoding="utf-8") as f:
        return [(pattern, set(re.findall(r"SSH_QUIRK_(\w+)", quirks)))
                for pattern, quirks in re.findall(r'\{ "([^"]+)",\s+(SSH_QUIRK[^}]+)\}', f.read())]


def test_every_row_has_its_case():
    rows = rows_of_the_table()
    assert [pattern for pattern, quirks in rows if quirks - {"TALKS_ON", "LINK_FIRST"}] == list(ROWS)
    assert [pattern for pattern, quirks in rows if "TALKS_ON" in quirks] == TALKS_ON
    assert [pattern for pattern, quirks in rows if "LINK_FIRST" in quirks] == list(LINK_FIRST)


@pytest.mark.parametrize("name, link_first", [*((name, True) for name in LINK_FIRST.values()), ("OpenSSH_9.2p1", False), ("libssh2_1.11.0", False)])
def test_the_link_and_its_target_are_told_apart_by_the_name_of_the_client(server, name, link_first):
    transport = paramiko.Transport((server.host, server.sftp_port))
    transport.local_version = "SSH-2.0-" + name
    try:
        transport.connect(username=server.user, password=server.password)
        sftp = paramiko.SFTPClient.from_transport(transport)
        sftp.symlink("one", "two")
        assert sftp.readlink("one" if link_first else "two") == ("two" if link_first else "one")
        sftp.remove("one" if link_first else "two")
    finally:
        transport.close()


def test_words_that_clients_compare_are_those_of_sshd(server):
    """node-ssh: err.message === 'No such file'."""
    transport = paramiko.Transport((server.host, server.sftp_port))
    try:
        transport.connect(username=server.user, password=server.password)
        sftp = paramiko.SFTPClient.from_transport(transport)
        for ask in (sftp.stat, sftp.mkdir, sftp.remove, sftp.listdir, sftp.open):
            with pytest.raises(IOError) as e:
                ask("/nothing/nothing")
            assert e.value.strerror == "No such file"
    finally:
        transport.close()


@pytest.mark.parametrize("pattern, quirks", [row for row in rows_of_the_table() if row[0] in ROWS])
def test_a_client_is_offered_what_it_needs_and_its_namesake_is_not(server, pattern, quirks):
    needs, namesake = (offered(server, name) for name in ROWS[pattern])
    for quirk in quirks - {"LINK_FIRST"}:
        place, more = MORE[quirk]
        assert more < needs[place]
        assert namesake[place] and not more & namesake[place]


@pytest.mark.parametrize("name", ["OpenSSH_9.2p1", "", "x" * 100, "%s%n", "libssh2_1.9", "*"])
def test_others_are_offered_what_modern_says(server, name):
    lists = offered(server, name)
    assert lists[4] == {"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"}
    assert not [name for name in lists[0] if "nist" in name or "group14" in name]
    assert lists[1] == {"ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"}


@pytest.mark.parametrize("option, what", [("KexAlgorithms=ecdh-sha2-nistp256", "kex algos"), ("Ciphers=aes128-cbc", "encryption"),
                                          ("HostKeyAlgorithms=ecdsa-sha2-nistp256", "server host key algo")])
def test_a_client_with_which_nothing_is_common_is_named_in_the_log_with_both_lists(server, option, what):
    run("ssh", "-p", str(server.sftp_port), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", option,
        "-o", "BatchMode=yes", "x@localhost", ok=False)
    eventually(lambda: re.search(r'no-common-algorithm: .*client="?OpenSSH_.*no match for method %s.*server \[.+\], client \[%s' % (
        what, re.escape(option.split("=")[1])), server.log()))
