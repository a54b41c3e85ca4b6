# SPDX-License-Identifier: ISC
"""Every way in which a client can touch a file: one row for each, with the verbs or requests that it takes. What an operation
may do is not said here but in the table of test_matrix.py, once for both protocols."""

from test_sftp_ledger import APPEND, BAD_MESSAGE, CLOSE, CREAT, EOF, EXCL, EXTENDED, FAILURE, FSETSTAT, FSTAT, LSTAT, MKDIR, \
    NO_SUCH_FILE, OK, OPENDIR, PERMISSION_DENIED, R, READ, READDIR, READLINK, REMOVE, RENAME, RMDIR, SETSTAT, STAT, STATUS, SYMLINK, \
    TRUNC, W, WRITE, s, u32, u64

THEN = 1577836800  # 2020-01-01
SIZE, UIDGID, MODE, TIMES = 1, 2, 4, 8  # of SSH_FILEXFER_ATTR_
ATTRS_MODE, ATTRS_TIMES, ATTRS_SIZE = u32(MODE) + u32(0o600), u32(TIMES) + u32(THEN) * 2, u32(SIZE) + u64(3)
ATTRS_OWNER = u32(UIDGID) + u32(61009) * 2


# ---- FTP: f is a Raw of rawftps, p a path, top the share it is in ----


def said(reply):
    """True: done; False: refused for good. Anything else is an error."""
    assert reply[:3] in ("200", "213", "226", "250", "257", "501", "550", "553", "554"), reply
    return reply[0] == "2"


def tell(line):
    return lambda f, p, top: said(f(line % p if "%s" in line else line + " " + p))


def down(verb, before=None):
    def do(f, p, top):
        if before:
            f.expect(before, "350")
        done = said(f.get("%s %s" % (verb, p))[0])
        f.expect("PWD", "257")  # what stays in force behind a refusal ends
        return done
    return do


def up(verb, before=None):
    def do(f, p, top):
        if before:
            f.expect(before, "350")
        done = said(f.put(p, b"new", verb))
        f.expect("PWD", "257")
        return done
    return do


def stat_line(f, p, top):
    """STAT answers on the control connection: its first line promises nothing yet."""
    reply = f("STAT " + p)
    assert reply[:3] in ("211", "212", "213", "450", "550"), reply
    return reply[0] == "2"


def move(to):
    def do(f, p, top):
        reply = f("RNFR " + p)
        assert reply[:3] in ("350", "550"), reply
        return reply[0] == "3" and said(f("RNTO " + to % top))
    return do


def copy(source, target):
    def do(f, p, top):
        reply = f("SITE CPFR " + source.format(p=p, top=top))
        assert reply[:3] in ("350", "550", "553"), reply
        return reply[0] == "3" and said(f("SITE CPTO " + target.format(p=p, top=top)))
    return do


def enter(verb):
    def do(f, p, top):
        done = said(f("%s %s" % (verb, p)))
        f.expect("CWD /", "250")
        return done
    return do


