"""A proxy to a server on 127.0.0.1 whose connections can be reset or stop forwarding."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards each connection to a server.

    ``greeting`` changes the first bytes that the server sends on each connection. ``received``
    counts the bytes from both ends.
    """

    def __init__(self, target: int, greeting: Callable[[bytes], bytes] = bytes) -> None:
        self._target = target
        self._greeting = greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._open = Event()
        self._open.set()
        self._closed = False
        self._lock = Lock()
        self.received = 0
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        """Receive everything and forward nothing, on every connection, like a lost host."""
        self._open.clear()

    def reset(self, keep: int = 0) -> None:
        """Reset all connections except the oldest ``keep``. New connections are forwarded."""
        pairs, self._pairs = self._pairs[keep:], self._pairs[:keep]
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                    end.shutdown(socket.SHUT_RD)  # wakes the reading thread
                end.close()

    def close(self) -> None:
        """Close the listener and all connections."""
        self._closed = True
        self._open.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()

    def _accept(self) -> None:
        while not self._closed:
            with suppress(OSError):
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._pairs.append((near, far))
                Thread(target=self._forward, args=(near, far, bytes), daemon=True).start()
                Thread(target=self._forward, args=(far, near, self._greeting), daemon=True).start()

    def _forward(
        self, source: socket.socket, sink: socket.socket, change: Callable[[bytes], bytes]
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                with self._lock:
                    self.received += len(data)
                self._open.wait()
                sink.sendall(change(data))
                change = bytes
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def proxied(target: int, greeting: Callable[[bytes], bytes] = bytes) -> Iterator[Proxy]:
    """Run a proxy to a port until the block ends."""
    proxy = Proxy(target, greeting)
    try:
        yield proxy
    finally:
        proxy.close()
