# SPDX-License-Identifier: ISC
"""Every command in every state, with the code that the RFCs demand.

ROWS is the state table: a command line, and its code in each state. Behind every command comes a NOOP, so that a
missing reply, a second one, or one out of order is seen as well.

    clear   after the greeting                     noprot  logged in, PROT P was not sent
    tls     after AUTH and the handshake           in      logged in, PROT P, no data connection arranged
    user    after USER                             during  while an upload runs: what is not urgent waits for its
    failed  after a wrong PASS                             end (226), then says what it says in "in"
"""

import os
import re
import socket

import pytest

from conftest import serving
from rawftps import Raw

STATES = ("clear", "tls", "user", "failed", "noprot", "in")

# Commands that end or change the state, so that their connection is not used again. (QUIT ends it.)
CHANGES = {"clear": ("AUTH TLS", "AUTH SSL", "AUTH TLS-C", "AUTH TLS-P", "USER", "PASS"),
           "tls": ("USER", "PASS x", "PROT"), "user": ("USER", "PASS"), "failed": ("USER", "HOST"),
           "noprot": ("PROT",), "in": ("EPSV ALL",)}

#   command                           clear tls  user failed noprot in
ROWS = """
    AUTH TLS                          234   503  503  503    503    503
    AUTH SSL                          234   503  503  503    503    503
    AUTH TLS-P                        234   503  503  503    503    503
    AUTH TLS-C                        234   503  503  503    503    503
    AUTH GSSAPI                       504   503  503  503    503    503
    AUTH                              501   501  501  501    501    501
    ADAT x                            530   530  530  530    502    502
    MIC x                             530   530  530  530    502    502
    CONF x                            530   530  530  530    502    502
    ENC x                             530   530  530  530    502    502
    CCC                               530   530  530  530    534    534
    PROT P                            503   503  503  503    503    200
    PBSZ 0                            503   200  200  200    200    200
    PBSZ 65536                        503   200  200  200    200    200
    PBSZ x                            503   501  501  501    501    501
    PBSZ -1                           503   501  501  501    501    501
    PBSZ                              503   501  501  501    501    501
    PROT C                            503   534  534  534    534    534
    PROT S                            503   536  536  536    536    536
    PROT E                            503   536  536  536    536    536
    PROT X                            503   504  504  504    504    504
    PROT                              503   501  501  501    501    501
    USER                              501   501  501  501    501    501
    USER nobody-here                  530   331  331  331    503    503
    ACCT                              530   530  530  530    501    501
    ACCT x                            530   530  530  530    202    202
    REIN                              530   530  530  530    502    502
    SMNT /                            530   530  530  530    502    502
    HOST localhost                    220   220  503  220    503    503
    HOST [::1]                        220   220  503  220    503    503
    HOST 127.0.0.1                    220   220  503  220    503    503
    HOST ::1                          501   501  503  501    503    503
    HOST a/b                          501   501  503  501    503    503
    HOST                              501   501  501  501    501    501
    CLNT tester                       200   200  200  200    200    200
    CLNT                              501   501  501  501    501    501
    CSID Name=t;                      530   530  530  530    200    200
    CSID                              530   530  530  530    501    501
    LANG                              200   200  200  200    200    200
    LANG EN                           200   200  200  200    200    200
    LANG en-GB                        200   200  200  200    200    200
    LANG fr                           504   504  504  504    504    504
    FEAT                              211   211  211  211    211    211
    FEAT x                            501   501  501  501    501    501
    OPTS                              501   501  501  501    501    501
    OPTS UTF8 ON                      200   200  200  200    200    200
    OPTS UTF8 OFF                     501   501  501  501    501    501
    OPTS UTF8                         200   200  200  200    200    200
    OPTS MLST size;modify;            200   200  200  200    200    200
    OPTS MLST                         200   200  200  200    200    200
    OPTS MLST foo bar                 501   501  501  501    501    501
    OPTS RETR x                       501   501  501  501    501    501
    SYST                              215   215  215  215    215    215
    SYST x                            501   501  501  501    501    501
    HELP                              214   214  214  214    214    214
    HELP stor                         214   214  214  214    214    214
    HELP xyzzy                        502   502  502  502    502    502
    NOOP                              200   200  200  200    200    200
    noop                              200   200  200  200    200    200
    STAT                              530   530  530  530    211    211
    STAT file                         530   530  530  530    213    213
    STAT dir                          530   530  530  530    212    212
    STAT /d*                          530   530  530  530    212    212
    STAT nothing                      530   530  530  530    550    550
    ABOR                              530   530  530  530    225    225
    TYPE I                            530   530  530  530    200    200
    TYPE L 8                          530   530  530  530    200    200
    TYPE A                            530   530  530  530    200    200
    TYPE A N                          530   530  530  530    200    200
    TYPE A T                          530   530  530  530    504    504
    TYPE A C                          530   530  530  530    504    504
    TYPE E                            530   530  530  530    504    504
    TYPE L 7                          530   530  530  530    504    504
    TYPE                              530   530  530  530    501    501
    TYPE I again                      530   530  530  530    504    504
    TYPE i                            530   530  530  530    200    200
    MODE S                            530   530  530  530    200    200
    MODE B                            530   530  530  530    504    504
    MODE C                            530   530  530  530    504    504
    MODE Z                            530   530  530  530    504    504
    MODE                              530   530  530  530    501    501
    STRU F                            530   530  530  530    200    200
    STRU R                            530   530  530  530    504    504
    STRU P                            530   530  530  530    504    504
    STRU                              530   530  530  530    501    501
    ALLO 100                          530   530  530  530    202    202
    ALLO 100 R 10                     530   530  530  530    202    202
    ALLO x                            530   530  530  530    501    501
    ALLO                              530   530  530  530    501    501
    PASV                              530   530  530  530    227    227
    PASV x                            530   530  530  530    501    501
    EPSV                              530   530  530  530    229    229
    EPSV 1                            530   530  530  530    229    229
    EPSV 2                            530   530  530  530    522    522
    EPSV 3                            530   530  530  530    522    522
    EPSV x                            530   530  530  530    501    501
    ABOR                              530   530  530  530    225    225
    PORT 127,0,0,1,4,0                530   530  530  530    502    502
    PORT 1,2,3                        530   530  530  530    501    501
    PORT 1,2,3,4,5,256                530   530  530  530    501    501
    PORT                              530   530  530  530    501    501
    EPRT |1|127.0.0.1|2000|           530   530  530  530    502    502
    EPRT |3|x|2000|                   530   530  530  530    522    522
    EPRT |1|127.0.0.1|65536|          530   530  530  530    501    501
    EPRT |1|127.0.0.1|                530   530  530  530    501    501
    EPRT                              530   530  530  530    501    501
    REST 0                            530   530  530  530    350    350
    REST 9223372036854775807          530   530  530  530    350    350
    REST 9223372036854775808          530   530  530  530    501    501
    REST -1                           530   530  530  530    501    501
    REST                              530   530  530  530    501    501
    RANG 0 9                          530   530  530  530    350    350
    RANG 9 0                          530   530  530  530    350    350
    RANG 1                            530   530  530  530    501    501
    RANG                              530   530  530  530    501    501
    RETR file                         530   530  530  530    521    425
    RETR                              530   530  530  530    521    501
    STOR new                          530   530  530  530    521    425
    STOR                              530   530  530  530    521    501
    APPE new                          530   530  530  530    521    425
    APPE                              530   530  530  530    521    501
    STOU                              530   530  530  530    521    425
    STOU new                          530   530  530  530    521    425
    LIST                              530   530  530  530    521    425
    LIST -la dir                      530   530  530  530    521    425
    NLST                              530   530  530  530    521    425
    MLSD                              530   530  530  530    521    425
    MLSD dir                          530   530  530  530    521    425
    PWD                               530   530  530  530    257    257
    PWD x                             530   530  530  530    501    501
    XPWD                              530   530  530  530    257    257
    CWD /                             530   530  530  530    250    250
    CWD nothing                       530   530  530  530    550    550
    CWD file                          530   530  530  530    550    550
    CWD                               530   530  530  530    501    501
    XCWD /                            530   530  530  530    250    250
    CDUP                              530   530  530  530    250    250
    XCUP                              530   530  530  530    250    250
    MKD made                          530   530  530  530    257    257
    RMD made                          530   530  530  530    250    250
    MKD dir                           530   530  530  530    550    550
    MKD                               530   530  530  530    501    501
    XMKD dir                          530   530  530  530    550    550
    RMD nothing                       530   530  530  530    550    550
    RMD                               530   530  530  530    501    501
    XRMD nothing                      530   530  530  530    550    550
    DELE nothing                      530   530  530  530    550    550
    DELE dir                          530   530  530  530    550    550
    DELE                              530   530  530  530    501    501
    RNTO other                        530   530  530  530    503    503
    RNFR nothing                      530   530  530  530    550    550
    RNFR                              530   530  530  530    501    501
    RNFR file                         530   530  530  530    350    350
    SIZE file                         530   530  530  530    213    213
    SIZE dir                          530   530  530  530    550    550
    SIZE nothing                      530   530  530  530    550    550
    SIZE                              530   530  530  530    501    501
    MDTM file                         530   530  530  530    213    213
    MDTM nothing                      530   530  530  530    550    550
    MDTM                              530   530  530  530    501    501
    MDTM 20200101000000 file          530   530  530  530    213    213
    MFMT 20200101000000 file          530   530  530  530    213    213
    MFMT 20201301000000 file          530   530  530  530    501    501
    MFMT file                         530   530  530  530    501    501
    MFMT                              530   530  530  530    501    501
    MFF Modify=20200101000000; file   530   530  530  530    213    213
    MFF Create=20200101000000; file   530   530  530  530    504    504
    MFF file                          530   530  530  530    501    501
    MLST                              530   530  530  530    250    250
    MLST file                         530   530  530  530    250    250
    MLST nothing                      530   530  530  530    550    550
    AVBL                              530   530  530  530    213    213
    SITE HELP                         530   530  530  530    214    214
    SITE HELP chmod                   530   530  530  530    214    214
    SITE HELP xyzzy                   530   530  530  530    501    501
    SITE CHMOD 644 file               530   530  530  530    200    200
    SITE CHMOD x file                 530   530  530  530    501    501
    SITE CPTO copy                    530   530  530  530    503    503
    SITE CPFR nothing                 530   530  530  530    550    550
    SITE CPFR                         530   530  530  530    501    501
    SITE CPFR file                    530   530  530  530    350    350
    COMB                              530   530  530  530    501    501
    COMB copy                         530   530  530  530    501    501
    COMB copy nothing                 530   530  530  530    550    550
    COMB copy file file               530   530  530  530    250    250
    HASH file                         530   530  530  530    213    213
    HASH nothing                      530   530  530  530    550    550
    HASH dir                          530   530  530  530    550    550
    HASH                              530   530  530  530    501    501
    OPTS HASH                         200   200  200  200    200    200
    OPTS HASH MD4                     501   501  501  501    501    501
    XCRC file                         530   530  530  530    250    250
    XMD5 file                         530   530  530  530    250    250
    XMD5 "file" 0 5                   530   530  530  530    250    250
    XMD5 "file" 0 x                   530   530  530  530    501    501
    XMD5                              530   530  530  530    501    501
    XSHA file                         530   530  530  530    250    250
    XSHA1 file                        530   530  530  530    250    250
    XSHA256 file                      530   530  530  530    250    250
    XSHA512 nothing                   530   530  530  530    550    550
    SITE IDLE                         530   530  530  530    200    200
    SITE XYZZY                        530   530  530  530    504    504
    SITE                              530   530  530  530    501    501
    XYZZY                             500   500  500  500    500    500
    PASS                              530   503  530  503    503    503
    PASS x                            530   503  530  503    503    503
    EPSV ALL                          530   530  530  530    200    200
    QUIT                              221   221  221  221    221    221
"""

