"""The MCP server: lists the tools, checks their inputs, makes their calls (K-40 to K-42).

It runs where the agent runs and knows nothing but the API: no database, no settings of the control plane.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from paperclip.mcp import config as configuration
from paperclip.mcp.client import ApiError, CallError, Client
from paperclip.mcp.config import Config, ConfigError, MissingError
from paperclip.mcp.tools.base import Tool
from paperclip.mcp.tools.catalogue import BY_NAME, TOOLS

NAME = "paperclip"
VERSION = "0.1.0"

CALLS_AT_ONCE = 200  # each holds a thread while it waits

_Context = ServerRequestContext[Any, Any]
_Caller = Callable[[_Context], Config]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line may hold."""
    parser.add_argument(
        "--http",
        metavar="HOST:PORT",
        help="serve any number of clients over streamable HTTP at /mcp, each with a bearer token of its own",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and serve; return the exit code."""
    parser = argparse.ArgumentParser(prog="paperclip.mcp", description=__doc__)
    add_arguments(parser)
    return run(http=parser.parse_args(arguments).http)


def run(*, http: str | None) -> int:
    """Serve on standard input and output until the input ends, or on the address `http`; return the exit code."""
    try:
        if http is not None:
            from paperclip.mcp import over_http

            over_http.serve(http, api_url=configuration.read_api_url(os.environ))
        else:
            anyio.run(serve, configuration.read(os.environ))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def serve(config: Config) -> None:
    """Serve one client over standard input and output."""
    server = build(lambda context: config)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def build(caller: _Caller) -> Server[Any]:
    """Return the server. `caller` tells who makes a call and where the API is."""
    threads = anyio.CapacityLimiter(CALLS_AT_ONCE)

    async def list_tools(
        context: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in TOOLS])

    async def call_tool(context: _Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = BY_NAME.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        answer = partial(_answer, tool, params.arguments or {}, caller(context))
        # Calls block; one that waits must not keep others from being made.
        value = await anyio.to_thread.run_sync(answer, abandon_on_cancel=True, limiter=threads)
        text = json.dumps(value, indent=2, ensure_ascii=False)
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)])

    return Server(NAME, version=VERSION, on_list_tools=list_tools, on_call_tool=call_tool)


def _answer(tool: type[Tool], arguments: dict[str, Any], config: Config) -> Any:
    """Return what the API answers, or what went wrong; both are results (W-139)."""
    try:
        return tool.model_validate(arguments).answer(config, Client(config))
    except ApiError as error:
        return error.told()
    except ValidationError as error:
        return {"error": _faults(error)}
    except (CallError, MissingError) as error:
        return {"error": str(error)}


def _described(tool: type[Tool]) -> types.Tool:
    return types.Tool(
        name=tool.tool_name(),
        description=tool.tool_description(),
        input_schema=tool.input_schema(),
        annotations=types.ToolAnnotations(read_only_hint=tool.reads_only),
    )


def _faults(error: ValidationError) -> str:
    """Name each input that does not fit."""
    faults = (
        f"{'.'.join(str(part) for part in fault['loc']) or 'arguments'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    )
    return f"Invalid arguments: {'; '.join(faults)}"
