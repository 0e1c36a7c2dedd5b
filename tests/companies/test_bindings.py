"""C-100: what an environment may hold."""

from __future__ import annotations

import pytest

from paperclip.companies import bindings
from paperclip.core.errors import Invalid, Unprocessable


def test_one_form_is_kept():
    env = {"A": "1", "_b2": {"type": "plain", "value": ""}}
    assert bindings.normalized(env, "env") == {
        "A": {"type": "plain", "value": "1"},
        "_b2": {"type": "plain", "value": ""},
    }


@pytest.mark.parametrize(
    ("env", "named"),
    [
        pytest.param({"1A": "x"}, "1A", id="C-100 starts with a digit"),
        pytest.param({"A-B": "x"}, "A-B", id="C-100 dash"),
        pytest.param({"": "x"}, "Invalid environment variable name", id="C-100 empty name"),
        pytest.param({"A\n": "x"}, "Invalid environment variable name", id="C-100 line end"),
        pytest.param({"Ä": "x"}, "Ä", id="C-100 letter beyond ASCII"),
        pytest.param({"A": "***REDACTED***"}, "A: a redacted value", id="C-100 marker"),
        pytest.param(
            {"A": {"type": "plain", "value": "x ***REDACTED***"}}, "A: a redacted value", id="C-100 inside"
        ),
        pytest.param(
            {"A": {"type": "secret_ref", "secretId": "s1"}}, "A: secret not found: s1", id="C-100 secret"
        ),
        pytest.param({"A": {"type": "secret_ref"}}, "A: secret not found", id="C-100 secret without id"),
    ],
)
def test_refused_by_rule(env, named):
    with pytest.raises(Unprocessable) as refused:
        bindings.normalized(env, "env")
    assert named in refused.value.message


@pytest.mark.parametrize(
    ("env", "path"),
    [
        pytest.param([], ["adapterConfig", "env"], id="C-100 array"),
        pytest.param({"A": 1}, ["adapterConfig", "env", "A"], id="C-100 number"),
        pytest.param({"A": None}, ["adapterConfig", "env", "A"], id="C-100 null"),
        pytest.param({"A": {"type": "plain"}}, ["adapterConfig", "env", "A"], id="C-100 no value"),
        pytest.param(
            {"A": {"type": "plain", "value": 1}}, ["adapterConfig", "env", "A"], id="C-100 value is number"
        ),
        pytest.param(
            {"A": {"type": "other", "value": "x"}}, ["adapterConfig", "env", "A"], id="C-100 other type"
        ),
    ],
)
def test_refused_by_shape(env, path):
    with pytest.raises(Invalid) as refused:
        bindings.normalized(env, "adapterConfig", "env")
    assert refused.value.issues[0]["path"] == path