# RFC 959 section 5.4 and the later texts: what each command may say, besides what every command may say.
EVERY = "421 500 501 502 503 504 530"
PERMITTED = {
    "RFC 2228, 4217": {"AUTH": "234 334 431 534", "PBSZ": "200", "PROT": "200 431 534 536", "CCC": "200 533 534",
                       "ADAT": "235 335 431 535", "MIC": "533 535 537", "CONF": "533 535 537",
                       "ENC": "533 535 537"},
    "RFC 959": {"USER": "230 331 332", "PASS": "202 230 332", "ACCT": "202 230", "CWD": "250 550", "CDUP": "200 250 550",
                "REIN": "120 220", "SMNT": "202 250 550", "QUIT": "221", "PASV": "227 425", "PORT": "200", "TYPE": "200",
                "STRU": "200", "MODE": "200", "ALLO": "200 202", "REST": "350", "ABOR": "225 226", "PWD": "257 550",
                "RNFR": "350 450 550", "RNTO": "250 532 553", "DELE": "250 450 550", "RMD": "250 550",
                "MKD": "257 550", "SITE": "200 202 214 250 350 550", "SYST": "215", "STAT": "211 212 213 450 550",
                "HELP": "211 214", "NOOP": "200"},
    "RFC 775": {"XPWD": "257 550", "XCWD": "250 550", "XCUP": "200 250 550", "XMKD": "257 550", "XRMD": "250 550"},
    "RFC 959, 4217 (521), 2428 (522)": dict.fromkeys("RETR STOR APPE STOU LIST NLST MLSD".split(),
                                                     "125 150 226 250 425 426 450 451 452 521 522 532 550 551 552 553"),
    "RFC 2389": {"FEAT": "211", "OPTS": "200 451"},
    "RFC 2428": {"EPSV": "200 229 522 425", "EPRT": "200 522"},
    "RFC 2640": {"LANG": "200"},
    "RFC 3659": {"SIZE": "213 550", "MDTM": "213 550", "MLST": "250 550"},
    "RFC 7151": {"HOST": "220"},
    "drafts": {"MFMT": "213 550", "MFF": "213 550", "RANG": "350", "AVBL": "213 550", "CLNT": "200", "CSID": "200", "COMB": "250 550 553",
               "HASH": "213 550", **dict.fromkeys("XCRC XMD5 XSHA XSHA1 XSHA256 XSHA512".split(), "250 550"),
               "XYZZY": ""},
}


