"""The check that holds answers against the OpenAPI document does not pass just anything."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tests.api import promised

GOOD = {"ok": True}


def answer(body: Any, *, status: int = 200, kind: str = "application/json") -> Any:
    """An answer to the deletion of an issue's document, which promises `{"ok"}`."""
    return SimpleNamespace(
        resolver_match=SimpleNamespace(route="api/issues/<str:issue_id>/documents/<str:key>"),
        request={"REQUEST_METHOD": "DELETE"},
        status_code=status,
        streaming=False,
        headers={"Content-Type": kind},
        content=json.dumps(body).encode(),
    )


def test_what_was_promised_passes():
    assert promised.contradiction(answer(GOOD)) is None
    assert promised.contradiction(answer({"error": "No"}, status=404)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(answer({}), id="a key is missing"),
        pytest.param(answer({"ok": "yes"}), id="a value of another type"),
        pytest.param(answer(GOOD | {"more": 1}), id="a key nobody was told of"),
        pytest.param(answer([GOOD]), id="a list"),
        pytest.param(answer(GOOD, status=201), id="another status"),
        pytest.param(answer(GOOD, kind="text/html"), id="another type of content"),
        pytest.param(answer({"message": "No"}, status=404), id="another shape of refusal"),
        pytest.param(answer({"error": "Internal server error"}, status=500), id="a failure"),
    ],
)
def test_what_was_not_promised_is_named(wrong):
    assert promised.contradiction(wrong) is not None
