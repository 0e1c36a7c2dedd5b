"""Whether the address of the web server can be had, said before anything depends on it."""

from __future__ import annotations

import errno
import socket


def complaint(host: str, port: int) -> str | None:
    """Why nothing can listen on `host`:`port` now, in a sentence with the way out; None when it can."""
    if not 1 <= port <= 65535:
        return f"PORT={port} is not a port number: choose one from 1 to 65535."
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        return f"PAPERCLIP_BIND_HOST={host} is not an address of this machine ({error.strerror})."
    with socket.socket(family, kind, protocol) as probe:
        # As servers do: connections of an earlier server that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return _refusal(host, port, error)
    return None


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken by another program: PORT={port + 1} (or --port) chooses another."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than this user has: PORT=3100 (or --port) chooses another."
    return f"Cannot listen on {host}:{port} ({error.strerror}): check PAPERCLIP_BIND_HOST and PORT."