def rows():
    for line in ROWS.splitlines():
        if line.strip():
            words = line.split()
            yield " ".join(words[:-len(STATES)]), dict(zip(STATES, words[-len(STATES):]))


TABLE = list(rows())


def test_the_table_says_only_what_the_texts_permit():
    texts = {verb: codes for text in PERMITTED.values() for verb, codes in text.items()}
    for command, codes in TABLE:
        verb = command.split()[0].upper()
        for state, code in codes.items():
            assert code in (texts[verb] + " " + EVERY).split(), (command, state, code)
    assert len(TABLE) * (len(STATES) + 1) >= 400


@pytest.fixture(scope="module")
def conforming():
    """A server that refuses wrong logins quickly and often."""
    with serving(config="auth: {failure-delay: 100ms, tries: 20}\n") as s:
        with open(s.path("file"), "w", encoding="ascii") as f:
            f.write("0123456789")
        os.mkdir(s.path("dir"))
        yield s


def arrive(server, state):
    """A connection in the state."""
    c = Raw(server, tls=state != "clear", login=state in ("noprot", "in"), prot=state == "in")
    if state in ("user", "failed"):
        c.expect("USER " + server.user, "331")
    if state == "failed":
        c.expect("PASS wrong", "530")
    return c


def changes(state, command):
    return command == "QUIT" or any(command == c or command.startswith(c + " ") for c in CHANGES.get(state, ()))


