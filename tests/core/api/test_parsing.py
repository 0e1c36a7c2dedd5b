"""Bodies: bounded, strict, and free of what cannot be stored."""

from __future__ import annotations

import pytest
from django.test import override_settings

from paperclip.core.api import parsing
from paperclip.core.errors import BadRequest


def test_json_is_read():
    assert parsing.loads(b'{"a":[1,2.5,"\\u00e4",null,true]}') == {"a": [1, 2.5, "ä", None, True]}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="half"),
        pytest.param(b"{'a':1}", id="quotes"),
        pytest.param(b'{"a":NaN}', id="not a number"),
        pytest.param(b'"\\ud800"', id="half a surrogate pair"),
        pytest.param(b'"\xff"', id="broken UTF-8"),
        pytest.param(b'{"a":"\\u0000"}', id="NUL"),
        pytest.param(b'{"\\u0000":1}', id="NUL in a key"),
        pytest.param(b"[" * 100 + b"]" * 100, id="deep"),
        pytest.param(b"[" * 100_000, id="endless depth"),
        pytest.param(b'{"a":1}{"b":2}', id="two values"),
    ],
)
def test_bad_json_is_refused(body):
    with pytest.raises(BadRequest):
        parsing.loads(body)


def test_nul_is_named_by_its_place():
    with pytest.raises(BadRequest, match="a.1.b"):
        parsing.loads(b'{"a":["x",{"b":"\\u0000"}]}')


def test_escaped_backslash_before_digits_is_no_nul():
    assert parsing.loads(b'{"a":"\\\\u0000"}') == {"a": "\\u0000"}


class TestOverHttp:
    def post(self, caller, cast, body, content_type="application/json"):
        return caller.generic(
            "POST", f"/api/companies/{cast.company.id}/goals", body, content_type=content_type
        )

    def test_body_above_the_limit(self, cast):
        """CW-4: 413"""
        with override_settings(REQUEST_MAX_BYTES=1_000):
            answer = self.post(cast.as_owner, cast, b'{"title":"' + b"x" * 2_000 + b'"}')
        assert (answer.status_code, answer.json()) == (413, {"error": "Request body is larger than 10 MB"})

    def test_other_media_type(self, cast):
        for kind in ("text/plain", "multipart/form-data; boundary=x", "application/xml", ""):
            answer = self.post(cast.as_owner, cast, b"title=x", kind)
            assert 400 <= answer.status_code < 500, kind
            assert isinstance(answer.json()["error"], str)

    def test_charset_is_fine(self, cast):
        assert (
            self.post(cast.as_owner, cast, b'{"title":"x"}', "application/json; charset=utf-8").status_code
            == 201
        )

    def test_unknown_route_and_method(self, cast):
        """C-1, C-4"""
        for path in (
            "/api/nothing",
            "/api/",
            "/api",
            "/api/companies/",
            f"/api/companies/{cast.company.id}/nothing",
        ):
            answer = cast.as_owner.get(path)
            assert (answer.status_code, answer.json()) == (404, {"error": "API route not found"}), path
        answer = cast.as_owner.put(f"/api/companies/{cast.company.id}", {})
        assert (answer.status_code, answer.json()) == (405, {"error": "Method not allowed"})

    def test_run_header_that_names_no_live_run(self, cast):
        """CW-2"""
        from tests import factories
        from tests.cast import Caller

        token = factories.agent_key(cast.peer)
        run = factories.run(cast.peer)
        over = factories.run(cast.peer, status="succeeded")
        body = {"title": "x"}
        path = f"/api/companies/{cast.company.id}/goals"
        assert Caller(token, run_id=run.id).post(path, body).status_code == 201
        assert Caller(token, run_id="x").post(path, body).status_code == 400
        assert Caller(token, run_id=over.id).post(path, body).status_code == 403
        assert Caller(token, run_id=factories.run(cast.ceo).id).post(path, body).status_code == 403
        assert Caller(token, run_id=over.id).get(path).status_code == 200
