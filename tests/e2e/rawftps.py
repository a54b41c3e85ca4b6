# SPDX-License-Identifier: ISC
"""An FTPS client that does exactly what a test says, also what no honest client would."""

import contextlib
import os
import re
import select
import socket
import ssl
import time


class Raw:
    """One control connection. c("NOOP") sends a line and returns its whole reply as text."""

    def __init__(self, server, tls=True, login=True, prot=True, version=None, context=None, source=None,
                 host=None, port=None):
        self.server, self.host, self.source = server, host or server.host, source
        self.context = context or server.tls(version)
        self.context.check_hostname = False
        self.rest = b""
        self.raw = self.sock = socket.create_connection((self.host, port or server.ftps_port), timeout=15,
                                                        source_address=(source, 0) if source else None)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.greeting = self.reply()
        if tls:
            self.secure()
        if tls and login:
            self.expect("USER " + server.user, "331")
            self.expect("PASS " + server.password, "230")
            if prot:
                self.expect("PBSZ 0", "200")
                self.expect("PROT P", "200")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.close()

    def secure(self):
        self.expect("AUTH TLS", "234")
        self.sock = self.context.wrap_socket(self.raw, server_hostname="localhost")

    # ---- control ----

    def send(self, line):
        self.sock.sendall(line if isinstance(line, bytes) else line.encode("utf-8") + b"\r\n")

    def line(self):
        while b"\n" not in self.rest:
            got = self.sock.recv(65536)
            if not got:
                raise EOFError(self.rest)
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode("utf-8", "replace").rstrip("\r")

    def reply(self):
        lines = [self.line()]
        assert re.match(r"[1-6]\d\d[ -]", lines[0]), lines[0]
        if lines[0][3] == "-":
            while not lines[-1].startswith(lines[0][:3] + " "):
                lines.append(self.line())
        return "\n".join(lines)

    def __call__(self, line):
        self.send(line)
        return self.reply()

    def codes(self, count):
        return [self.reply()[:3] for _ in range(count)]

    def expect(self, line, *codes):
        """Sends the line (or only reads, when it is None); its reply must have one of the codes."""
        reply = self(line) if line is not None else self.reply()
        assert reply[:3] in codes, "%r: %s, not %s" % (line, reply, "/".join(codes))
        return reply

    def is_silent(self, seconds=0.2):
        if self.rest or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return False
        if not select.select([self.raw if self.raw.fileno() >= 0 else self.sock], [], [], seconds)[0]:
            return True
        self.sock.settimeout(0.05)
        try:
            self.rest += self.sock.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError):  # a session ticket is no reply
            pass
        finally:
            self.sock.settimeout(15)
        return not self.rest

    def ended(self):
        """True when the server closed the connection, whatever it still said."""
        try:
            while self.sock.recv(65536):
                pass
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            pass
        except TimeoutError:
            return False
        return True

    # ---- data ----

    def epsv(self):
        return int(re.search(r"\|\|\|(\d+)\|", self.expect("EPSV", "229")).group(1))

    def data(self, port=None, source=None):
        """A TCP connection to the passive port, without TLS so far."""
        source = source or self.source
        return socket.create_connection((self.host, port or self.epsv()), timeout=15,
                                        source_address=(source, 0) if source else None)

    def wrap(self, data, resume=True):
        return self.context.wrap_socket(data, server_hostname="localhost",
                                        session=self.sock.session if resume else None)

    def begin(self, command, resume=True):
        """The command got its 150; returns the data connection in TLS."""
        data = self.data()
        self.expect(command, "150")
        return self.wrap(data, resume)

    def put(self, name, content, command="STOR"):
        data = self.data()
        reply = self("%s %s" % (command, name))
        if reply[:3] != "150":
            data.close()
            return reply
        data = self.wrap(data)
        data.sendall(content)
        end(data)
        return self.reply()

    def get(self, command):
        """(last reply, content) of RETR, LIST and their like."""
        data = self.data()
        reply = self(command)
        if reply[:3] != "150":
            data.close()
            return reply, b""
        data, parts = self.wrap(data), []
        while got := data.recv(65536):
            parts.append(got)
        end(data)
        return self.reply(), b"".join(parts)


def end(data):
    """Ends a TLS connection with close_notify, as far as the server is still there to hear it."""
    with contextlib.suppress(OSError):
        data.unwrap()
    with contextlib.suppress(OSError):  # Python 3.13 may find out only here that it is not
        data.close()


def cut(data):
    """Ends a TLS connection as a cable does: without close_notify."""
    os.close(data.detach())


def read(*names):
    with open(os.path.join(*names), "rb") as f:
        return f.read()


def until(check, seconds=10):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "not within %s s" % seconds
        time.sleep(0.02)
