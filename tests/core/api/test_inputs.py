"""C-5 to C-7: what a schema takes, and how it says what it does not take."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from paperclip.core.api.fields import Bool, Enum, Int, Items, Moment, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.errors import Invalid

SOME_ID = "00000000-0000-0000-0000-0000000000ff"


class Inner(Input):
    strict = True

    is_on = Bool()


class Sample(Input):
    the_name = Text(min_length=1, max_length=5)
    note = Text(required=False, allow_null=True, multiline=True)
    number = Int(required=False, min_value=0)
    parent_id = Uuid(required=False, allow_null=True)
    kind = Enum(choices=[("a", "A"), ("b", "B")], required=False)
    due_at = Moment(required=False)
    free = Object(required=False)
    many = Items(child=Uuid(), required=False)
    inner = Inner(required=False)
    inners = Items(child=Inner(), required=False)


def read(body, **options):
    return Sample.read(body, **options)


def test_values_come_under_their_python_names():
    body = {
        "theName": "x",
        "note": None,
        "number": 3.0,
        "parentId": SOME_ID,
        "kind": "b",
        "dueAt": "2026-01-31T08:15:00.5Z",
        "free": {"a": [1]},
        "many": [SOME_ID],
        "inner": {"isOn": True},
        "unknown": 1,
    }
    assert read(body) == {
        "the_name": "x",
        "note": None,
        "number": 3,
        "parent_id": UUID(SOME_ID),
        "kind": "b",
        "due_at": datetime(2026, 1, 31, 8, 15, 0, 500_000, tzinfo=UTC),
        "free": {"a": [1]},
        "many": [UUID(SOME_ID)],
        "inner": {"is_on": True},
    }


def test_partial_holds_what_was_sent():
    """C-6: defaults and required fields do not apply to a patch."""
    assert read({"number": 1}, partial=True) == {"number": 1}


def test_line_breaks_spelled_out_are_breaks():
    assert read({"theName": "x", "note": "a\\nb\\r\\nc"})["note"] == "a\nb\nc"


@pytest.mark.parametrize(
    ("body", "issue"),
    [
        pytest.param(
            {},
            {"code": "invalid_type", "path": ["theName"], "message": "Required", "received": "undefined"},
            id="C-5",
        ),
        pytest.param(
            {"theName": None}, {"code": "invalid_type", "received": "null", "expected": "string"}, id="null"
        ),
        pytest.param({"theName": 5}, {"code": "invalid_type", "received": "number"}, id="number for text"),
        pytest.param({"theName": True}, {"code": "invalid_type", "received": "boolean"}, id="flag for text"),
        pytest.param({"theName": []}, {"code": "invalid_type", "received": "array"}, id="array for text"),
        pytest.param({"theName": ""}, {"code": "too_small", "minimum": 1, "type": "string"}, id="too short"),
        pytest.param({"theName": "xxxxxx"}, {"code": "too_big", "maximum": 5}, id="too long"),
        pytest.param(
            {"theName": "x", "number": -1}, {"code": "too_small", "path": ["number"]}, id="too small"
        ),
        pytest.param(
            {"theName": "x", "number": 2**40}, {"code": "too_big", "path": ["number"]}, id="too big"
        ),
        pytest.param({"theName": "x", "number": 0.5}, {"path": ["number"]}, id="fraction"),
        pytest.param(
            {"theName": "x", "number": "1"}, {"code": "invalid_type", "expected": "number"}, id="digits"
        ),
        pytest.param({"theName": "x", "number": True}, {"code": "invalid_type"}, id="flag for number"),
        pytest.param(
            {"theName": "x", "parentId": "y"}, {"code": "invalid_string", "validation": "uuid"}, id="no uuid"
        ),
        pytest.param({"theName": "x", "parentId": 5}, {"code": "invalid_type"}, id="number for uuid"),
        pytest.param(
            {"theName": "x", "kind": "c"},
            {"code": "invalid_enum_value", "options": ["a", "b"], "received": "c"},
            id="enum",
        ),
        pytest.param({"theName": "x", "kind": []}, {"path": ["kind"]}, id="array for enum"),
        pytest.param(
            {"theName": "x", "dueAt": "2026-01-31T08:15:00+01:00"},
            {"code": "invalid_string", "validation": "datetime"},
            id="C-7 offset",
        ),
        pytest.param(
            {"theName": "x", "dueAt": "2026-02-30T00:00:00Z"}, {"code": "invalid_string"}, id="no such day"
        ),
        pytest.param(
            {"theName": "x", "free": []},
            {"code": "invalid_type", "expected": "object"},
            id="array for object",
        ),
        pytest.param(
            {"theName": "x", "many": {}}, {"code": "invalid_type", "expected": "array"}, id="object for array"
        ),
        pytest.param({"theName": "x", "many": [SOME_ID, "y"]}, {"path": ["many", 1]}, id="item"),
        pytest.param({"theName": "x", "inner": {"isOn": 1}}, {"path": ["inner", "isOn"]}, id="nested"),
        pytest.param(
            {"theName": "x", "inner": {"isOn": True, "extra": 1}},
            {"code": "unrecognized_keys", "keys": ["extra"], "path": ["inner"]},
            id="C-6 strict",
        ),
        pytest.param(
            {"theName": "x", "inners": [{"isOn": True}, {}]}, {"path": ["inners", 1, "isOn"]}, id="in a list"
        ),
        pytest.param([], {"code": "invalid_type", "path": [], "received": "array"}, id="body is an array"),
        pytest.param(None, {"code": "invalid_type", "path": []}, id="no body"),
    ],
)
def test_fault_is_named(body, issue):
    with pytest.raises(Invalid) as refused:
        read(body)
    (found,) = refused.value.issues
    assert found["message"]
    assert {key: found[key] for key in issue} == issue


def test_every_fault_is_named_at_once():
    with pytest.raises(Invalid) as refused:
        read({"theName": "", "number": "x", "many": ["y"]})
    assert [issue["path"] for issue in refused.value.issues] == [["theName"], ["number"], ["many", 0]]
