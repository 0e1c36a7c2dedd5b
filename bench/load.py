"""Clients that ask the web part, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLIENT = Path(__file__).with_name("client.py")


@dataclass(frozen=True)
class Answered:
    """What clients measured together: every request's time in ms, and the seconds they took as one."""

    milliseconds: list[float]
    began: float
    ended: float

    @property
    def per_second(self) -> float:
        """Return how many requests were answered in a second."""
        return len(self.milliseconds) / (self.ended - self.began)


def get(path: str, token: str) -> dict[str, Any]:
    """Return a request of a client's plan that reads."""
    return {"method": "GET", "path": path, "token": token}


def post(path: str, token: str, body: Any) -> dict[str, Any]:
    """Return a request of a client's plan that writes."""
    return {"method": "POST", "path": path, "token": token, "body": body}


def run(
    port: int,
    plans: Sequence[Sequence[dict[str, Any]]],
    *,
    count: int | None = None,
    seconds: float | None = None,
    warm: int = 5,
) -> Answered:
    """Let one client for each of `plans` send its requests at the same time, `count` each or for `seconds`."""
    limits = {"count": count} if count is not None else {"seconds": seconds}
    clients = [
        _start({"host": "127.0.0.1", "port": port, "warm": warm, "requests": plan, **limits})
        for plan in plans
    ]
    for client in clients:
        _line(client)
    for client in clients:
        _tell(client, "\n")
    found = [json.loads(_line(client)) for client in clients]
    for client in clients:
        client.wait()
    return Answered(
        milliseconds=[each for one in found for each in one["milliseconds"]],
        began=min(one["began"] for one in found),
        ended=max(one["ended"] for one in found),
    )


def _start(plan: dict[str, Any]) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-S", str(CLIENT)]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    _tell(client, json.dumps(plan) + "\n")
    return client


def _tell(client: subprocess.Popen[str], text: str) -> None:
    assert client.stdin is not None
    client.stdin.write(text)
    client.stdin.flush()


def _line(client: subprocess.Popen[str]) -> str:
    assert client.stdout is not None
    line = client.stdout.readline()
    if not line:
        sys.exit("a client ended before it was done; what it said stands above")
    return line