FTP = [  # operation, verbs, what is done
    ("list", "MLSD", down("MLSD")),
    ("show", "LIST", down("LIST")),
    ("show", "NLST", down("NLST")),
    ("show", "STAT", stat_line),
    ("enter", "CWD", enter("CWD")),
    ("enter", "XCWD", enter("XCWD")),
    ("read", "RETR", down("RETR")),
    ("read", "REST RETR", down("RETR", "REST 3")),
    ("read", "RANG RETR", down("RETR", "RANG 1 3")),
    *(("read", verb, tell(verb)) for verb in ("HASH", "XCRC", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512")),
    ("stat", "MLST", tell("MLST")),
    ("size", "SIZE", tell("SIZE")),
    ("stat", "MDTM", tell("MDTM")),
    ("upload", "STOR", up("STOR")),
    ("resume", "REST STOR", up("STOR", "REST 3")),
    ("append", "APPE", up("APPE")),
    ("beside", "STOU", up("STOU")),
    ("delete", "DELE", tell("DELE")),
    ("mkdir", "MKD", tell("MKD")),
    ("mkdir", "XMKD", tell("XMKD")),
    ("rmdir", "RMD", tell("RMD")),
    ("rmdir", "XRMD", tell("XRMD")),
    ("rename", "RNFR RNTO", move("/%s/new-name")),
    ("replace", "RNFR RNTO", move("/%s/target")),
    ("across", "RNFR RNTO", move("/other/new-name%.0s")),
    ("copy-from", "SITE/CPFR SITE/CPTO", copy("{p}", "/{top}/new-name")),
    ("copy-to", "SITE/CPFR SITE/CPTO", copy("/{top}/source", "{p}")),
    ("copy-out", "SITE/CPFR SITE/CPTO", copy("{p}", "/other/new-name")),
    ("copy-from", "COMB", lambda f, p, top: said(f('COMB "/%s/new-name" "%s"' % (top, p)))),
    ("copy-to", "COMB", lambda f, p, top: said(f('COMB "%s" "/%s/source"' % (p, top)))),
    ("chmod", "SITE/CHMOD", tell("SITE CHMOD 600")),
    ("chmod", "MFF", tell("MFF UNIX.mode=0600;")),
    ("times", "MFMT", tell("MFMT 20200101000000")),
    ("times", "MDTM", tell("MDTM 20200101000000")),
    ("times", "MFF", tell("MFF Modify=20200101000000;")),
    ("times", "SITE/UTIME", tell("SITE UTIME 20200101000000")),
    ("symlink", "SITE/SYMLINK", tell("SITE SYMLINK target")),
    ("stat", "AVBL", tell("AVBL")),
]

# Verbs that no path of a client is behind. CDUP and PWD know the directory that CWD has entered.
FTP_NO_FILE = {
    "login": "AUTH PBSZ PROT CCC USER PASS ACCT HOST CLNT CSID QUIT",
    "refused": "REIN SMNT ADAT MIC CONF ENC",
    "conversation": "FEAT OPTS LANG SYST HELP NOOP ABOR SITE SITE/HELP SITE/IDLE",
    "data connection": "TYPE MODE STRU ALLO PASV EPSV PORT EPRT",
    "where CWD has led": "PWD XPWD CDUP XCUP",
}


# ---- SFTP: r is a Raw of test_sftp_ledger ----


def fine(answer):
    kind, body = answer
    assert kind != STATUS or body in (OK, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE), answer
    return kind != STATUS or body == OK


def ask(kind, after=b""):
    return lambda r, p, top: fine(r.ask(kind, s(p) + after))


def extended(name, after=b"", before=b""):
    return lambda r, p, top: fine(r.ask(EXTENDED, s(name) + before + s(p) + after))


def opened(r, path, flags, *then):
    """Opens, does one thing after the other with the handle, and closes."""
    handle = r.open(path, flags)
    if isinstance(handle, tuple):
        return False
    done = all(fine(r.ask(*one(handle))) for one in then)
    return fine(r.ask(CLOSE, s(handle))) and done


def with_file(flags, *then):
    return lambda r, p, top: opened(r, p, flags, *then)


def reads(handle):
    return READ, s(handle) + u64(0) + u32(100)


def writes(at):
    return lambda handle: (WRITE, s(handle) + u64(at) + s(b"new"))


def by_handle(name, after=b""):
    return lambda handle: (EXTENDED, s(name) + s(handle) + after)


def list_all(r, p, top):
    kind, body = r.ask(OPENDIR, s(p))
    if kind == STATUS:
        return False
    handle = body[4:]
    while (answer := r.ask(READDIR, s(handle)))[0] != STATUS:
        pass
    assert fine(r.ask(EXTENDED, s("fstatvfs@openssh.com") + s(handle)))
    return answer[1] == EOF and fine(r.ask(CLOSE, s(handle)))


def rename(kind, to, name=None):
    def do(r, p, top):
        return fine(r.ask(kind, (s(name) if name else b"") + s(p) + s(to % top)))
    return do


def copy_data(source, target, out_flags=W | CREAT | TRUNC):
    def do(r, p, top):
        source_handle = r.open(source.format(p=p, top=top), R)
        if isinstance(source_handle, tuple):
            return False
        done = opened(r, target.format(p=p, top=top), out_flags,
                      lambda h: (EXTENDED, s("copy-data") + s(source_handle) + u64(0) + u64(0) + s(h) + u64(0)))
        return fine(r.ask(CLOSE, s(source_handle))) and done
    return do


def command(line):
    def do(r, p, top):
        chan = r.transport.open_session()
        chan.settimeout(15)
        chan.exec_command("%s %s" % (line, p))
        status = chan.recv_exit_status()
        chan.close()
        return status == 0
    return do


def scp(mode, *steps):
    """The old protocol: each step is sent when the one before was answered, by other than 1."""
    def do(r, p, top):
        chan = r.transport.open_session()
        chan.settimeout(15)
        chan.exec_command("scp -%s %s" % (mode, p))
        answer = b""
        for step in steps:
            chan.sendall(step)
            answer = chan.recv(65536)
            if answer[:1] == b"\1":
                break
        if mode == "f" and answer[:1] != b"\1":
            chan.sendall(b"\0")  # yes to the last answer, too
        chan.shutdown_write()
        while chan.recv(65536):
            pass
        status = chan.recv_exit_status()
        chan.close()
        return answer[:1] != b"\1" and status == 0
    return do


CHECK = u64(0) + u64(0) + u32(0)
SFTP = [  # operation, requests, what is done
    ("list", "OPENDIR READDIR FSTATVFS CLOSE", list_all),
    ("read", "OPEN READ CLOSE", with_file(R, reads)),
    ("read", "OPEN FSTAT FSTATVFS CHECK_FILE_HANDLE", with_file(
        R, lambda h: (FSTAT, s(h)), by_handle("fstatvfs@openssh.com"), by_handle("check-file-handle", s("sha256") + CHECK))),
    ("read", "CHECK_FILE_NAME", extended("check-file-name", s("sha256") + CHECK)),
    *(("read", "exec/" + name, command(name)) for name in ("md5sum", "sha1sum", "sha256sum", "sha512sum")),
    ("read", "exec/scp", scp("f", b"\0", b"\0")),
    ("stat", "STAT", ask(STAT)),
    ("lstat", "LSTAT", ask(LSTAT)),
    ("readlink", "READLINK", ask(READLINK)),
    ("upload", "OPEN WRITE CLOSE", with_file(W | CREAT | TRUNC, writes(0))),
    ("upload", "OPEN FSYNC", with_file(W | CREAT | TRUNC, writes(0), by_handle("fsync@openssh.com"))),
    ("upload-into", "exec/scp", scp("t", b"", b"C0644 3 name\n", b"new\0")),
    ("create", "OPEN", with_file(W | CREAT | EXCL, writes(0))),
    ("resume", "OPEN WRITE", with_file(W, writes(3))),
    ("update", "OPEN READ WRITE", with_file(R | W, reads, writes(3))),
    ("append", "OPEN WRITE", with_file(W | CREAT | APPEND, writes(0))),
    ("truncate", "SETSTAT", ask(SETSTAT, ATTRS_SIZE)),
    ("truncate", "OPEN FSETSTAT", with_file(W, lambda h: (FSETSTAT, s(h) + ATTRS_SIZE))),
    ("delete", "REMOVE", ask(REMOVE)),
    ("mkdir", "MKDIR", ask(MKDIR, u32(0))),
    ("rmdir", "RMDIR", ask(RMDIR)),
    ("rename", "RENAME", rename(RENAME, "/%s/new-name")),
    ("rename", "POSIX_RENAME", rename(EXTENDED, "/%s/new-name", "posix-rename@openssh.com")),
    ("replace", "POSIX_RENAME", rename(EXTENDED, "/%s/target", "posix-rename@openssh.com")),
    ("rename-over", "RENAME", rename(RENAME, "/%s/target")),
    ("across", "RENAME", rename(RENAME, "/other/new-name%.0s")),
    ("across", "POSIX_RENAME", rename(EXTENDED, "/other/new-name%.0s", "posix-rename@openssh.com")),
    ("across", "HARDLINK", rename(EXTENDED, "/other/new-name%.0s", "hardlink@openssh.com")),
    ("copy-from", "OPEN COPY_DATA", copy_data("{p}", "/{top}/new-name")),
    ("copy-to", "OPEN COPY_DATA", copy_data("/{top}/source", "{p}")),
    ("copy-out", "OPEN COPY_DATA", copy_data("{p}", "/other/new-name")),
    ("link-from", "HARDLINK", rename(EXTENDED, "/%s/new-name", "hardlink@openssh.com")),
    ("link-to", "HARDLINK", lambda r, p, top: fine(r.ask(EXTENDED, s("hardlink@openssh.com") + s("/%s/target" % top) + s(p)))),
    ("chmod", "SETSTAT", ask(SETSTAT, ATTRS_MODE)),
    ("chmod-open", "OPEN FSETSTAT", with_file(R, lambda h: (FSETSTAT, s(h) + ATTRS_MODE))),
    ("times", "SETSTAT", ask(SETSTAT, ATTRS_TIMES)),
    ("times-open", "OPEN FSETSTAT", with_file(R, lambda h: (FSETSTAT, s(h) + ATTRS_TIMES))),
    ("lchmod", "LSETSTAT", extended("lsetstat@openssh.com", ATTRS_MODE)),
    ("ltimes", "LSETSTAT", extended("lsetstat@openssh.com", ATTRS_TIMES)),
    ("chown", "SETSTAT", ask(SETSTAT, ATTRS_OWNER)),
    ("chown", "LSETSTAT", extended("lsetstat@openssh.com", ATTRS_OWNER)),
    ("symlink", "SYMLINK", lambda r, p, top: fine(r.ask(SYMLINK, s("target") + s(p)))),
    ("stat", "STATVFS", extended("statvfs@openssh.com")),
    ("stat", "SPACE_AVAILABLE", extended("space-available")),
    ("stat", "exec/df", command("df")),
]

SFTP_NO_FILE = {
    "conversation": "INIT LIMITS VENDOR_ID",
    "text of a path, of which nothing need be there": "REALPATH EXPAND_PATH HOME_DIRECTORY",
    "names of users by number": "USERS_GROUPS",
}
