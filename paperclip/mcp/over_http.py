"""The tools over streamable HTTP, for clients that cannot start a program: each request says who calls."""

from __future__ import annotations

from typing import Any

import uvicorn
from mcp.server.context import ServerRequestContext
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from paperclip.mcp import config as configuration
from paperclip.mcp import server
from paperclip.mcp.config import Config, ConfigError

PATH = "/mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(address: str, *, api_url: str) -> None:
    """Serve at `address` ("host:port") until told to stop. Raises ConfigError when it is no address."""
    host, port = _parts(address)
    uvicorn.run(application(host, api_url=api_url), host=host, port=port, log_level="warning")


def application(host: str, *, api_url: str) -> ASGIApp:
    """Return the ASGI application that calls the API at `api_url` as the caller of each request.

    Nothing is kept between requests, so any number of processes may serve behind one address.
    """

    def caller(context: ServerRequestContext[Any, Any]) -> Config:
        request = context.request
        config = None if request is None else configuration.of_request(api_url, request.headers)
        if config is None:
            raise RuntimeError("a request without a token came past the door")
        return config

    tools = server.build(caller).streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        host=host,
        transport_security=_guard(host),
    )
    return _Door(tools, api_url)


class _Door:
    """Lets in requests that carry a bearer token; whether it is good the API says."""

    def __init__(self, behind: ASGIApp, api_url: str) -> None:
        self.behind, self.api_url = behind, api_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and configuration.of_request(self.api_url, Headers(scope=scope)) is None:
            refusal = JSONResponse(
                {"error": "Send your key as a bearer token"}, 401, {"WWW-Authenticate": "Bearer"}
            )
            await refusal(scope, receive, send)
            return
        await self.behind(scope, receive, send)


def _guard(host: str) -> TransportSecuritySettings:
    """Return which names a request may use: on this machine only its own, so that no web page gets in."""
    if host not in _LOOPBACK:
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return TransportSecuritySettings(
        allowed_hosts=["127.0.0.1:*", "localhost:*", "[::1]:*"],
        allowed_origins=["http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*"],
    )


def _parts(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ConfigError("--http takes HOST:PORT, such as 127.0.0.1:3180")
    return host.strip("[]"), int(port)
