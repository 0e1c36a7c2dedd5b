"""No address of the API can be made to fail, and none shows a company to those outside of it.

The routes are taken from the URL configuration, so an endpoint is covered from the day it has an address.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from paperclip.companies.choices import MemberRole
from tests import factories
from tests.cast import Caller
from tests.core.api import routes
from tests.core.api.routes import Route

ROUTES = routes.every()
_AT_ONCE = 12
MARK = "Zirkonia"  # stands in every name of the company that outsiders must not learn of

# C-97: the issues of a run that is not there, or not the caller's, are an empty list.
# C-21: a claim code that is none is `invalid`.
ANSWERS_NOTHING = ("api/heartbeat-runs/<str:run_id>/issues", "api/board-claim/<str:token>")

BAD_REFERENCES = {
    "no uuid": "not-a-uuid",
    "uuid of no version": "00000000-0000-0000-0000-000000000000",
    "unknown uuid": "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c",
    "broken UTF-8": "%ED%A0%80%FF",
    "NUL": "%00",
    "quote": "'%22;--",
    "long": "a" * 3_000,
    "huge number": "9" * 400,
    "issue of no company": "ZZZ-99999999999999999999",
    "beyond ASCII": "%F0%9F%92%A9%E2%80%AE",
}
BAD_BODIES = {
    "half an object": b'{"name":',
    "no JSON": b"name=x",
    "broken UTF-8": b'{"name":"\xff\xfe"}',
    "half a surrogate pair": b'{"name":"\\ud800","title":"\\udfff"}',
    "NUL": b'{"name":"a\\u0000b","body":"\\u0000","title":"\\u0000"}',
    "NUL in a key": b'{"na\\u0000me":1}',
    "array": b"[]",
    "text": b'"x"',
    "number": b"1",
    "null": b"null",
    "not a number": b'{"limit":NaN}',
    "number without end": b'{"x":1e999}',
    "very deep": b'{"x":' + b"[" * 400 + b"]" * 400 + b"}",
    "empty object": b"{}",
    "nothing": b"",
}
NO_JSON = ("half an object", "no JSON", "broken UTF-8", "half a surrogate pair", "not a number", "very deep")
BAD_VALUES: dict[str, Any] = {
    "null": None,
    "number": 17,
    "fraction": 0.5,
    "huge number": 10**25,
    "negative": -1,
    "text": "no such thing",
    "empty text": "",
    "long text": "ab " * 40_000,
    "direction marks": "\u202e\U0001f4a9",
    "NUL": "a\u0000b",
    "true": True,
    "array": [],
    "array of anything": [None, 1, "x", {}, []],
    "object": {},
    "object of anything": {"type": [], "env": {"A B": 1}, "heartbeat": 1, "modelProfiles": [], "value": {}},
    "unknown uuid": "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c",
}


def each_route(check: Callable[[Any, Route], None]) -> Callable[..., None]:
    """Make a test of `check` for every dozen of routes; what one route does is undone before the next.

    Making the scene takes longer than most checks.
    """

    def test(scene: Any, some: list[Route]) -> None:
        for route in some:
            with transaction.atomic():
                check(scene, route)
                transaction.set_rollback(True)

    test.__name__, test.__doc__ = check.__name__, check.__doc__
    dozens = [ROUTES[first : first + _AT_ONCE] for first in range(0, len(ROUTES), _AT_ONCE)]
    return pytest.mark.parametrize("some", dozens, ids=lambda some: f"{some[0]} to {some[-1]}")(test)


@pytest.fixture
def scene(cast):
    """The cast, its company full of things that carry the mark; ids by what a path calls them."""
    for row in (cast.company, cast.ceo, cast.engineer):
        row.name = f"{MARK} {row.name}"
        row.save(update_fields=["name"])
    goal = factories.goal(cast.company, title=f"{MARK} goal")
    project = factories.project(cast.company, name=f"{MARK} project")
    issue = factories.issue(cast.company, title=f"{MARK} issue", project=project)
    approval = cast.company.approvals.create(type="request_board_approval", payload={"title": MARK})
    cast.ids = {
        "company": cast.company.id,
        "agent": cast.engineer.id,
        "goal": goal.id,
        "project": project.id,
        "issue": issue.id,
        "approval": approval.id,
    }
    # Their credentials are rows, which must be there before anything is undone.
    _ = (cast.as_owner, cast.as_viewer, cast.as_outsider, cast.as_foreign_agent)
    return cast


def values(cast, route: Route, **others: Any) -> dict[str, Any]:
    """Return an id of the company for each parameter of a path, going by the parameter's name."""

    def one(name: str) -> Any:
        return next((found for word, found in cast.ids.items() if name.startswith(word)), uuid.uuid4())

    return {name: others.get(name, one(name)) for name in route.parameters}


def require_clean(answer, what: str) -> None:
    """Fail unless an answer is a success or a refusal in the interface's shape (C-4, C-5)."""
    assert answer.status_code < 500, f"{what}: {answer.status_code} {answer.content[:500]!r}"
    if answer.status_code < 400:
        return
    body = json.loads(answer.content)
    assert isinstance(body.get("error"), str), what
    assert body["error"], what
    assert set(body) <= {"error", "details"}, what
    if body["error"] == "Validation error":
        assert all({"code", "path", "message"} <= set(issue) for issue in body["details"]), what


