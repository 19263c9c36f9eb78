"""A service that does not answer as it should."""

import socket
import threading


class Rude:
    """A server that counts connections, and closes the first ones before an answer or within its head."""

    def __init__(self, rude: int, says: bytes = b"") -> None:
        self.requests: list[bytes] = []
        self._rude = rude
        self._says = says
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.requests.append(connection.recv(65536))
                polite = len(self.requests) > self._rude
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" if polite else self._says)

    def close(self) -> None:
        self._socket.close()
