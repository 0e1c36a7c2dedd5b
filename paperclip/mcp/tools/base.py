"""What every tool is: typed inputs, and the call they make."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from paperclip.mcp.client import Call, Client
from paperclip.mcp.config import Config

PREFIX = "paperclip"

IssueReference = Annotated[
    str, Field(min_length=1, description="The issue's id, or its identifier such as PAP-12")
]
Reference = Annotated[str, Field(min_length=1)]
CompanyId = Annotated[
    str | None, Field(min_length=1, description="Id of the company; that of the environment when left out")
]
Json = dict[str, Any]
Text = Annotated[str, Field(min_length=1)]
DocumentKey = Annotated[
    str, Field(min_length=1, max_length=64, description="Key of the document, such as plan")
]
Status = Literal["backlog", "todo", "in_progress", "in_review", "done", "blocked", "cancelled"]
Priority = Literal["critical", "high", "medium", "low"]


class Tool(BaseModel):
    """One tool: the class's name and docstring are its name and description, its fields the inputs."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    reads_only: ClassVar[bool] = True

    def call(self, config: Config) -> Call:
        """Return the request that carries the tool out. Raises MissingError or CallError."""
        raise NotImplementedError

    def answer(self, config: Config, client: Client) -> Any:
        """Carry the tool out and return what the caller is told.

        Raises MissingError, CallError or ApiError.
        """
        return client.send(self.call(config))

    def given(self, *but: str) -> dict[str, Any]:
        """Return the inputs that were sent, nulls included, by wire name; fields named in `but` left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=set(but))

    @classmethod
    def tool_name(cls) -> str:
        """Return the name the tool is called by."""
        return PREFIX + cls.__name__

    @classmethod
    def tool_description(cls) -> str:
        """Return what the tool does, for the model that chooses it."""
        return " ".join((cls.__doc__ or "").split())

    @classmethod
    def input_schema(cls) -> dict[str, Any]:
        """Return the JSON schema of the inputs."""
        schema: dict[str, Any] = _untitled(cls.model_json_schema(by_alias=True))
        schema.pop("description", None)
        return schema


def _untitled(schema: Any) -> Any:
    """Return a schema without the titles made from names: they tell a model nothing, and cost it tokens."""
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    is_made_up = isinstance(schema.get("title"), str)
    return {key: _untitled(item) for key, item in schema.items() if not (key == "title" and is_made_up)}
