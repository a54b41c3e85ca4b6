# SPDX-License-Identifier: ISC
"""What scanners say of the FTPS port. Ledger TL01, TL06, TL09."""

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


def test_keys_are_agreed_with_the_best_that_client_and_openssl_have(server):
    """Post-quantum where OpenSSL has it, and no second hello for who has no share of that."""
    quantum = "X25519MLKEM768" in run("openssl", "list", "-tls-groups", ok=False).text
    for groups, expected in ((None, "X25519MLKEM768" if quantum else "X25519"), ("X25519", "X25519"), ("P-256", "P-256|prime256v1|secp256r1")):
        said = run("openssl", "s_client", "-connect", "localhost:%d" % server.ftps_port, "-starttls", "ftp", "-CAfile", server.ca, "-tls1_3", "-msg",
                   *(("-groups", groups) if groups else ()), input=b"QUIT\r\n", timeout=60).text
        agreed = re.findall(r"^(?:Negotiated TLS1\.3 group: |Server Temp Key: (?:ECDH, )?|Peer Temp Key: (?:ECDH, )?)([\w-]+)", said, re.M)
        assert agreed and all(re.fullmatch(expected, a) for a in agreed), (groups, agreed)
        assert len(re.findall(r"^>>> .*ClientHello", said, re.M)) == 1 and "Verify return code: 0 (ok)" in said, (groups, said)


def test_scripts_of_nmap_run_and_find_nothing(server, tmp_path):
    """It takes us for an FTP server of no name (else its scripts would not run), and proves by its own log that each ran."""
    (tmp_path / "users").write_text("root\n%s\n" % server.user)
    (tmp_path / "passwords").write_text("root\nsecret\n")
    # What it knows of greetings, without the six seconds that it waits for more of one, and without its other probes.
    with open("/usr/share/nmap/nmap-service-probes", encoding="utf-8", errors="surrogateescape") as f:
        (tmp_path / "probes").write_text(re.sub(r"^totalwaitms \d+", "totalwaitms 500", "\nProbe ".join(f.read().split("\nProbe ")[:2]), flags=re.M),
                                         encoding="utf-8", errors="surrogateescape")
    said = run("nmap", "-Pn", "-n", "-sV", "--versiondb", str(tmp_path / "probes"), "-d1", "-p", str(server.ftps_port), "--script", "ftp-* or ssl-*",
               "--script-args", "ftp-bounce.checkhost=127.0.0.1,userdb=%s/users,passdb=%s/passwords" % (tmp_path, tmp_path), "localhost",
               timeout=120).text
    ran = set(re.findall(r"NSE: Finished ((?:ftp|ssl)-[\w-]+) against", said))
    assert ran >= {"ftp-anon", "ftp-bounce", "ftp-brute", "ftp-libopie", "ftp-proftpd-backdoor", "ftp-syst", "ftp-vsftpd-backdoor",
                   "ftp-vuln-cve2010-4221", "ssl-ccs-injection", "ssl-cert", "ssl-date", "ssl-dh-params", "ssl-enum-ciphers",
                   "ssl-heartbleed", "ssl-poodle"}, said
    assert re.search(r"^%d/tcp open +ftp +syn-ack(?: ttl \d+)?\s*$" % server.ftps_port, said, re.M), said
    # What a script found it writes below the port. The one that counts ciphers and the one for the certificate always do.
    found = set(re.findall(r"^\|[ _]((?:ftp|ssl)-[\w-]+):", said, re.M))
    assert found <= {"ftp-brute", "ssl-cert", "ssl-date", "ssl-enum-ciphers"}, said
    assert "No valid accounts found" in said and "VULNERABLE" not in said
    assert "least strength: A" in said and "TLS randomness does not represent time" in said
