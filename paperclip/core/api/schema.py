"""The OpenAPI document: one decorator says what an operation reads, answers and refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from paperclip.core.api import document
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output

_View = TypeVar("_View", bound=Callable[..., Any])


class ErrorBody(Output):
    """What every refusal looks like (C-4)."""

    error = serializers.CharField()
    details = serializers.JSONField(
        required=False, help_text="Machine-readable parts; an array of faults on 400."
    )


class Ok(Output):
    """A deed is done and there is nothing to show for it (C-3)."""

    ok = serializers.BooleanField()


_REFUSALS = {
    400: "The request or its body breaks its schema; `details` names each fault.",
    401: "Nobody is signed in, or the token does not verify.",
    403: "The caller may not do this.",
    404: "There is no such thing for this caller.",
    409: "The state of things stands against it.",
    413: "The body is larger than 10 MB.",
    415: "The body is no JSON.",
    422: "Against a business rule.",
    426: "The answer is a stream, and the request did not ask for one.",
    429: "Too many tries; `Retry-After` says for how many seconds to wait.",
    502: "Another host that was asked did not answer as it should.",
    503: "The database does not answer.",
}
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Schema(AutoSchema):
    """Groups operations by subject and adds what every operation of its kind can be refused with."""

    def get_tags(self) -> list[str]:
        """Return the subject an operation belongs to."""
        words = [word for word in self.path.split("/") if word and word != "api" and not word.startswith("{")]
        subject = words[1] if words[0] == "companies" and words[1:] else words[0]
        return [document.TAG_OF.get(subject, subject)]

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Return the ways to say who calls, any one of which will do."""
        return [{name: []} if name else {} for name in self._credentials]

    @property
    def _credentials(self) -> tuple[str, ...]:
        found: tuple[str, ...] = getattr(self.view, "credentials", ())
        return found

    @property
    def _view_method(self) -> Any:
        return getattr(self.view, self.method.lower())

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        """Return the description of one method of an address."""
        described: dict[str, Any] | None = super().get_operation(
            path, path_regex, path_prefix, method, registry
        )
        if described is not None:
            if getattr(self._view_method, "may_answer_null", False):
                _allow_null(described["responses"]["200"])
            schema = self.resolve_serializer(ErrorBody, "response").ref
            for status in sorted(set(self._refusals(described))):
                described["responses"].setdefault(
                    str(status),
                    {
                        "description": _REFUSALS[status],
                        "content": {"application/json": {"schema": schema}},
                    },
                )
        return described

    def _map_serializer_field(self, field: Any, direction: str, bypass_extensions: bool = False) -> Any:
        """Say of a value that may be anything just that: that it may also be null goes without saying."""
        schema: Any = super()._map_serializer_field(  # type: ignore[no-untyped-call]
            field, direction, bypass_extensions
        )
        if isinstance(schema, dict) and schema.get("oneOf") == [{}, {"type": "null"}]:
            del schema["oneOf"]
        return schema

    def _refusals(self, described: dict[str, Any]) -> Iterator[int]:
        yield from (400, 403, 503)
        yield from getattr(self._view_method, "refuses", ())
        if self._credentials and document.NOTHING not in self._credentials:
            yield 401
        parameters = [each for each in described.get("parameters", ()) if each["in"] == "path"]
        if parameters or self.method in _UNSAFE:
            yield 404
        if self.method in _UNSAFE:
            yield from (409, 422)
        elif any(each["name"].endswith("_ref") or each["name"] == "agent_id" for each in parameters):
            yield from (409, 422)  # a shortname that several rows share, or one without its company
        if "requestBody" in described:
            yield from (413, 415)


def _allow_null(response: dict[str, Any]) -> None:
    for media in response["content"].values():
        media["schema"] = {"oneOf": [media["schema"], {"type": "null"}]}


def operation(
    summary: str,
    *,
    reads: type[Input] | Any = None,
    answers: type[Output] | Any = None,
    many: bool = False,
    status: int = 200,
    also: dict[int, Any] | None = None,
    query: Sequence[OpenApiParameter] = (),
    media_type: str = "application/json",
    refuses: Sequence[int] = (),
    may_answer_null: bool = False,
) -> Callable[[_View], _View]:
    """Document one view method.

    `summary` one line, ending with the rule it implements in brackets; `reads` the body's schema; `answers` the
    schema of the success body (a list of it when `many`); `status` its code; `also` further success codes;
    `refuses` the codes it can be refused with beyond those of every operation of its kind (see `Schema`);
    `may_answer_null` when there may be no such thing and that is no fault.
    """
    body = answers(many=True) if many else answers
    responses: dict[Any, Any] = {
        (status, media_type): body if body is not None else OpenApiResponse(description="Done.")
    }
    for code, schema in (also or {}).items():
        responses[(code, "application/json")] = schema

    def describe(view: _View) -> _View:
        # Both are read by `Schema` when the document is made.
        view.refuses = tuple(refuses)  # type: ignore[attr-defined]
        view.may_answer_null = may_answer_null  # type: ignore[attr-defined]
        described: _View = extend_schema(
            summary=summary, request=reads, responses=responses, parameters=list(query)
        )(view)
        return described

    return describe


def query(
    name: str, kind: type = str, text: str = "", *, enum: Sequence[str] | None = None
) -> OpenApiParameter:
    """Return the description of one query parameter."""
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=text, enum=enum)
