"""One client on one persistent connection, as a program of its own: `python -I -S client.py`.

It shares no interpreter with the server or with the other clients, and imports the standard library only. Its
standard input gives a plan as one line of JSON:

    {"host": …, "port": …, "warm": requests before the clock runs, "seconds": or "count": how long,
     "requests": [{"method", "path", "token", "body"?}, …]}     taken in turn, again from the start at the end

It answers `ready` when warm, waits for a line, does its work, and prints
`{"began": …, "ended": …, "milliseconds": […]}` (times of day in seconds). Any answer of 400 or more ends it.
"""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import time


def main() -> None:
    plan = json.loads(sys.stdin.readline())
    connection = http.client.HTTPConnection(plan["host"], plan["port"], timeout=60)
    requests = itertools.cycle([prepared(each) for each in plan["requests"]])
    for _ in range(plan["warm"]):
        send(connection, next(requests))
    print("ready", flush=True)
    sys.stdin.readline()
    count = plan.get("count", sys.maxsize)
    until = time.monotonic() + plan.get("seconds", 3600.0)
    milliseconds = []
    began = time.time()
    while len(milliseconds) < count and time.monotonic() < until:
        request = next(requests)
        before = time.perf_counter()
        send(connection, request)
        milliseconds.append((time.perf_counter() - before) * 1000)
    print(json.dumps({"began": began, "ended": time.time(), "milliseconds": milliseconds}))


def prepared(request: dict) -> tuple:
    """Return the arguments of `HTTPConnection.request`."""
    headers = {"Authorization": f"Bearer {request['token']}"}
    body = request.get("body")
    if body is not None:
        headers["Content-Type"] = "application/json"
    return request["method"], request["path"], None if body is None else json.dumps(body).encode(), headers


def send(connection: http.client.HTTPConnection, request: tuple) -> None:
    """Send a request and read its answer whole; the connection stays open."""
    connection.request(*request)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status >= 400:
        sys.exit(f"{request[0]} {request[1]} answered {answer.status}: {said[:300]!r}")


if __name__ == "__main__":
    main()
