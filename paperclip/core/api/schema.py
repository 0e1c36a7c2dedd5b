"""The OpenAPI document: one decorator says what an operation reads, answers and refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

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
    400: "The input breaks its schema; `details` names each fault.",
    401: "Nobody is signed in, or the token does not verify.",
    403: "The caller may not do this.",
    404: "There is no such thing for this caller.",
    409: "The state of things stands against it.",
    413: "The body is larger than 10 MB.",
    422: "Against a business rule.",
    503: "The database does not answer.",
}


class Schema(AutoSchema):
    """Groups operations by the first word of their path."""

    def get_tags(self) -> list[str]:
        """Return the resource an operation belongs to."""
        words = [word for word in self.path.split("/") if word and not word.startswith("{")]
        words = [word for word in words if word != "api"]
        return [
            "companies"
            if words == ["companies"]
            else words[1]
            if words[0] == "companies" and words[1:]
            else words[0]
        ]


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
) -> Callable[[_View], _View]:
    """Document one view method.

    `summary` one line, ending with the rule it implements in brackets; `reads` the body's schema; `answers` the
    schema of the success body (a list of it when `many`); `status` its code; `also` further success codes.
    """
    body = answers(many=True) if many else answers
    responses: dict[Any, Any] = {
        (status, media_type): body if body is not None else OpenApiResponse(description="Done.")
    }
    for code, schema in (also or {}).items():
        responses[(code, "application/json")] = schema
    for code, meaning in _REFUSALS.items():
        responses[(code, "application/json")] = OpenApiResponse(ErrorBody, description=meaning)
    return extend_schema(summary=summary, request=reads, responses=responses, parameters=list(query))


def query(
    name: str, kind: type = str, text: str = "", *, enum: Sequence[str] | None = None
) -> OpenApiParameter:
    """Return the description of one query parameter."""
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=text, enum=enum)
