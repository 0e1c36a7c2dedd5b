"""Answers: the declared fields, and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

from rest_framework import serializers

from paperclip.core.api.outputs import Output
from paperclip.core.api.rendering import dumps


class InnerOut(Output):
    the_id = serializers.UUIDField()


class SampleOut(Output):
    some_name = serializers.CharField(source="name")
    inner = InnerOut(allow_null=True)
    inners = InnerOut(many=True)


ONE = SimpleNamespace(the_id=UUID(int=1), secret="s")


def test_objects_and_mappings_are_rendered_alike():
    row = SimpleNamespace(name="x", inner=ONE, inners=[ONE], secret="s")
    wanted = {"someName": "x", "inner": {"theId": UUID(int=1)}, "inners": [{"theId": UUID(int=1)}]}
    assert SampleOut.render(row) == wanted
    assert SampleOut.render(vars(row)) == wanted
    assert SampleOut.render_many([row]) == [wanted]


def test_absent_inner_is_null():
    assert SampleOut.render(SimpleNamespace(name="x", inner=None, inners=[]))["inner"] is None


def test_given_values_are_not_read_from_the_source():
    assert SampleOut.render(SimpleNamespace(name="x"), inner=1, inners=2, more=3) == {
        "someName": "x",
        "inner": 1,
        "inners": 2,
        "more": 3,
    }


def test_values_as_the_interface_writes_them():
    value = {
        "at": datetime(2026, 1, 31, 8, 15, tzinfo=UTC),
        "sum": Decimal(2**60),
        "part": Decimal("0.5"),
        "huge": Decimal(2**70),
        "id": UUID(int=1),
        "set": {2, 1},
    }
    assert json.loads(dumps(value)) == {
        "at": "2026-01-31T08:15:00.000Z",
        "sum": 2**60,
        "part": 0.5,
        "huge": float(2**70),
        "id": "00000000-0000-0000-0000-000000000001",
        "set": [1, 2],
    }
