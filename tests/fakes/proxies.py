"""Small real proxies on loopback: HTTP (forwarding, and CONNECT) and SOCKS5. Both note what they were asked for."""

import contextlib
import socket
import socketserver
import struct
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class _Proxy(socketserver.ThreadingTCPServer):
    """Use it as a context; `asked` has (how, host, port) of each connection."""

    allow_reuse_address = True
    daemon_threads = True
    scheme = ""

    def __init__(self, handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.asked: list[tuple[str, str, int]] = []

    @property
    def url(self) -> str:
        """What the key `proxy` takes."""
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.shutdown()
        self.server_close()

    def join(self, client: socket.socket, how: str, host: str, port: int, first: bytes = b"") -> None:
        """Passes bytes both ways until either side ends."""
        self.asked.append((how, host, port))
        with socket.create_connection((host, port), timeout=10) as server:
            server.settimeout(None)
            server.sendall(first)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("the client has gone")
        data += more
    return data


class HttpProxy(_Proxy):
    """RFC 9110: `GET http://host/path` is forwarded, CONNECT is a tunnel."""

    scheme = "http"

    def __init__(self) -> None:
        super().__init__(_Http)


class _Http(socketserver.BaseRequestHandler):
    server: HttpProxy

    def handle(self) -> None:
        """One connection; of a forwarded one only the first request is rewritten, so it is asked to be the last."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += _exactly(self.request, 1)
        line, _, headers = head.partition(b"\r\n")
        method, target, version = line.split(b" ")
        if method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.server.join(self.request, "CONNECT", host, int(port))
            return
        url = urlsplit(target.decode())
        path = f"{url.path}{'?' + url.query if url.query else ''}".encode()
        kept = b"\r\n".join(each for each in headers.split(b"\r\n") if not each.lower().startswith(b"connection:"))
        first = b" ".join([method, path, version]) + b"\r\nConnection: close\r\n" + kept
        self.server.join(self.request, method.decode(), url.hostname or "", url.port or 80, first)


class Socks5Proxy(_Proxy):
    """RFC 1928: without authentication, CONNECT only; addresses and names."""

    scheme = "socks5h"

    def __init__(self) -> None:
        super().__init__(_Socks5)


class _Socks5(socketserver.BaseRequestHandler):
    server: Socks5Proxy

    def handle(self) -> None:
        """Greeting, request, then bytes both ways."""
        sock = self.request
        _, methods = _exactly(sock, 2)
        _exactly(sock, methods)
        sock.sendall(b"\x05\x00")
        _, command, _, kind = _exactly(sock, 4)
        if command != 1:
            sock.sendall(b"\x05\x07\x00\x01" + bytes(6))
            return
        if kind == 1:
            how, host = "address", socket.inet_ntoa(_exactly(sock, 4))
        else:
            how, host = "name", _exactly(sock, _exactly(sock, 1)[0]).decode()
        (port,) = struct.unpack(">H", _exactly(sock, 2))
        sock.sendall(b"\x05\x00\x00\x01" + bytes(6))
        self.server.join(sock, how, host, port)
