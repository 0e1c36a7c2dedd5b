"""The standing cast: who exists in most tests, and how each of them calls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rest_framework.test import APIClient

from paperclip.companies.choices import MemberRole
from paperclip.companies.models import Agent, Company, User
from tests import factories
from tests.api import promised


class Caller(APIClient):
    """An API client that speaks JSON and presents one credential; an answer the OpenAPI document denies fails.

    `may_fail` is set by a test that makes the server fail on purpose, which no document promises.
    """

    def __init__(self, token: str | None = None, *, run_id: Any = None) -> None:
        super().__init__(raise_request_exception=False)
        self.may_fail = False
        self.default_format = "json"
        headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}
        if run_id is not None:
            headers["HTTP_X_PAPERCLIP_RUN_ID"] = str(run_id)
        self.credentials(**headers)

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        if request["PATH_INFO"].startswith("/api/") and not (self.may_fail and response.status_code == 500):
            assert promised.contradiction(response) is None
        return response

    def post(self, path: str, data: Any = None, **extra: Any) -> Any:
        return super().post(path, {} if data is None else data, format=extra.pop("format", "json"), **extra)

    def patch(self, path: str, data: Any = None, **extra: Any) -> Any:
        return super().patch(path, {} if data is None else data, format="json", **extra)

    def put(self, path: str, data: Any = None, **extra: Any) -> Any:
        return super().put(path, {} if data is None else data, format="json", **extra)


@dataclass
class Cast:
    """One company with people and agents, and another company that must never be seen."""

    company: Company
    owner: User
    operator: User
    viewer: User
    ceo: Agent
    manager: Agent
    engineer: Agent
    peer: Agent
    elsewhere: Company
    outsider: User
    foreign_agent: Agent

    @cached_property
    def as_owner(self) -> Caller:
        return Caller(factories.board_token(self.owner))

    @cached_property
    def as_operator(self) -> Caller:
        return Caller(factories.board_token(self.operator))

    @cached_property
    def as_viewer(self) -> Caller:
        return Caller(factories.board_token(self.viewer))

    @cached_property
    def as_outsider(self) -> Caller:
        return Caller(factories.board_token(self.outsider))

    @cached_property
    def as_nobody(self) -> Caller:
        return Caller()

    @cached_property
    def as_foreign_agent(self) -> Caller:
        return self.as_agent(self.foreign_agent)

    def as_agent(self, agent: Agent, *, run_id: Any = None) -> Caller:
        return Caller(factories.agent_key(agent), run_id=run_id)


def make() -> Cast:
    place, elsewhere = factories.company(), factories.company()
    ceo = factories.agent(place, role="ceo", name="Ceo")
    manager = factories.agent(place, role="cto", name="Manager", reports_to=ceo)
    return Cast(
        company=place,
        owner=factories.user(member_of=place, is_superuser=True),
        operator=factories.user(member_of=place, role=MemberRole.OPERATOR),
        viewer=factories.user(member_of=place, role=MemberRole.VIEWER),
        ceo=ceo,
        manager=manager,
        engineer=factories.agent(place, role="engineer", name="Engineer", reports_to=manager),
        peer=factories.agent(place, role="engineer", name="Peer", reports_to=manager),
        elsewhere=elsewhere,
        outsider=factories.user(member_of=elsewhere),
        foreign_agent=factories.agent(elsewhere, name="Foreigner"),
    )
