"""Any call of the API, for what has no tool of its own."""

from __future__ import annotations

import json
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from paperclip.mcp.client import Call, CallError, free_path
from paperclip.mcp.config import Config
from paperclip.mcp.tools.base import Tool


class ApiRequest(Tool):
    """Call the API directly, for what has no tool of its own."""

    reads_only: ClassVar[bool] = False

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Annotated[
        str, Field(min_length=1, description="Address below /api, such as /issues/PAP-12/activity")
    ]
    json_body: Annotated[str | None, Field(description="The body, as JSON text")] = None

    def call(self, config: Config) -> Call:
        return Call(self.method, free_path(self.path), self._body())

    def _body(self) -> object:
        if not self.json_body:
            return None
        try:
            return json.loads(self.json_body)
        except ValueError as error:
            raise CallError(f"jsonBody is not valid JSON: {error}") from error