@pytest.mark.parametrize("state", STATES)
def test_every_command_in_every_state(conforming, state):
    c, wrong, unknown = arrive(conforming, state), [], 0
    for command, codes in TABLE:
        # What the row before left behind is not part of this one.
        if state in ("noprot", "in"):
            c.expect("CWD /", "250")
        reply = c(command)
        if reply[:3] != codes[state]:
            wrong.append("%s: %s, not %s" % (command, reply.splitlines()[0], codes[state]))
        if command == "QUIT":
            assert c.ended()
        elif reply[:3] != "234":
            assert c("NOOP").startswith("200 "), command
        unknown += reply.startswith("500")
        if changes(state, command) or unknown == 2:
            c.close()
            c, unknown = arrive(conforming, state), 0
    c.close()
    assert not wrong, "\n".join(wrong)


def test_every_command_during_a_transfer_waits_for_its_end_unless_it_is_urgent(conforming):
    c, wrong = arrive(conforming, "in"), []
    for command, codes in TABLE:
        c.expect("CWD /", "250")  # forgets the REST or RANG of the row before
        data = c.begin("STOR upload")
        data.sendall(b"x")
        urgent = command.upper() in ("NOOP", "STAT", "ABOR", "QUIT")
        c.send(command)
        if urgent:
            want = ["426", "226"] if command == "ABOR" else [codes["in"]]
            got = c.codes(len(want))
        else:
            want, got = [], []
        if not urgent and command in ("PWD", "CWD /", "FEAT", "STAT file"):
            assert c.is_silent(0.1), command
        if command == "ABOR":
            data.close()
        else:
            try:
                data.unwrap()
            except OSError:
                pass
            data.close()
            want, got = want + ["226"], got + [c.reply()[:3]]
            if not urgent:
                want, got = want + [codes["in"]], got + [c.reply()[:3]]
        if got != want:
            wrong.append("%s: %s, not %s" % (command, got, want))
        if command == "QUIT" or changes("in", command):
            c.close()
            c = arrive(conforming, "in")
        else:
            assert c("NOOP").startswith("200 "), command
            c.expect("TYPE I", "200")
    c.close()
    assert not wrong, "\n".join(wrong)


