"""Which doors of a list open, from wherever this runs. Sent to a container by standard input, or called here."""

import socket
from concurrent.futures import ThreadPoolExecutor


def main(doors: list[list[object]], nobodys: list[object], limit_s: float = 3.0) -> list[list[object]]:
    """Those of `[address, port]` that open.

    A gateway on the way out may take connections for the whole world. What it says for an address that is nobody's
    is told apart from a service's own answer.
    """

    def answer(door: list[object]) -> str:
        """How a service takes being spoken to: its first word, silence, or (empty) no connection at all."""
        try:
            with socket.create_connection((str(door[0]), int(str(door[1]))), timeout=limit_s) as connection:
                try:
                    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    return repr(connection.recv(30))
                except OSError:
                    return "silence"
        except OSError:
            return ""

    gateways = answer(nobodys)
    with ThreadPoolExecutor(max_workers=64) as pool:
        return [door for door, said in zip(doors, pool.map(answer, doors), strict=True) if said not in ("", gateways)]
