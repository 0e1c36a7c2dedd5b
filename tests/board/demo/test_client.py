from __future__ import annotations

import http.server
import json
import threading

import pytest

from paperclip.board.demo import client as clients
from paperclip.board.demo.client import ApiError, Client
from tests.product import free_port


class Api(http.server.BaseHTTPRequestHandler):
    """Answers as the script says, and keeps what it was asked."""

    script: list[tuple[int, object]]
    asked: list[tuple[str, str, dict[str, str], object]]

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
        status, said = self.script.pop(0)
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = answer

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def api():
    kind = type("ScriptedApi", (Api,), {"script": [], "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.kind = kind
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def said():
    return []


@pytest.fixture
def client(api, said):
    return Client(base=f"http://127.0.0.1:{api.server_port}/", key="secret", run_id="run-1", say=said.append)


def test_sends_the_run_and_the_key_with_every_call(api, client):
    api.kind.script[:] = [(200, {"a": 1}), (201, {"b": 2}), (204, b"")]
    assert client.get("/agents/me") == {"a": 1}
    assert client.post("/things", {"name": "ü"}) == {"b": 2}
    assert client.patch("/things/1", {}) is None
    assert [(method, path, body) for method, path, _, body in api.kind.asked] == [
        ("GET", "/api/agents/me", None),
        ("POST", "/api/things", {"name": "ü"}),
        ("PATCH", "/api/things/1", {}),
    ]
    for _, _, headers, _ in api.kind.asked:
        assert headers["X-Paperclip-Run-Id"] == "run-1", "K-45: the run header is on every mutation"
        assert headers["Authorization"] == "Bearer secret"


def test_a_refusal_is_told_in_the_words_of_the_api(api, client):
    api.kind.script[:] = [(409, {"error": "Issue checkout conflict"})]
    with pytest.raises(
        ApiError, match="POST /issues/1/checkout answered 409: Issue checkout conflict"
    ) as refused:
        client.post("/issues/1/checkout", {})
    assert refused.value.status == 409
    assert len(api.kind.asked) == 1, "K-45: a 409 is never retried"


def test_an_answer_that_is_no_json_is_still_told(api, client):
    api.kind.script[:] = [(500, b"<html>")]
    with pytest.raises(ApiError, match="answered 500: Internal Server Error"):
        client.post("/things", {})


def test_waits_for_a_server_that_is_restarted(api, client, said, monkeypatch):
    monkeypatch.setattr(clients, "_RETRY_SECONDS", 0.01)
    api.kind.script[:] = [(503, {"error": "starting"}), (502, b""), (200, {"ok": True})]
    assert client.get("/health") == {"ok": True}
    assert len(said) == 1, "said once, not at every try"


def test_a_change_is_not_sent_twice(api, client):
    api.kind.script[:] = [(503, {"error": "starting"})]
    with pytest.raises(ApiError, match="503"):
        client.post("/things", {})
    assert len(api.kind.asked) == 1


def test_a_refused_connection_is_tried_again_whatever_the_call(api, said, monkeypatch):
    """Nothing was delivered, so nothing can happen twice."""
    monkeypatch.setattr(clients, "_RETRY_SECONDS", 0.01)
    port = free_port()
    late = Client(base=f"http://127.0.0.1:{port}", key="k", run_id="r", say=said.append)
    kind = type("LateApi", (Api,), {"script": [(201, {"made": True})], "asked": []})
    servers = []

    def arrive(text):
        said.append(text)
        servers.append(http.server.HTTPServer(("127.0.0.1", port), kind))
        threading.Thread(target=servers[0].handle_request).start()

    late._say = arrive
    assert late.post("/things", {}) == {"made": True}
    servers[0].server_close()
    assert len(said) == 1


def test_gives_up_on_a_server_that_does_not_come_back(said, monkeypatch):
    monkeypatch.setattr(clients, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(clients, "_RETRY_SECONDS", 0.01)
    gone = Client(base=f"http://127.0.0.1:{free_port()}", key="k", run_id="r", say=said.append)
    with pytest.raises(ApiError, match="GET /agents/me failed: .*refused") as failed:
        gone.get("/agents/me")
    assert failed.value.status == 0


def test_proxies_for_the_outside_world_are_not_asked(api, monkeypatch, said):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    client = Client(base=f"http://127.0.0.1:{api.server_port}", key="k", run_id="r", say=said.append)
    api.kind.script[:] = [(200, [])]
    assert client.get("/agents/me/inbox-lite") == []
