# SPDX-License-Identifier: ISC
"""What PASV announces: external addresses by network, name and interface; and a client behind a real NAT."""

import os
import subprocess

import pytest

from conftest import needs_root, run, serving
from rawftps import Raw


def announced(server, source=None):
    with Raw(server, source=source) as c:
        return ".".join(c.expect("PASV", "227").split("(")[1].split(",")[:4])


EXTERNAL = """
ftps:
  external-address: 203.0.113.1
  external:
  - {address: 192.168.7.7, networks: [127.0.0.2, 127.0.0.3]}
  - {address: lo, networks: [127.0.0.4]}
  - {address: localhost, networks: [127.0.0.5]}
  - {address: no-such-name.invalid, networks: [127.0.0.6]}
"""


def test_each_network_is_told_the_address_at_which_it_reaches_us():
    with serving(config=EXTERNAL) as s:
        s.wait_for_log("external: address=localhost")
        assert announced(s) == "203.0.113.1"
        assert announced(s, "127.0.0.2") == announced(s, "127.0.0.3") == "192.168.7.7"
        assert announced(s, "127.0.0.4") == announced(s, "127.0.0.5") == "127.0.0.1"
        with Raw(s, source="127.0.0.6") as c:  # it cannot be said, and nothing wrong is
            assert "EPSV" in c.expect("PASV", "425")
            c.epsv()
        assert "address=no-such-name.invalid found=no" in s.log()


def test_without_a_word_it_is_the_address_that_the_client_reached(server):
    assert announced(server) == "127.0.0.1"


NAT = """
ip link add coffer-in type veth peer name inner netns %(ns)s
ip addr add 10.9.0.1/24 dev coffer-in
ip link set coffer-in up
ip -n %(ns)s addr add 10.9.0.2/24 dev inner
ip -n %(ns)s link set inner up
ip -n %(ns)s link set lo up
ip -n %(ns)s route add default via 10.9.0.1
ip addr add 203.0.113.9/32 dev lo
"""


@needs_root
@pytest.mark.skipif(subprocess.run(["sh", "-c", "command -v nft"], stdout=subprocess.DEVNULL, check=False).returncode != 0,
                    reason="needs nft (nftables)")
def test_a_server_behind_nat_tells_its_external_address_and_curl_gets_through(tmp_path):
    """The server has 10.9.0.2 in a namespace of its own; clients know 203.0.113.9, which a router translates."""
    name = "coffer-nat-%d" % os.getpid()
    run("ip", "netns", "add", name)
    try:
        for line in (NAT % {"ns": name}).strip().splitlines():
            run(*line.split())
        with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as f:
            f.write("1")
        chain = "chain %s {\n type nat hook %s priority -100;\n ip daddr 203.0.113.9 dnat to 10.9.0.2\n}\n"
        rules = "table ip coffer {\n%s%s}\n" % (chain % ("out", "output"), chain % ("in", "prerouting"))
        done = subprocess.run(["nft", "-f", "-"], input=rules, text=True, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            pytest.skip("this kernel has no NAT for nft: " + done.stderr.strip()[:200])
        extra = tmp_path / "extra.yaml"
        extra.write_text("ftps: {external-address: 203.0.113.9}\n")
        server = subprocess.Popen(["ip", "netns", "exec", name, os.path.join(os.path.dirname(__file__), "..", "serve"), "--config", str(extra)],
                                  stdout=subprocess.PIPE, text=True)
        facts = {}
        for line in server.stdout:
            if line == "READY\n":
                break
            key, value = line.rstrip("\n").split("=", 1)
            facts[key] = value
        try:
            (tmp_path / "up").write_bytes(os.urandom(100000))
            base = ["curl", "-sS", "--ssl-reqd", "-k", "--disable-epsv", "--no-ftp-skip-pasv-ip", "-u", facts["FT_USER"] + ":" + facts["FT_PASS"]]
            url = "ftp://203.0.113.9:%s/file" % facts["FT_FTPS_PORT"]
            run(*base, "-T", str(tmp_path / "up"), url, timeout=60)
            run(*base, "-o", str(tmp_path / "down"), url, timeout=60)
            assert (tmp_path / "down").read_bytes() == (tmp_path / "up").read_bytes()
        finally:
            server.terminate()
            server.wait(20)
    finally:
        subprocess.run(["nft", "delete", "table", "ip", "coffer"], stderr=subprocess.DEVNULL, check=False)
        run("ip", "netns", "del", name)
        subprocess.run(["ip", "addr", "del", "203.0.113.9/32", "dev", "lo"], stderr=subprocess.DEVNULL, check=False)
