"""Calls made up from the OpenAPI document: none ends in a 5xx, and no answer contradicts the document.

`Caller` holds each answer against the document; here the calls are made that nobody thought of.
"""

from __future__ import annotations

import json
import warnings
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode

from tests.api import promised
from tests.core.api.full import Full

# How many calls of each kind are made of one operation.
_SOUND, _WRONG = 2, 2
_JSON = "application/json"


@pytest.mark.django_db
@pytest.mark.timeout(600)
@pytest.mark.parametrize("who", ["owner", "agent"])
def test_no_made_up_call_is_answered_against_the_document(cast, who):
    full = Full(cast)
    caller = cast.as_owner if who == "owner" else cast.as_agent(cast.engineer, run_id=full.run.pk)
    wrong = []
    for case, is_sound in _cases():
        path = _path(case, full.ids if is_sound else {})
        with transaction.atomic():
            try:
                answer = caller.generic(case.method, path, _body(case), content_type=case.media_type or _JSON)
                fault = "failed" if answer.status_code in (500, 502) else None
            except AssertionError as contradiction:
                fault = str(contradiction)[:400]
            transaction.set_rollback(True)
        if fault:
            wrong.append(f"{case.method} {path[:300]} {_body(case)[:300]!r}: {fault}")
    assert wrong == []


def test_every_operation_is_called():
    called = {(case.method.lower(), case.operation.path) for case, _ in _cases()}
    described = {
        (method, path)
        for path, methods in promised.document()["paths"].items()
        for method in methods
        if method in ("get", "post", "put", "patch", "delete")
    }
    assert described - called == set()


@cache
def _cases() -> list[tuple[Any, bool]]:
    """Return made-up calls, the same each time, and whether each keeps to the document."""
    made: list[tuple[Any, bool]] = []
    schema = schemathesis.openapi.from_dict(promised.document())
    for result in schema.get_all_operations():
        operation = result.ok()
        made += [(case, True) for case in _made_up(operation, GenerationMode.POSITIVE, _SOUND)]
        if operation.body:  # what is in the path is text, and any text is sound
            made += [(case, False) for case in _made_up(operation, GenerationMode.NEGATIVE, _WRONG)]
    return made


def _made_up(operation: Any, mode: GenerationMode, count: int) -> list[Any]:
    found: list[Any] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        found.append(case)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collect()
    return found


def _path(case: Any, ids: dict[str, Any]) -> str:
    values = {name: ids.get(name, value) for name, value in (case.path_parameters or {}).items()}
    path = case.operation.path
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    query = urlencode(case.query or {}, doseq=True)
    return f"{path}?{query}" if query else path


def _body(case: Any) -> bytes:
    if case.media_type != _JSON:
        return b""
    return json.dumps(case.body, default=str).encode()