def test_what_one_command_arranges_the_next_one_has(conforming):
    with Raw(conforming, login=False) as c:
        for command, code in (("PBSZ 0", "200"), ("PROT P", "200"), ("USER " + conforming.user, "331"),
                              ("PASS " + conforming.password, "230"), ("RNFR file", "350"), ("NOOP", "200"),
                              ("RNTO file2", "250"), ("RNTO file", "503"), ("RNFR file2", "350"), ("PWD", "257"),
                              ("RNTO file", "503"), ("RNFR file2", "350"), ("RNTO file", "250"),
                              ("SITE SYMLINK file link", "200"), ("DELE link", "250"), ("MKD a", "257"),
                              ("RMD a", "250"), ("EPSV", "229"), ("LIST nothing", "550"), ("EPSV ALL", "200"),
                              ("PASV", "501"), ("PORT 127,0,0,1,9,9", "501"), ("EPRT |1|127.0.0.1|2000|", "501"),
                              ("EPSV", "229")):
            c.expect(command, code)


@pytest.mark.parametrize("tls, closes", [(True, False), (False, False), (False, True)])
def test_commands_that_are_sent_at_once_are_all_answered_in_order(conforming, tls, closes):
    """More replies than there is room for at a time; nothing comes later that would wake the server, but the client's FIN."""
    count = 3000
    with Raw(conforming, tls=tls, login=tls) as c:
        c.send("NOOP\r\nSYST\r\n" * (count - 1) + "NOOP\r\nSYST")
        if closes:
            c.sock.shutdown(socket.SHUT_WR)
        assert c.codes(2 * count) == ["200", "215"] * count


def test_mdtm_asks_for_a_name_that_begins_like_a_time(conforming):
    """RFC 3659, section 3: MDTM changes nothing; what looks like a time sets one only where there is no such name."""
    name = "20200102030405 report"
    for path in (name, "report"):
        with open(conforming.path(path), "w", encoding="ascii") as f:
            f.write("x")
        os.utime(conforming.path(path), (10**9, 10**9))
    try:
        with Raw(conforming) as c:
            assert c("MDTM " + name) == "213 20010909014640"
            assert c("MDTM report") == "213 20010909014640"
            c.expect("DELE " + name, "250")
            assert c("MDTM " + name) == "213 Modify=20200102030405; report"
            assert c("MDTM report") == "213 20200102030405"
            c.expect("DELE report", "250")
            for line in ("MDTM " + name, "MDTM 20200102030405 dir/nothing", "MDTM nothing"):
                c.expect(line, "550")
    finally:
        for path in (name, "report"):
            if os.path.exists(conforming.path(path)):
                os.unlink(conforming.path(path))


def fact(c, path, name):
    facts = c("MLST " + path).split("\n")[1].split("; ")[0]
    return dict(f.split("=", 1) for f in facts.strip().split(";"))[name]


def test_the_fact_perm_promises_what_the_commands_do(conforming):
    """RFC 3659, section 7.5.5."""
    os.mkfifo(conforming.path("pipe"))
    try:
        with Raw(conforming) as c:
            for path, letters, gone in (("/", "celmp", "RMD /"), ("dir", "cdeflmp", None), ("file", "adfrw", None), ("pipe", "df", "RETR pipe")):
                assert "".join(sorted(fact(c, path, "perm"))) == letters, path
                if gone:
                    c.epsv()
                    c.expect(gone, "550")
            c.expect("DELE pipe", "250")
    finally:
        if os.path.exists(conforming.path("pipe")):
            os.unlink(conforming.path("pipe"))


