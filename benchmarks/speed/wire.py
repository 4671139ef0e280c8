"""A proxy on 127.0.0.1 that counts the bytes between a client and a server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

_CHUNK = 1 << 16


class Proxy:
    """Passes connections on to a port, and counts what passes either way."""

    def __init__(self, target: int) -> None:
        self.bytes = 0
        self._target = target
        self._lock = Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[Thread] = []
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Take connections until the proxy is closed."""
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                self._connections.append(Thread(target=self._connect, args=(client,)))
                self._connections[-1].start()

    def close(self) -> None:
        """Take no more connections, and wait until those that there are have ended."""
        with suppress(OSError):  # nobody is connected to a listener
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            connection.join()

    def _connect(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            back = Thread(target=self._pass_on, args=(server, client))
            back.start()
            self._pass_on(client, server)
            back.join()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # either end may leave without a word
            while chunk := source.recv(_CHUNK):
                target.sendall(chunk)
                with self._lock:
                    self.bytes += len(chunk)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def counting(target: int) -> Iterator[Proxy]:
    """Run a proxy to a port of 127.0.0.1."""
    proxy = Proxy(target)
    thread = Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
