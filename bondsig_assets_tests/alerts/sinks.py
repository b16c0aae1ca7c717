"""Local servers that take what is sent and keep it: HTTP and SMTP, each a thread.

Belongs here: what tests of alerts send to. Not here: tests.
"""

from __future__ import annotations

import base64
import http.server
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Sink:
    """What came, and how to answer: a status, or seconds to wait first."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str]] = []
        self.status = 200
        self.delay = 0.0
        self.logins: list[str] = []
        self.url = ""
        self.port = 0


@contextmanager
def http_sink() -> Iterator[Sink]:
    """(path, body) of every request."""
    sink = Sink()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            time.sleep(sink.delay)
            sink.came.append((self.path, body))
            self.send_response(sink.status)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            """Nothing: what came is kept."""

    with _serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        sink.port, sink.url = port, f"http://127.0.0.1:{port}"
        yield sink


@contextmanager
def smtp_sink() -> Iterator[Sink]:
    """(recipients, whole mail) of every mail; takes any login."""
    sink = Sink()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            time.sleep(sink.delay)
            self._say(b"220 sink")
            recipients: list[str] = []
            while line := self.rfile.readline():
                word, _, rest = line.decode().strip().partition(" ")
                match word.upper():
                    case "EHLO":
                        self._say(b"250-sink", b"250 AUTH PLAIN")
                    case "AUTH":
                        sink.logins.append(base64.b64decode(rest.split()[-1]).decode())
                        self._say(b"235 welcome")
                    case "RCPT":
                        recipients.append(rest.partition(":")[2].strip("<>"))
                        self._say(str(sink.status).encode() + b" taken")
                    case "DATA":
                        self._say(b"354 go on")
                        sink.came.append((",".join(recipients), self._mail()))
                        self._say(b"250 taken")
                    case "QUIT":
                        self._say(b"221 bye")
                        return
                    case _:
                        self._say(b"250 fine")

        def _say(self, *lines: bytes) -> None:
            self.wfile.write(b"".join(line + b"\r\n" for line in lines))

        def _mail(self) -> str:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.decode())
            return "".join(lines)

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        sink.port, sink.url, sink.status = port, f"smtp://127.0.0.1:{port}", 250
        yield sink


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[int]:
    """The port of a server that runs as a thread."""
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[misc]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