def send(caller, method: str, path: str, body: bytes | None = None):
    if method == "get":
        return caller.get(path)
    return caller.generic(
        method.upper(), path, body if body is not None else b"{}", content_type="application/json"
    )


@each_route
def test_bad_reference_is_refused(scene, route):
    for parameter in route.parameters:
        for name, reference in BAD_REFERENCES.items():
            path = route.path(**values(scene, route, **{parameter: reference}))
            for method in route.methods:
                answer = send(scene.as_owner, method, path)
                require_clean(answer, f"{method} {path[:200]} ({name})")
                if parameter == "company_id":
                    assert 400 <= answer.status_code < 500, f"{method} {path[:200]} ({name})"


@each_route
def test_bad_query_is_refused(scene, route):
    path = route.path(**values(scene, route))
    words = (
        "limit",
        "offset",
        "status",
        "companyId",
        "agentId",
        "from",
        "after",
        "afterSeq",
        "q",
        "order",
        "userId",
    )
    bad_values = {"words": "x", "NUL": "%00", "broken": "%ED%A0%80", "huge": "9" * 30, "minus": "-1"}
    for name, value in bad_values.items():
        if "get" in route.methods:
            # One by one, for the first that is refused hides the others.
            for word in words:
                answer = scene.as_owner.get(f"{path}?{word}={value}")
                require_clean(answer, f"{path}?{word} ({name})")


@each_route
def test_bad_body_is_refused(scene, route):
    path = route.path(**values(scene, route))
    for caller in (scene.as_owner, scene.as_agent(scene.engineer)):
        for method in sorted(set(route.methods) - {"get"}):
            for name, body in BAD_BODIES.items():
                answer = send(caller, method, path, body)
                require_clean(answer, f"{method} {path} ({name})")
                if route.body_schema(method) and name in NO_JSON:
                    assert 400 <= answer.status_code < 500, f"{method} {path} ({name})"


@each_route
def test_bad_value_of_a_field_is_refused_by_its_name(scene, route):
    """Each field in turn holds what it should not, the others being well."""
    path = route.path(**values(scene, route))
    for method in set(route.methods) - {"get", "delete"}:
        schema = route.body_schema(method)
        if schema is None:
            continue
        sound = routes.example(schema)
        with transaction.atomic():
            is_sound = send(scene.as_owner, method, path, json.dumps(sound).encode()).status_code != 400
            transaction.set_rollback(True)
        for field in schema.get("properties", {}):
            for name, value in BAD_VALUES.items():
                body = json.dumps(sound | {field: value}).encode()
                answer = send(scene.as_owner, method, path, body)
                what = f"{method} {path} {field} ({name})"
                require_clean(answer, what)
                faults = json.loads(answer.content) if answer.status_code == 400 else {}
                if is_sound and faults.get("error") == "Validation error":
                    named = [issue["path"][:1] for issue in faults["details"]]
                    assert [field] in named or [] in named, f"{what}: {faults}"


@each_route
def test_outsiders_see_and_change_nothing(scene, route):
    """B-16, B-17: neither a person nor an agent of another company, nor a stranger."""
    path = route.path(**values(scene, route))
    callers = {
        "outsider": scene.as_outsider,
        "foreign agent": scene.as_foreign_agent,
        "nobody": scene.as_nobody,
    }
    for method in route.methods:
        schema = route.body_schema(method)
        body = json.dumps(routes.example(schema)).encode() if schema else b"{}"
        for who, caller in callers.items():
            answer = send(caller, method, path, body)
            what = f"{who}: {method} {path}"
            require_clean(answer, what)
            assert MARK not in answer.content.decode(), what
            if route.parameters and route.template not in ANSWERS_NOTHING:
                assert answer.status_code >= 400, f"{what}: {answer.status_code}"
            if "company_id" in route.parameters:
                assert answer.status_code in ((401, 403, 405) if who == "nobody" else (403, 405)), what


@each_route
def test_viewer_changes_nothing(scene, route):
    """B-22"""
    if "company_id" not in route.parameters:
        return
    path = route.path(**values(scene, route))
    for method in set(route.methods) - {"get"}:
        schema = route.body_schema(method)
        body = json.dumps(routes.example(schema)).encode() if schema else b"{}"
        answer = send(scene.as_viewer, method, path, body)
        assert answer.status_code in (403, 405), (
            f"{method} {path}: {answer.status_code} {answer.content[:200]!r}"
        )


@each_route
def test_suspended_member_changes_nothing(scene, route):
    suspended = factories.user(member_of=scene.company, role=MemberRole.OWNER)
    scene.company.members.filter(principal_id=suspended.id).update(status="suspended")
    caller = Caller(factories.board_token(suspended))
    path = route.path(**values(scene, route))
    for method in set(route.methods) - {"get"}:
        if route.parameters and "token" not in str(route):
            answer = send(caller, method, path)
            assert answer.status_code in (400, 401, 403, 404, 405), f"{method} {path}: {answer.status_code}"


def test_routes_are_found():
    """The walk itself must not come up empty."""
    assert len(ROUTES) > 40
    assert {"api/health", "api/companies/<str:company_id>/agents"} <= {route.template for route in ROUTES}
