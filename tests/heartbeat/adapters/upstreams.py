"""A provider of models that says what a test wrote down, over HTTP on this host."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Step = dict[str, Any]


def says(text: str) -> Step:
    return {
        "block": {"type": "text", "text": ""},
        "delta": {"type": "text_delta", "text": text},
        "stop": "end_turn",
    }


def uses(tool: str, **arguments: Any) -> Step:
    return {
        "block": {"type": "tool_use", "id": f"toolu_{abs(hash(tool)) % 10**8}", "name": tool, "input": {}},
        "delta": {"type": "input_json_delta", "partial_json": json.dumps(arguments)},
        "stop": "tool_use",
    }


def refuses(status: int, kind: str, text: str, **headers: str) -> Step:
    return {"status": status, "headers": headers, "error": {"type": kind, "message": text}}


RESET: Step = {"reset": True}
EMPTY: Step = {"empty": True}


class Upstream:
    """What each path was scripted to answer, and what it was asked. The last step of a script is repeated."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[Step]] = {}
        self.asked: dict[str, list[dict[str, Any]]] = {}
        self.url = ""

    def script(self, name: str, *steps: Step) -> str:
        """Return the address of a provider that answers `steps`, one to a question."""
        self.scripts[name], self.asked[name] = list(steps), []
        return f"{self.url}/{name}"

    def next_step(self, name: str, question: dict[str, Any]) -> Step:
        self.asked[name].append(question)
        steps = self.scripts[name]
        return steps.pop(0) if len(steps) > 1 else steps[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: Upstream

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        _, name, rest = self.path.split("/", 2)
        if not rest.startswith("v1/messages") or "count_tokens" in rest:
            return self._send(404, b"{}", {"content-type": "application/json"})
        step = self.upstream.next_step(name, question)
        if "reset" in step:
            # Closed with nothing lingering, a connection is reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return self.connection.close()
        if "status" in step:
            body = json.dumps({"type": "error", "error": step["error"]}).encode()
            headers = {name.replace("_", "-"): value for name, value in step["headers"].items()}
            return self._send(step["status"], body, {"content-type": "application/json", **headers})
        body = b"" if "empty" in step else b"".join(_stream(step, question.get("model", "m")))
        return self._send(200, body, {"content-type": "text/event-stream"})

    def do_GET(self) -> None:
        self._send(404, b"{}", {"content-type": "application/json"})

    do_HEAD = do_GET

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the test asks for what it wants to know."""


def _stream(step: Step, model: str) -> Iterator[bytes]:
    usage = {
        "input_tokens": 11,
        "output_tokens": 1,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 0,
    }
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    events: Sequence[dict[str, Any]] = (
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": step["block"]},
        {"type": "content_block_delta", "index": 0, "delta": step["delta"]},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta", "delta": {"stop_reason": step["stop"], "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    )  # fmt: skip
    for event in events:
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


@contextmanager
def scripted() -> Iterator[Upstream]:
    """Give a provider on a free port of this host."""
    upstream = Upstream()
    handler = type("Handler", (_Handler,), {"upstream": upstream})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    upstream.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
