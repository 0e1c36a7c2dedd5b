"""Host names as they stand in settings and in the Host header."""

from __future__ import annotations

from collections.abc import Iterable


def loopback_and(bind_host: str, names: Iterable[str]) -> list[str]:
    """Return the host names web answers to: loopback, the address it is bound to, and `names`."""
    bound = [] if bind_host in ("", "0.0.0.0", "::") else [bracketed(bind_host)]  # noqa: S104  compared, not bound
    wanted = [*("localhost", "127.0.0.1", "[::1]"), *bound, *(bracketed(name) for name in names)]
    return list(dict.fromkeys(name for name in wanted if name))


def bracketed(name: str) -> str:
    """Return a host name as it stands in a Host header: IPv6 addresses in brackets, lower-cased."""
    name = name.strip().lower()
    return f"[{name}]" if ":" in name and not name.startswith("[") else name