def test_a_link_that_leads_nowhere_is_listed_as_what_it_is(conforming):
    """As ls -l does; what is not there at all is refused."""
    os.symlink("nowhere", conforming.path("dangling"))
    try:
        with Raw(conforming) as c:
            assert c("STAT dangling").split("\n")[1].startswith("lrwx")
            for command in ("STAT nowhere", "MLST dangling", "SIZE dangling"):
                c.expect(command, "550")
            assert c.get("LIST dangling")[1].startswith(b"lrwx") and c.get("NLST dangling")[1] == b"dangling\r\n"
    finally:
        os.unlink(conforming.path("dangling"))


def test_replies_have_the_form_of_the_texts(conforming):
    with Raw(conforming) as c:
        # RFC 2389, section 3.2: one blank before each feature, and the last line is "211 End".
        feat = c("FEAT").split("\n")
        assert feat[0].startswith("211-") and feat[-1] == "211 End"
        assert all(line[0] == " " and line[1] != " " for line in feat[1:-1])
        features = [line[1:] for line in feat[1:-1]]
        for feature in ("AUTH TLS", "PBSZ", "PROT", "MDTM", "SIZE", "REST STREAM", "TVFS", "UTF8", "HOST", "EPSV", "LANG EN*"):
            assert feature in features, feature
        # No text says it, gvfs wants it: a line of SITE HELP is the name of a command, and nothing else.
        assert " CHMOD" in c("SITE HELP").split("\n") and c("SITE HELP chmod") == "214 Syntax: SITE CHMOD mode path"
        # RFC 3659, section 7.2: one blank before the facts, one behind them, and the whole path.
        mlst = c("MLST file").split("\n")
        assert mlst[0].startswith("250-") and mlst[1].startswith(" type=file;") and mlst[1].endswith("; /file")
        assert c("OPTS MLST size;type;") == "200 MLST OPTS type;size;"
        assert c("MLST file").split("\n")[1] == " type=file;size=10; /file"
        assert "MLST type*;size*;modify;" in c("FEAT")
        # RFC 959, appendix II: quotes are doubled.
        assert c('MKD a"b').startswith('257 "/a""b" ')
        c.expect('RMD a"b', "250")
        # RFC 3659, sections 3.1 and 4.1, and the draft of MFMT.
        assert c("MFMT 20200102030405 file") == "213 Modify=20200102030405; file"
        assert c("MDTM file") == "213 20200102030405"
        assert c("SIZE file") == "213 10"
        # Dialects of UTIME. The short one is touch(1): both times.
        for command, atime in (("SITE UTIME 20190102030405 file", 1546398245), ("SITE UTIME 201901020304 file", 1546398240),
                               ("SITE UTIME file 20180102030405 20190102030405 20170102030405 UTC", 1514862245),
                               ("SITE UTIME file 201801020304 20190102030405 201701020304 utc", 1514862240)):
            c.expect(command, "200")
            assert os.stat(conforming.path("file")).st_atime == atime, command
            assert os.stat(conforming.path("file")).st_mtime in (1546398240, 1546398245), command
        for command in ("2019010203 file", "201901020304", "201913020304 file", "file 20180102 20190102030405 20170102030405 UTC",
                        "file 201801020304 201901020304 201701020304 CET", "file 201801020304. 201901020304 201701020304 UTC"):
            c.expect("SITE UTIME " + command, "501")
        # RFC 1123, section 4.1.2.9.
        c.epsv()
        assert c("STOU").startswith("150 FILE: ")
        c.send("ABOR")
        assert c.codes(2) == ["426", "226"]
        # Net::FTP takes the name of STOU from the last reply, where it stands in quotes.
        said = c.put('un"ique', b"once", command="STOU"), c.put('un"ique', b"twice", command="STOU")
        assert said[0] == '226 Transfer complete: "un""ique".'
        name = re.fullmatch(r'226 Transfer complete: "(.+)"\.', said[1]).group(1).replace('""', '"')
        assert c.get("RETR " + name)[1] == b"twice" and name != 'un"ique'
