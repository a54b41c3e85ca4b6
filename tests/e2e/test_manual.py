# SPDX-License-Identifier: ISC
"""Manual pages and the schema: made from one table, complete, and without a complaint of mandoc."""

import json
import os
import re

import pytest

from conftest import TOP, run

BUILD = os.environ.get("BUILD", os.path.join(TOP, "build", "release"))
CTL = os.path.join(BUILD, "cofferctl")


def keys():
    """Every key of the schema table, as the text form names it."""
    return re.findall(r"^([a-z][\w.*-]*)(?: \(|$)", run(CTL, "schema", "--text").text, re.M)


def test_every_key_stands_in_every_form():
    names = keys()
    with open(os.path.join(TOP, "conf", "schema.c"), encoding="utf-8") as f:
        rows = len(re.findall(r"^\t(?:C|L|T|A|S|SECTION|ARRAY|[A-Z])\(\"", f.read(), re.M))
    assert len(names) >= rows > 100
    assert "(null)" not in run(CTL, "schema", "--text").text
    mdoc = run(CTL, "schema", "--mdoc").text
    tree = json.loads(run(CTL, "schema", "--json").text)
    for name in names:
        node = tree
        for part in name.split("."):
            node = node.get("additionalProperties") or node.get("items") if part == "*" else node["properties"][part]
            assert node, name
        assert name.rsplit(".", 1)[-1] in mdoc, name


def test_manual_pages_please_mandoc(tmp_path):
    page = tmp_path / "coffer.yaml.5"
    page.write_text(run(os.path.join(TOP, "packaging", "man", "page"), BUILD).text)
    for path in (page, os.path.join(TOP, "packaging/man/cofferd.8"), os.path.join(TOP, "packaging/man/cofferctl.8")):
        said = run("mandoc", "-T", "lint", "-W", "warning", str(path), ok=False).text
        assert said == "", said


@pytest.mark.parametrize("command", re.findall(r'^\t\{ "([a-z]+)", ctl_', open(os.path.join(TOP, "server", "ctl.c"),
                                                                               encoding="utf-8").read(), re.M))
def test_every_command_is_in_the_manual_and_explains_itself(command):
    with open(os.path.join(TOP, "packaging/man/cofferctl.8"), encoding="utf-8") as f:
        text = f.read()
    assert re.search(r"^\.(Cm|It Cm)(?: [\w-]+[ ,|]*)*? %s\b" % command, text, re.M), command
    done = run(CTL, command, "--no-such-option", ok=False)
    assert done.returncode == 2 and "usage: cofferctl " + command in done.text
