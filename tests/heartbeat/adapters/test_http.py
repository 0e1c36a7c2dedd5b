"""A-16 to A-18, A-75, AW-24, B-50, B-51: agents that are called over HTTP, by the real sender and real servers."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from heartbeat.adapters import checks
from heartbeat.adapters.base import ConfigError, Ended
from heartbeat.adapters.http.adapter import ADAPTER
from heartbeat.models import Run, RunEvent
from paperclip.governance.models import CostEvent
from tests import factories
from tests.heartbeat.adapters.assignments import assignment
from tests.heartbeat.adapters.recordings import NOW
from tests.heartbeat.runner.test_runner import ended
from tests.heartbeat.test_wakeups import wake
from tests.product import free_port, wait_for

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


class Bot:
    """An agent that listens. `/status/N` answers N, `/slow` does not answer before the test is over."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.over = threading.Event()
        self.url = ""

    def body(self, place: int = -1):
        return json.loads(self.requests[place][3])


@contextmanager
def listening() -> Iterator[Bot]:
    bot = Bot()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            bot.requests.append((self.command, self.path, headers, body))
            if self.path == "/slow":
                bot.over.wait(30)
                return
            status = int(self.path.removeprefix("/status/")) if self.path.startswith("/status/") else 200
            self.send_response(status)
            if status == 429:
                self.send_header("retry-after", "900")
            if status == 302:
                self.send_header("location", f"{bot.url}/elsewhere")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(b"taken with " + headers.get("authorization", "nothing").encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

        def log_message(self, *_) -> None:
            """Say nothing: the test asks for what it wants to know."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    bot.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield bot
    finally:
        bot.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def bot():
    with listening() as made:
        yield made


@pytest.fixture
def send(settings):
    """Prepare a request, have the real sender make it, and read what came of it."""
    settings.OUTBOUND_ALLOW = LOOPBACK

    def sent(config, **changes):
        program = ADAPTER.spec(assignment(config, **changes))
        done = subprocess.run(
            program.argv, env=dict(program.environment), cwd=program.cwd, capture_output=True, text=True, timeout=30,
            check=False,
        )  # fmt: skip
        assert "secret" not in " ".join(program.argv)
        return ADAPTER.parse(
            Ended(done.returncode, None, False, 0, done.stdout, done.stderr, memo=program.memo, ended_at=NOW)
        )

    return sent


def test_request_says_who_is_called_for_what(bot, send):
    config = {
        "url": f"{bot.url}/hook/{{{{agent.id}}}}?key=secret-in-query",
        "headers": {"X-Team": "blue", "Authorization": "Bearer {{env.BOT_KEY}}", "X-Number": 5},
        "payloadTemplate": {"say": "{{agent.name}} in {{runId}}", "runId": "forged", "more": [{"n": 1}]},
    }
    environment = {"PATH": "/bin", "BOT_KEY": "secret-key-1234", "HIDDEN": "x"}
    result = send(config, environment=environment, configured=frozenset({"BOT_KEY"}))
    assert result.error_message is None
    method, path, headers, _ = bot.requests[0]
    assert (method, path) == ("POST", "/hook/a1?key=secret-in-query")
    assert (headers["authorization"], headers["x-team"]) == ("Bearer secret-key-1234", "blue")
    assert (headers["idempotency-key"], headers["content-type"]) == ("r1", "application/json")
    assert "x-number" not in headers, "A-9"
    assert bot.body() == {
        "companyId": "co1", "say": "Ada in r1", "more": [{"n": 1}], "agentId": "a1", "runId": "r1",
        "context": {"wakeReason": "issue_commented"},
    }  # fmt: skip
    assert "secret-in-query" not in f"{result.summary}{result.error_message}"
    assert result.result_json["httpStatus"] == 200


@pytest.mark.parametrize("method", ["get", "DELETE"])
def test_methods_without_a_body_have_none(bot, send, method):  # AW-24
    assert send({"url": bot.url, "method": method}).error_message is None
    assert (bot.requests[0][0], bot.requests[0][3]) == (method.upper(), b"")
    assert bot.requests[0][2]["x-paperclip-run-id"] == "r1"


@pytest.mark.parametrize(
    ("status", "family", "wait"),
    [
        pytest.param(500, "transient_upstream", None, id="B-51 500"),
        pytest.param(503, "transient_upstream", None, id="AW-24 503"),
        pytest.param(429, "transient_upstream", timedelta(seconds=900), id="AW-24 retry-after"),
        pytest.param(404, None, None, id="A-17 404"),
        pytest.param(401, None, None, id="A-17 401"),
        pytest.param(302, None, None, id="A-17 redirects are not followed"),
    ],
)
def test_other_answers_are_failures(bot, send, status, family, wait):
    result = send({"url": f"{bot.url}/status/{status}"})
    assert f"HTTP invoke failed with status {status}" in (result.error_message or "")
    assert (result.error_code, result.error_family) == (None, family)
    assert result.retry_not_before == (NOW + wait if wait else None)
    assert len(bot.requests) == 1


def test_nobody_there_may_pass_and_a_private_address_does_not(bot, send, settings):
    gone = send({"url": f"http://127.0.0.1:{free_port()}"})
    assert gone.error_family == "transient_upstream"
    settings.OUTBOUND_ALLOW = []
    private = send({"url": bot.url})
    assert (private.error_code, private.error_family) == ("http_address_refused", None)
    assert "private network" in private.error_message
    assert bot.requests == []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        pytest.param({}, "no `url`", id="A-11 no url"),
        pytest.param({"url": "https://x.example", "method": "BREW"}, "`method`", id="A-11 method"),
        pytest.param(
            {"url": "https://x.example", "headers": {"a b": "c"}}, "name that is none", id="header name"
        ),
        pytest.param(
            {"url": "https://x.example", "headers": {"a": "b\r\nc: d"}}, "line end", id="header value"
        ),
    ],
)
def test_configuration_that_makes_no_request_is_said(config, said):
    with pytest.raises(ConfigError, match=said):
        ADAPTER.spec(assignment(config))


def test_end_of_the_sender_is_never_taken_for_an_answer():
    memo = {"method": "POST", "url": "https://x.example/a"}
    late = ADAPTER.parse(Ended(None, "SIGTERM", True, 0.001, "", "", memo=memo))
    assert (late.error_code, late.error_message) == (
        "timeout",
        "HTTP POST https://x.example/a timed out after 1ms",
    )  # B-50
    killed = ADAPTER.parse(Ended(None, "SIGKILL", False, 0, "", "", memo=memo))
    assert "was killed by SIGKILL" in (killed.error_message or "")


def test_runs_of_bots_end_as_their_answers_say(product, bot):
    """Through the real runner: taken, refused for now, too slow; and no key is found anywhere."""
    company = factories.company()

    def call(path, **config):
        env = {"BOT_KEY": {"type": "plain", "value": "tulip-bulb-1637"}}
        headers = {"authorization": "Bearer {{env.BOT_KEY}}"}
        config = {"url": f"{bot.url}{path}", "env": env, "headers": headers, **config}
        agent = factories.agent(company, adapter_type="http", adapter_config=config, runtime_config={})
        return wake(agent, reason="manual", source="on_demand").run

    taken, slow, busy = call("/fine"), call("/slow", timeoutMs=400), call("/status/503")
    product.start("runner", PAPERCLIP_OUTBOUND_ALLOW="127.0.0.0/8")
    taken = ended(taken)
    assert (taken.status, taken.error) == ("succeeded", None)
    assert "taken with status 200" in taken.result_json["summary"]
    assert [request[2]["authorization"] for request in bot.requests if request[1] == "/fine"] == [
        "Bearer tulip-bulb-1637"
    ]
    busy = ended(busy)
    assert (busy.status, busy.error_code, busy.followup_mechanism) == (
        "failed",
        "adapter_failed",
        "scheduled_retry",
    )
    slow = ended(slow)
    assert (slow.status, slow.error_code) == ("timed_out", "timeout")
    assert "timed out after 400ms" in slow.error
    for run in (taken, slow, busy):  # a try of the slow one may just be starting
        told = f"{run.result_json}{run.stdout_excerpt}{run.context_snapshot}{run.error}"
        told += str(list(RunEvent.objects.filter(run=run).values_list("payload", "message")))
        assert "tulip" not in told
        folder = product.home / "runs" / str(run.pk)
        assert all(b"tulip" not in path.read_bytes() for path in folder.glob("*")), folder


def test_run_that_waits_ends_by_the_word_of_its_agent(product, bot):
    """The agent calls back with the token it was sent: once, for its own run only, while that runs."""
    company = factories.company()
    config = {"url": bot.url, "completion": "callback", "callbackTimeoutSec": 30}

    def call(**more):
        agent = factories.agent(
            company, adapter_type="http", adapter_config={**config, **more}, runtime_config={}
        )
        return wake(agent, reason="manual", source="on_demand").run

    done, failed, silent = call(), call(), call(callbackTimeoutSec=2)
    product.start("web")
    product.start("runner", PAPERCLIP_OUTBOUND_ALLOW="127.0.0.0/8")
    wait_for(lambda: len(bot.requests) == 3, seconds=15, what="the requests")
    asked = {body["runId"]: body["callback"] for body in map(bot.body, range(3))}

    def report(run, token_of, said):
        request = urllib.request.Request(asked[str(run.pk)]["url"], json.dumps(said).encode(), method="POST")
        request.add_header("authorization", f"Bearer {asked[str(token_of.pk)]['token']}")
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    good = {
        "status": "succeeded", "summary": "It is painted", "inputTokens": 100, "outputTokens": 20, "costCents": 12,
        "provider": "acme", "model": "painter",
    }  # fmt: skip
    assert report(done, failed, good) == 403, "another run's token"
    assert report(done, done, {"status": "splendid"}) == 400
    assert Run.objects.get(pk=done.pk).status == "running", "taken is not done"
    assert report(done, done, good) == 200
    assert report(failed, failed, {"status": "failed", "error": "No paint"}) == 200
    assert report(failed, failed, good) in (401, 403, 409), "it was told of before"

    done, failed, silent = ended(done), ended(failed), ended(silent)
    assert (done.status, done.result_json["summary"]) == ("succeeded", "It is painted"), done.error
    assert (done.usage_json["inputTokens"], done.usage_json["costUsd"]) == (100, 0.12)
    assert CostEvent.objects.get(heartbeat_run_id=done.pk).cost_cents == 12
    assert (failed.status, failed.error) == ("failed", "The agent reported a failure: No paint")
    assert (silent.status, silent.error_code) == ("timed_out", "timeout")
    tokens = [each["token"] for each in asked.values()]
    for run in (done, failed, silent):
        for path in (product.home / "runs" / str(run.pk)).iterdir():
            assert not any(token.encode() in path.read_bytes() for token in tokens), path


def test_run_without_a_word_of_its_agent_is_no_success():
    memo = {"method": "POST", "url": "https://x.example/a", "waits": True}
    said = json.dumps({"type": "result", "status": 200, "headers": {}, "body": "", "callback": None})
    assert "nothing was reported" in (
        ADAPTER.parse(Ended(0, None, False, 0, said, "", memo=memo)).error_message or ""
    )


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        pytest.param({}, ["http_url_missing"], id="A-75 missing"),
        pytest.param({"url": "https://user:x@y.example"}, ["http_url_invalid"], id="A-75 user name"),
        pytest.param({"url": "no address"}, ["http_url_invalid"], id="A-75 no address"),
        pytest.param({"url": "ftp://x.example"}, ["http_url_protocol_invalid"], id="A-75 protocol"),
        pytest.param({"url": "http://10.0.0.1/"}, ["http_url_invalid"], id="A-75 private"),
        pytest.param(
            {"url": "BOT/fine"}, ["http_url_valid", "http_method_configured", "http_endpoint_probe_ok"], id="A-75 ok"
        ),
        pytest.param(
            {"url": "BOT/status/405", "method": "PUT"},
            ["http_url_valid", "http_method_configured", "http_endpoint_probe_ok"], id="A-75 405",
        ),
        pytest.param(
            {"url": "BOT/status/500"},
            ["http_url_valid", "http_method_configured", "http_endpoint_probe_unexpected_status"], id="A-75 500",
        ),
        pytest.param(
            {"url": "http://127.0.0.1:1/"},
            ["http_url_valid", "http_method_configured", "http_endpoint_probe_failed"], id="A-75 nobody",
        ),
        pytest.param(
            {"url": "ftp://x.example", "timeoutMs": "9"},
            ["http_setting_invalid", "http_url_protocol_invalid"], id="A-9 wrong type",
        ),
    ],
)  # fmt: skip
def test_address_is_looked_at(bot, settings, config, codes):
    settings.OUTBOUND_ALLOW = LOOPBACK
    if "BOT" in config.get("url", ""):
        config = {**config, "url": config["url"].replace("BOT", bot.url)}
    began = time.monotonic()
    assert [check.code for check in checks.look("http", config, may_start=False).checks] == codes
    assert time.monotonic() - began < 3
