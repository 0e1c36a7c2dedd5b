"""C-28: who may do what, row by row, for the endpoints of companies and governance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction

from paperclip.companies import keys, tokens
from paperclip.companies.choices import MemberRole
from paperclip.companies.models import AgentConfigRevision
from paperclip.core import clock
from tests import factories
from tests.cast import Caller

CALLERS = ("loc", "adm", "usr", "vw", "self", "mgr", "ceo", "crt", "oth", "x", "xagent", "nobody")
# Where a cell says 2, any success will do; R is a success that shows no configuration.
EVERYBODY_READS = {"loc": 2, "adm": 2, "usr": 2, "vw": 2, "self": 2, "mgr": 2, "ceo": 2, "crt": 2, "oth": 2}
OUTSIDE = {"x": 403, "xagent": 403, "nobody": 401}
OUTSIDE_BY_ID = {"x": 404, "xagent": 404, "nobody": 401}
BOARD_ONLY = {"self": 403, "mgr": 403, "ceo": 403, "crt": 403, "oth": 403, "xagent": 403, "nobody": 403}


@dataclass
class Scene:
    """The cast with an admin of the company and an agent that may hire, and one thing of each kind."""

    callers: dict[str, Caller]
    ids: dict[str, Any]

    def path(self, template: str) -> str:
        return "/api/" + template.format(**self.ids)


@pytest.fixture
def scene(cast):
    company = cast.company
    admin = factories.user(member_of=company, role=MemberRole.ADMIN)
    creator = factories.agent(company, name="Creator", permissions={"canCreateAgents": True})
    key, _ = keys.create(agent=cast.engineer, name="k", actor=_system(), now=clock.now())
    revision = AgentConfigRevision.objects.create(
        company=company,
        agent=cast.engineer,
        changed_keys=["title"],
        before_config={},
        after_config=_snapshot(cast.engineer),
    )
    approval = company.approvals.create(
        type="request_board_approval", payload={}, requested_by_agent=cast.engineer, status="pending"
    )
    sent_back = company.approvals.create(
        type="request_board_approval",
        payload={},
        requested_by_agent=cast.engineer,
        status="revision_requested",
    )
    waiting = factories.agent(company, name="Waiting", status="pending_approval")
    callers = {
        "loc": cast.as_owner,
        "adm": Caller(factories.board_token(admin)),
        "usr": cast.as_operator,
        "vw": cast.as_viewer,
        "self": cast.as_agent(cast.engineer),
        "mgr": cast.as_agent(cast.manager),
        "ceo": cast.as_agent(cast.ceo),
        "crt": cast.as_agent(creator),
        "oth": cast.as_agent(cast.peer),
        "x": cast.as_outsider,
        "xagent": cast.as_foreign_agent,
        "nobody": cast.as_nobody,
    }
    ids = {
        "c": company.id,
        "a": cast.engineer.id,
        "waiting": waiting.id,
        "key": key.id,
        "revision": revision.id,
        "project": factories.project(company).id,
        "own_project": factories.project(company, lead_agent=cast.engineer).id,
        "goal": factories.goal(company).id,
        "approval": approval.id,
        "sent_back": sent_back.id,
        "member": company.members.get(principal_id=cast.operator.id).id,
    }
    return Scene(callers, ids)


def _system():
    from paperclip.companies import actors

    return actors.system("test")


def _snapshot(agent) -> dict[str, Any]:
    from paperclip.companies import revisions

    return revisions.tracked(agent)


def row(rule: str, method: str, path: str, body: Any = None, **cells: int | str):
    return pytest.param(method, path, body, cells, id=rule)


ROWS = [
    row("C-28 list companies", "get", "companies", loc=2, adm=2, usr=2, vw=2, x=2, **BOARD_ONLY),
    row("C-28 stats", "get", "companies/stats", loc=2, adm=2, usr=2, vw=2, x=2, **BOARD_ONLY),
    row("C-28 read company", "get", "companies/{c}", **EVERYBODY_READS, **OUTSIDE),
    row(
        "C-28 create company", "post", "companies", {"name": "New"},
        loc=2, adm=403, usr=403, vw=403, x=403, **BOARD_ONLY,
    ),
    row(
        "C-28 patch company", "patch", "companies/{c}", {"status": "active"},
        loc=2, adm=2, usr=2, vw=403, self=403, mgr=403, ceo=400, crt=403, oth=403, **OUTSIDE,
    ),
    row(
        "C-28 patch branding", "patch", "companies/{c}/branding", {"brandColor": "#123456"},
        loc=2, adm=2, usr=2, vw=403, self=403, mgr=403, ceo=2, crt=403, oth=403, **OUTSIDE,
    ),
    row(
        "C-28 archive company", "post", "companies/{c}/archive",
        loc=2, adm=2, usr=2, vw=403, x=403, **BOARD_ONLY | {"nobody": 401},
    ),
    row(
        "C-28 list agents", "get", "companies/{c}/agents",
        loc=2, adm=2, usr="R", vw="R", self="R", mgr="R", ceo=2, crt=2, oth="R", **OUTSIDE,
    ),
    row(
        "C-28 read agent", "get", "agents/{a}",
        loc=2, adm=2, usr="R", vw="R", self=2, mgr="R", ceo=2, crt=2, oth="R", **OUTSIDE_BY_ID,
    ),
    row("C-28 org", "get", "companies/{c}/org", **EVERYBODY_READS, **OUTSIDE),
    row(
        "C-28 read configurations", "get", "companies/{c}/agent-configurations",
        loc=2, adm=2, usr=403, vw=403, self=403, mgr=403, ceo=2, crt=2, oth=403, **OUTSIDE,
    ),
    row(
        "C-28 read configuration", "get", "agents/{a}/configuration",
        loc=2, adm=2, usr=403, vw=403, self=403, mgr=403, ceo=2, crt=2, oth=403, **OUTSIDE_BY_ID,
    ),
    row(
        "C-49 read revisions", "get", "agents/{a}/config-revisions",
        loc=2, adm=2, usr=403, vw=403, self=403, mgr=403, ceo=2, crt=2, oth=403, **OUTSIDE_BY_ID,
    ),
    row(
        "C-28 create agent", "post", "companies/{c}/agents", {"name": "New"},
        loc=2, adm=2, usr=403, vw=403, self=403, mgr=403, ceo=2, crt=2, oth=403, **OUTSIDE,
    ),
    row(
        "C-28 hire agent", "post", "companies/{c}/agent-hires", {"name": "New"},
        loc=2, adm=2, usr=403, vw=403, self=403, mgr=403, ceo=2, crt=2, oth=403, **OUTSIDE,
    ),
    row(
        "C-28 patch agent", "patch", "agents/{a}", {"title": "New"},
        loc=2, adm=2, usr=403, vw=403, self=2, mgr=403, ceo=2, crt=2, oth=403, **OUTSIDE_BY_ID,
    ),
    row(
        "C-28 roll back agent", "post", "agents/{a}/config-revisions/{revision}/rollback",
        loc=2, adm=2, usr=403, vw=403, self=2, mgr=403, ceo=2, crt=2, oth=403, **OUTSIDE_BY_ID,
    ),
    row(
        "C-28 set permissions", "patch", "agents/{a}/permissions",
        {"canCreateAgents": False, "canAssignTasks": True},
        loc=2, adm=2, usr=403, vw=403, self=403, mgr=403, ceo=2, crt=403, oth=403, **OUTSIDE_BY_ID,
    ),
    *(
        row(
            f"C-28 {verb} agent", "post", f"agents/{{{name}}}/{verb}",
            loc=2, adm=2, usr=403, vw=403, x=404, **BOARD_ONLY,
        )
        for verb, name in (("pause", "a"), ("resume", "a"), ("approve", "waiting"), ("terminate", "a"))
    ),
    row("C-28 delete agent", "delete", "agents/{a}", loc=2, adm=2, usr=403, vw=403, x=404, **BOARD_ONLY),
    row("C-28 list keys", "get", "agents/{a}/keys", loc=2, adm=2, usr=403, vw=403, x=404, **BOARD_ONLY),
    row("C-28 create key", "post", "agents/{a}/keys", {}, loc=2, adm=2, usr=403, vw=403, x=404, **BOARD_ONLY),
    row(
        "C-28 revoke key", "delete", "agents/{a}/keys/{key}",
        loc=2, adm=2, usr=403, vw=403, x=404, **BOARD_ONLY,
    ),
    row("C-28 list projects", "get", "companies/{c}/projects", **EVERYBODY_READS, **OUTSIDE),
    row(
        "C-28 create project", "post", "companies/{c}/projects", {"name": "New"},
        **EVERYBODY_READS | {"vw": 403}, **OUTSIDE,
    ),
    row("C-28 read project", "get", "projects/{project}", **EVERYBODY_READS, **OUTSIDE_BY_ID),
    row(
        "C-28 patch project", "patch", "projects/{project}", {"description": "New"},
        **EVERYBODY_READS | {"vw": 403}, **OUTSIDE_BY_ID,
    ),
    row(
        "CW-20 delete project", "delete", "projects/{project}",
        loc=2, adm=2, usr=2, vw=403, self=403, mgr=403, ceo=2, crt=2, oth=403, **OUTSIDE_BY_ID,
    ),
    row(
        "CW-20 delete own project", "delete", "projects/{own_project}",
        loc=2, adm=2, usr=2, vw=403, self=2, mgr=403, ceo=2, crt=2, oth=403, **OUTSIDE_BY_ID,
    ),
    row("C-28 list goals", "get", "companies/{c}/goals", **EVERYBODY_READS, **OUTSIDE),
    row(
        "C-28 create goal", "post", "companies/{c}/goals", {"title": "New"},
        **EVERYBODY_READS | {"vw": 403}, **OUTSIDE,
    ),
    row("C-28 read goal", "get", "goals/{goal}", **EVERYBODY_READS, **OUTSIDE_BY_ID),
    row(
        "C-28 patch goal", "patch", "goals/{goal}", {"status": "active"},
        **EVERYBODY_READS | {"vw": 403}, **OUTSIDE_BY_ID,
    ),
    row(
        "CW-20 delete goal", "delete", "goals/{goal}",
        loc=2, adm=2, usr=2, vw=403, self=403, mgr=403, ceo=2, crt=2, oth=403, **OUTSIDE_BY_ID,
    ),
    row("C-28 list approvals", "get", "companies/{c}/approvals", **EVERYBODY_READS, **OUTSIDE),
    row("C-28 read approval", "get", "approvals/{approval}", **EVERYBODY_READS, **OUTSIDE_BY_ID),
    row(
        "C-28 create approval", "post", "companies/{c}/approvals",
        {"type": "request_board_approval", "payload": {}},
        **EVERYBODY_READS | {"vw": 403}, **OUTSIDE,
    ),
    *(
        row(
            f"C-28 {verb} approval", "post", f"approvals/{{approval}}/{verb}",
            loc=2, adm=2, usr=2, vw=403, x=404, **BOARD_ONLY,
        )
        for verb in ("approve", "reject", "request-revision")
    ),
    row(
        "C-28 resubmit approval", "post", "approvals/{sent_back}/resubmit", {},
        loc=2, adm=2, usr=2, vw=403, self=2, mgr=403, ceo=403, crt=403, oth=403, **OUTSIDE_BY_ID,
    ),
    row(
        "C-28 report a cost", "post", "companies/{c}/cost-events",
        {"agentId": "{a}", "provider": "p", "model": "m", "costCents": 1, "occurredAt": "2026-01-31T08:15Z"},
        loc=2, adm=2, usr=2, vw=403, self=2, mgr=403, ceo=403, crt=403, oth=403, **OUTSIDE,
    ),
    *(
        row(f"C-28 read {what}", "get", f"companies/{{c}}/{what}", **EVERYBODY_READS, **OUTSIDE)
        for what in (
            "costs/summary", "costs/by-agent", "dashboard", "sidebar-badges", "activity", "user-directory"
        )
    ),
    row(
        "C-28 set company budget", "patch", "companies/{c}/budgets", {"budgetMonthlyCents": 5},
        loc=2, adm=2, usr=2, vw=403, x=403, **BOARD_ONLY,
    ),
    row(
        "C-28 set agent budget", "patch", "agents/{a}/budgets", {"budgetMonthlyCents": 5},
        loc=2, adm=2, usr=2, vw=403, x=404, **BOARD_ONLY,
    ),
    row(
        "C-28 write activity", "post", "companies/{c}/activity",
        {"actorId": "s", "action": "a.b", "entityType": "e", "entityId": "1"},
        loc=2, adm=2, usr=2, vw=403, x=403, **BOARD_ONLY,
    ),
    row(
        "C-28 list members", "get", "companies/{c}/members",
        loc=2, adm=403, usr=403, vw=403, self=403, mgr=403, ceo=403, crt=403, oth=403, **OUTSIDE,
    ),
    row(
        "C-28 patch member", "patch", "companies/{c}/members/{member}", {"membershipRole": "admin"},
        loc=2, adm=403, usr=403, vw=403, self=403, mgr=403, ceo=403, crt=403, oth=403, **OUTSIDE,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "cells"), ROWS)
def test_matrix(scene, method, path, body, cells):
    """What one caller does is undone before the next."""
    if body is not None:
        body = {
            key: value.format(**scene.ids) if isinstance(value, str) else value for key, value in body.items()
        }
    for who, caller in scene.callers.items():
        with transaction.atomic():
            answer = getattr(caller, method)(scene.path(path), body)
            transaction.set_rollback(True)
        if cells[who] == 2:
            assert answer.status_code in (200, 201), (who, answer.content)
        elif cells[who] == "R":
            assert answer.status_code == 200, who
            rows = answer.json() if isinstance(answer.json(), list) else [answer.json()]
            assert all(one["adapterConfig"] == {} and one["runtimeConfig"] == {} for one in rows), who
        else:
            assert answer.status_code == cells[who], (who, answer.content)


def test_every_row_names_every_caller():
    assert all(set(param.values[3]) == set(CALLERS) for param in ROWS)


def test_agent_with_the_grant_may_create_agents(cast):
    """C-26: the grant does what the flag does."""
    cast.company.grants.create(
        principal_type="agent", principal_id=cast.engineer.id, permission_key="agents:create"
    )
    answer = cast.as_agent(cast.engineer).post(f"/api/companies/{cast.company.id}/agents", {"name": "New"})
    assert answer.status_code == 201


def test_ceo_without_the_flag_may_not_create_agents(cast):
    """C-28: role ceo defaults the flag to true, but the flag decides."""
    cast.ceo.permissions = {"canCreateAgents": False}
    cast.ceo.save()
    answer = cast.as_agent(cast.ceo).post(f"/api/companies/{cast.company.id}/agents", {"name": "New"})
    assert (answer.status_code, answer.json()["error"]) == (403, "Missing permission: can create agents")


def test_instance_admin_without_membership_sees_no_company(cast):
    """B-23"""
    admin = factories.user(is_superuser=True)
    answer = Caller(factories.board_token(admin)).get(f"/api/companies/{cast.company.id}")
    assert (answer.status_code, answer.json()["error"]) == (403, "User does not have access to this company")


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("pcp_" + "0" * 48, id="C-11 CW-1 unknown agent key"),
        pytest.param("pcp_board_" + "0" * 48, id="CW-1 unknown board key"),
        pytest.param("not.a.jwt", id="CW-1 no JWT"),
        pytest.param("", id="CW-1 empty token"),
        pytest.param("x" * 20_000, id="CW-1 endless token"),
    ],
)
def test_bad_token_is_nobody(cast, token):
    caller = Caller()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    answer = caller.get(f"/api/companies/{cast.company.id}")
    assert answer.status_code == 401
    assert answer.json() == {"error": "Agent token did not verify; obtain fresh credentials and retry"}


def test_revoked_key_and_terminated_agent_are_nobody(cast):
    """B-7, B-8"""
    token = tokens.new_agent_token()
    key = cast.peer.api_keys.create(company=cast.company, name="k", key_hash=tokens.digest(token))
    assert Caller(token).get("/api/agents/me").status_code == 200
    cast.as_owner.delete(f"/api/agents/{cast.peer.id}/keys/{key.id}")
    assert Caller(token).get("/api/agents/me").status_code == 401
    other = factories.agent_key(cast.engineer)
    cast.as_owner.post(f"/api/agents/{cast.engineer.id}/terminate")
    assert Caller(other).get("/api/agents/me").status_code == 401
