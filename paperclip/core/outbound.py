"""Requests to addresses that people typed in: the one door by which this product calls others over HTTP.

The name is looked up once, every address it has is judged, and the connection goes to the very address that was
judged, so that a name that changes its mind in between leads nowhere. Redirects are answers, not instructions.
Private networks are closed unless the operator opens them (PAPERCLIP_OUTBOUND_ALLOW).
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

MAX_URL_CHARS = 2000
_ANSWER_BYTES = 64 * 1024
_PORTS = {"http": 80, "https": 443}

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):
    """The address may not be called; the text says why and shows no more of it than the host."""


class Failed(Exception):
    """The request did not come through; the text says why and shows no more of the address than the host."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the beginning of the body (64 KiB unless more was asked for), the headers.

    Names of headers are in small letters.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def check(url: str) -> None:
    """Raise Refused unless `url` is one that may be called as far as can be told without looking up its name."""
    parts = _parts(url)
    literal = _literal(parts.hostname or "")
    if literal is not None:
        _require_open(literal, parts.hostname or "")


def post(url: str, *, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> Answer:
    """POST `body` to `url` and return the answer, whatever its status.

    `timeout_seconds` bounds the whole exchange after the name was looked up. Raises Refused for an address that
    may not be called, Failed when no answer came.
    """
    return _exchange("POST", url, body=body, headers=headers, timeout_seconds=timeout_seconds)


def get(
    url: str, *, headers: Mapping[str, str], timeout_seconds: float, most_bytes: int = _ANSWER_BYTES
) -> Answer:
    """GET `url` and return the answer, as `post` does; of the body the first `most_bytes`."""
    return _exchange(
        "GET", url, body=None, headers=headers, timeout_seconds=timeout_seconds, most_bytes=most_bytes
    )


def send(
    method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], timeout_seconds: float
) -> Answer:
    """Make a request of any method and return the answer, as `post` does."""
    return _exchange(method, url, body=body, headers=headers, timeout_seconds=timeout_seconds)


def _exchange(
    method: str,
    url: str,
    *,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout_seconds: float,
    most_bytes: int = _ANSWER_BYTES,
) -> Answer:
    parts = _parts(url)
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    address = _resolve(host, port)
    wire = _Wire(address, port, timeout_seconds)
    connection = _Https(host, port, wire) if parts.scheme == "https" else _Http(host, port, wire)
    overdue = threading.Event()

    def cut() -> None:
        overdue.set()
        wire.cut()

    timer = threading.Timer(timeout_seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request(method, target, body=body, headers=dict(headers))
        response = connection.getresponse()
        told = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, response.read(most_bytes), told)
        if overdue.is_set():
            raise TimeoutError
    except ssl.SSLCertVerificationError as error:
        raise Failed(f"The certificate of {host} is not valid: {error.verify_message}") from None
    except (OSError, http.client.HTTPException) as error:
        late = overdue.is_set() or isinstance(error, TimeoutError)
        why = f"no answer within {timeout_seconds:g} s" if late else _reason(error)
        raise Failed(f"{host} cannot be reached: {why}") from None
    finally:
        timer.cancel()
        connection.close()
    return answer


def _parts(url: str) -> SplitResult:
    if len(url) > MAX_URL_CHARS or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise Refused(f"An address has no spaces and at most {MAX_URL_CHARS} characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("This is not an address") from None
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise Refused("An address begins with https:// or http:// and a host")
    if parts.username is not None or parts.password is not None:
        raise Refused("An address must not carry a user name or password")
    try:
        parts.hostname.encode("idna")
        url.encode("ascii")
    except UnicodeError:
        raise Refused("An address consists of ASCII characters; write others percent-encoded") from None
    return parts


def _resolve(host: str, port: int) -> str:
    """Return one address of `host`, all of which may be called."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Failed(f"{host} cannot be found: {_reason(error)}") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        _require_open(ipaddress.ip_address(address.partition("%")[0]), host)
    return addresses[0]


def _require_open(address: IpAddress, host: str) -> None:
    inner = _unwrapped(address)
    if any(inner in network for network in settings.OUTBOUND_ALLOW if network.version == inner.version):
        return
    if not inner.is_global or inner.is_multicast or inner.is_reserved:
        raise Refused(
            f"{host} is on a private network; an operator may open it with PAPERCLIP_OUTBOUND_ALLOW"
        )


def _unwrapped(address: IpAddress) -> IpAddress:
    """Return the IPv4 address that an IPv6 one stands for, where it does: mapped, translated or tunnelled."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


class _Wire:
    """Connects to an address that was judged before, and can be cut off by another thread."""

    def __init__(self, address: str, port: int, timeout: float) -> None:
        self._where = (address, port)
        self._timeout = timeout
        self._wire: socket.socket | None = None

    def open(self) -> socket.socket:
        self._wire = socket.create_connection(self._where, self._timeout)
        return self._wire

    def cut(self) -> None:
        """Whoever waits on the socket wakes up. Encrypted or not: it is the connection below that ends."""
        if self._wire is not None:
            with contextlib.suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)


class _Http(http.client.HTTPConnection):
    def __init__(self, host: str, port: int, wire: _Wire) -> None:
        super().__init__(host, port)
        self._wire = wire

    def connect(self) -> None:
        self.sock = self._wire.open()


class _Https(http.client.HTTPSConnection):
    """Proves the certificate of the name, not of the address."""

    def __init__(self, host: str, port: int, wire: _Wire) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(host, port, context=self._tls)
        self._wire = wire

    def connect(self) -> None:
        self.sock = self._tls.wrap_socket(self._wire.open(), server_hostname=self.host)


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
