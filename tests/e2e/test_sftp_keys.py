# SPDX-License-Identifier: ISC
"""Options in front of a key in authorized_keys decide who comes in by it (sshd(8), AUTHORIZED_KEYS FILE FORMAT)."""

import os
import time

import pytest

from conftest import IS_ROOT, SYSTEM_USER, run, serving


def at(seconds, clock, form):
    return time.strftime(form, clock(time.time() + seconds))


# (options, does he come in?)
CASES = {
    "none": (lambda: "", True),
    "restrict": (lambda: "restrict", True),
    "no-pty,no-port-forwarding": (lambda: "no-pty,no-port-forwarding", True),
    "from here": (lambda: 'from="192.0.2.0/24,127.0.0.0/8"', True),
    "from elsewhere": (lambda: 'from="192.0.2.0/24"', False),
    "from everywhere but here": (lambda: 'from="*,!127.0.0.1"', False),
    "from what cannot be read": (lambda: 'from="*,!127.0.0.0/99"', False),
    "until the end of the century": (lambda: 'expiry-time="20991231"', True),
    "until yesterday": (lambda: 'expiry-time="%s"' % at(-86400, time.localtime, "%Y%m%d"), False),
    "two minutes more": (lambda: 'expiry-time="%s"' % at(120, time.localtime, "%Y%m%d%H%M%S"), True),
    "two minutes ago": (lambda: 'expiry-time="%s"' % at(-120, time.localtime, "%Y%m%d%H%M%S"), False),
    "two minutes more in UTC": (lambda: 'expiry-time="%sZ"' % at(120, time.gmtime, "%Y%m%d%H%M%S"), True),
    "two minutes ago in UTC": (lambda: 'expiry-time="%sZ"' % at(-120, time.gmtime, "%Y%m%d%H%M%S"), False),
    "no date": (lambda: 'expiry-time="tomorrow"', False),
    "a command": (lambda: 'command="/bin/true"', False),
    "an option that nobody knows": (lambda: "open-sesame", False),
    "a quote that does not end": (lambda: 'from="127.0.0.1', False),
}


@pytest.fixture(scope="module", params=["UTC", "Asia/Tokyo", "America/New_York"])
def place(request, user_key):
    """A server that lives there, and the key that comes in."""
    old = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    who = ("--mode", "root", "--user", SYSTEM_USER) if IS_ROOT else ()
    with serving(*who, key=user_key) as s:
        yield s, user_key
    if old is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = old
    time.tzset()


@pytest.mark.parametrize("case", CASES)
def test_an_option_decides_who_comes_in(place, case):
    server, key = place
    options, comes = CASES[case]
    with open(key + ".pub", encoding="ascii") as f:
        line = (options() + " " + f.read()).lstrip()
    with open(os.path.join(os.path.dirname(server.ca), "authorized_keys"), "w", encoding="ascii") as f:  # tests/serve's copy
        f.write(line)
    done = run("sftp", "-b", "/dev/null", "-P", str(server.sftp_port), "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
               "-o", "UserKnownHostsFile=" + server.known_hosts, server.user + "@127.0.0.1", ok=False)
    assert (done.returncode == 0) == comes, done.text
