"""How the OpenAPI document describes the ways to say who calls (C-10)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class Credentials(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A bearer token of an agent, a run or a person; or the session of a person signed in to the board."""

    target_class = "paperclip.companies.auth.ActorAuthentication"
    name = ["bearerToken", "boardSession"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Return one definition for each name."""
        return [{"type": "http", "scheme": "bearer"}, {"type": "apiKey", "in": "cookie", "name": "sessionid"}]
