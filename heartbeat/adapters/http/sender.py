"""Makes the one request of a run of an `http` agent, under the shim like any other program (A-16, A-17).

Where the run waits for its agent's word, the sender waits for it too, by asking this installation's own API.

The request comes in the environment, for it may hold secrets; what came of it is printed as one JSON line. The rules
for addresses are those of `paperclip.core.outbound`; nothing else of the product is loaded.
"""

from __future__ import annotations

import ipaddress
import json
import os
import sys
from pathlib import Path
from typing import Any

REQUEST = "PAPERCLIP_HTTP_REQUEST"
HEADER = "PAPERCLIP_HTTP_HEADER_"
_KEPT_BYTES = 16 * 1024
_LEAST_PAUSE, _MOST_PAUSE = 0.1, 5.0
_SETTLED = (401, 403, 404)
_TOLD_HEADERS = ("retry-after", "content-type", "location")


def main() -> int:
    """Make the request; return 0 when it was taken with a 2xx, 1 otherwise."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from django.conf import settings

    request: dict[str, Any] = json.loads(os.environ[REQUEST])
    networks = tuple(ipaddress.ip_network(network) for network in request["allow"])
    settings.configure(OUTBOUND_ALLOW=networks)
    said = _made(request)
    if 200 <= said.get("status", 0) < 300 and request["reports"] is not None:
        said["callback"] = _awaited(request["reports"])
    sys.stdout.write(json.dumps({"type": "result", **said}) + "\n")
    return 0 if 200 <= said.get("status", 0) < 300 else 1


def _made(request: dict[str, Any]) -> dict[str, Any]:
    from paperclip.core import outbound

    headers = {name: os.environ[HEADER + str(place)] for place, name in enumerate(request["headers"])}
    try:
        answer = outbound.send(
            request["method"],
            request["url"],
            body=request["body"].encode() if request["body"] is not None else None,
            headers=headers,
            timeout_seconds=request["timeoutSeconds"],
        )
    except outbound.Refused as error:
        return {"refused": str(error)}
    except outbound.Failed as error:
        return {"failed": str(error)}
    except ValueError:  # a header that cannot be sent; its words might repeat it
        return {"refused": "A header holds characters that cannot be sent"}
    told = {name: answer.headers[name] for name in _TOLD_HEADERS if name in answer.headers}
    return {
        "status": answer.status,
        "headers": told,
        "body": answer.body[:_KEPT_BYTES].decode("utf-8", "replace"),
    }


def _awaited(events_url: str) -> dict[str, Any] | None:
    """Return what the agent says of the end of the run; None when the run may not be asked about any more.

    There is no limit of its own: the shim ends a sender that waits too long.
    """
    import time
    import urllib.error
    import urllib.request

    key = os.environ["PAPERCLIP_API_KEY"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    after, pause = 0, _LEAST_PAUSE
    while True:
        request = urllib.request.Request(f"{events_url}?afterSeq={after}&limit=1000")  # noqa: S310 - our own API
        request.add_header("Authorization", f"Bearer {key}")
        try:
            with opener.open(request, timeout=30) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code in _SETTLED:
                return None
            found = []
        except (OSError, ValueError):  # the API is being restarted; the agent's word is kept there
            found = []
        for event in found:
            after = max(after, event["seq"])
            said = (event.get("payload") or {}).get("callback")
            if said is not None:
                return dict(said)
        time.sleep(pause)
        pause = min(pause * 1.3, _MOST_PAUSE)


if __name__ == "__main__":
    sys.exit(main())
