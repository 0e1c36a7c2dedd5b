"""Values of variables: where they come from, how they are read, what is kept (section 4)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperclip.core.errors import Unprocessable
from routines import templates, variables
from tests.routines.recipes import text

NOW = datetime(2026, 4, 28, 12, 17, tzinfo=UTC)


def variable(kind: str = "text", **fields):
    return text("x") | {"type": kind} | fields


def resolve(*declared, payload=None, sent=None, source="manual", automatic=None):
    return variables.resolve(declared, source=source, payload=payload, sent=sent, automatic=automatic or {})


@pytest.mark.parametrize(
    ("source", "payload", "sent", "value"),
    [
        pytest.param("webhook", {"x": "top"}, None, "top", id="R-31 top level of a webhook"),
        pytest.param("manual", {"x": "top"}, None, "default", id="R-31 top level of others is none"),
        pytest.param("webhook", {"x": "top", "variables": {"x": "in"}}, None, "in", id="R-31 variables win"),
        pytest.param("manual", {"variables": {"x": "in"}}, None, "in", id="R-31 payload.variables"),
        pytest.param("manual", {"variables": {"x": "in"}}, {"x": "sent"}, "sent", id="R-31 body wins"),
        pytest.param("manual", {"variables": "no"}, None, "default", id="R-31 variables is no object"),
        pytest.param("webhook", ["zero"], None, "default", id="R-74 an array"),
        pytest.param("manual", None, {"y": "other"}, "default", id="R-31 unknown names"),
        pytest.param("manual", None, {"x": " kept "}, " kept ", id="R-33 text is not trimmed"),
    ],
)
def test_where_a_value_comes_from(source, payload, sent, value):
    found = resolve(variable(defaultValue="default"), source=source, payload=payload, sent=sent)
    assert found.values == {"x": value}


def test_automatic_values_win_and_null_does_not_fall_back():
    assert resolve(variable(), sent={"x": "sent"}, automatic={"x": "auto"}).values == {"x": "auto"}
    with pytest.raises(Unprocessable, match="Missing routine variables: x"):
        resolve(variable(defaultValue="d"), payload={"variables": {"x": None}})


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        *[pytest.param("boolean", each, True, id=f"R-33 {each!r}") for each in (True, 1, " YES ", "on", "y")],
        *[pytest.param("boolean", each, False, id=f"R-33 {each!r}") for each in (False, 0, "No", "off", "0")],
        pytest.param("number", "12", 12, id="R-33 whole"),
        pytest.param("number", " -1.5e2 ", -150, id="R-33 exponent"),
        pytest.param("number", 2.5, 2.5, id="R-33 number"),
        pytest.param("text", 7, "7", id="R-33 number as text"),
        pytest.param("text", {"b": [1, None]}, '{"b":[1,null]}', id="R-33 object as JSON"),
        pytest.param("textarea", True, "true", id="R-33 boolean as text"),
    ],
)
def test_values_are_read_as_the_type_has_them(kind, value, read):
    found = resolve(variable(kind), payload={"variables": {"x": value}}).values["x"]
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        pytest.param("boolean", "definitely", 'Variable "x" must be a boolean', id="R-33 no boolean"),
        pytest.param("boolean", 2, 'Variable "x" must be a boolean', id="R-33 two"),
        pytest.param("number", "", 'Variable "x" must be a number', id="R-33 empty is an error"),
        pytest.param("number", "5x", 'Variable "x" must be a number', id="R-33 trailing letter"),
        pytest.param("number", "1e999", 'Variable "x" must be a number', id="R-33 infinite"),
        pytest.param("number", "٣", 'Variable "x" must be a number', id="R-33 digits of other scripts"),
        pytest.param("number", True, 'Variable "x" must be a number', id="R-33 boolean"),
        pytest.param("select", "c", 'Variable "x" must match one of: a, b', id="R-33 no option"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(kind, value, fault):
    with pytest.raises(Unprocessable) as refused:
        resolve(variable(kind, options=["a", "b"] if kind == "select" else []), sent={"x": value})
    assert refused.value.message == fault


def test_all_that_is_missing_is_named_in_order():
    declared = [text(name) for name in "bac"]
    with pytest.raises(Unprocessable) as refused:
        resolve(*declared, sent={"a": "here", "c": "  "})
    assert refused.value.message == "Missing routine variables: b, c"


def test_an_optional_variable_without_a_value_stays_to_be_seen():
    found = resolve(variable(required=False))
    assert (found.values, found.payload) == ({}, None)
    assert templates.render("{{x}} {{ date }}", found.values, now=NOW) == "{{x}} 2026-04-28"


@pytest.mark.parametrize(
    ("payload", "kept"),
    [
        pytest.param(None, {"variables": {"x": "v"}}, id="R-36 no payload"),
        pytest.param({"a": 1}, {"a": 1, "variables": {"x": "v"}}, id="R-36 beside"),
        pytest.param(
            {"variables": {"x": "w", "y": "z"}}, {"variables": {"x": "v", "y": "z"}}, id="R-36 resolved wins"
        ),
        pytest.param(["q"], {"0": "q", "variables": {"x": "v"}}, id="R-74 an array is numbered"),
    ],
)
def test_what_is_kept_of_the_payload(payload, kept):
    assert resolve(variable(), payload=payload, sent={"x": "v"}).payload == kept
    assert resolve(payload=payload).payload == payload, "without variables it is kept as it came"


def test_what_is_filled_in_is_not_read_again():
    assert templates.render("{{x}}", {"x": "{{date}}"}, now=NOW) == "{{date}}"
    assert templates.render("{{n}} {{b}}", {"n": 3.0, "b": False}, now=NOW) == "3 false"


@given(st.text(max_size=200), st.dictionaries(st.sampled_from("abc"), st.text(max_size=20)))
def test_no_text_breaks_a_template(template, given_values):
    templates.render(template, given_values, now=NOW)
    assert "date" not in templates.names(template, template)
