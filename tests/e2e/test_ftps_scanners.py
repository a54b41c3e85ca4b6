# SPDX-License-Identifier: ISC
"""What scanners of TLS say of the FTPS port. Ledger TL01, TL06, TL09."""

import re
import subprocess

from conftest import run


def test_TL09_sslscan_finds_modern_tls_and_nothing_else(server):
    said = run("sslscan", "--no-colour", "--starttls-ftp", "localhost:%d" % server.ftps_port, timeout=120).text
    on = dict(re.findall(r"^((?:SSLv|TLSv1\.)\d)\s+(enabled|disabled)$", said, re.M))
    assert on == {"SSLv2": "disabled", "SSLv3": "disabled", "TLSv1.0": "disabled", "TLSv1.1": "disabled",
                  "TLSv1.2": "enabled", "TLSv1.3": "enabled"}, said
    ciphers = re.findall(r"^(?:Preferred|Accepted)\s+TLSv1\.\d\s+\d+ bits\s+(\S+)", said, re.M)
    assert len(ciphers) >= 6 and all(re.match(r"(TLS_|ECDHE-).*(GCM|POLY1305)", c) for c in ciphers), said
    assert "Session renegotiation not supported" in said
    assert len(re.findall(r"not vulnerable to heartbleed", said)) == 2
    assert not re.search(r"(?<!not )vulnerable to", said), said


def test_TL09_testssl_finds_protocols_suites_and_no_vulnerability(server):
    """What it says of the certificate (no OCSP at a private authority) is left out, and simulated browsers, which ALPN refuses."""
    said = run("testssl", "--quiet", "--color", "0", "--starttls", "ftp", "--add-ca", server.ca, "--warnings", "batch", "-p", "-s",
               "-U", "localhost:%d" % server.ftps_port, timeout=600, ok=False, stdin=subprocess.DEVNULL).text
    bad = [line for line in said.splitlines() if re.search(r"NOT ok|VULNERABLE|\bWARN|MEDIUM|HIGH", line)]
    assert " Done " in said and not bad, bad
    assert said.count("not vulnerable (OK)") >= 8, said
