"""What every client may rely on, whatever it calls: who is let in, what a refusal says, how lists come."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from drf_spectacular.generators import SchemaGenerator

from heartbeat.models import Run
from paperclip.companies import actors, members
from paperclip.companies.choices import ROLE_GRANTS, MemberRole, PrincipalType
from paperclip.companies.models import Activity, Agent, Goal, Grant, Member, User
from paperclip.core import clock
from tests import factories
from tests.cast import Caller

# --- Who is calling --------------------------------------------------------------------------------------


def test_nobody_is_trusted_for_where_they_call_from(cast):
    """C-9, C-17, B-20, B-24: no mode in which a call without credentials is the board, nor a user to stand for it."""
    nobody, base = cast.as_nobody, f"/api/companies/{cast.company.id}"
    for method, path in (
        ("post", f"{base}/agents"),
        ("post", f"{base}/goals"),
        ("patch", base),
        ("get", base),
        ("get", f"{base}/agents"),
    ):
        answer = getattr(nobody, method)(path, REMOTE_ADDR="127.0.0.1")
        assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"}), path
    for path in ("/api/companies", "/api/companies/stats"):
        assert nobody.get(path).json() == {"error": "Board access required"}
    people = {cast.owner.pk, cast.operator.pk, cast.viewer.pk, cast.outsider.pk}
    assert set(User.objects.values_list("pk", flat=True)) == people
    assert not Agent.objects.filter(name="New").exists()


def test_first_answer_is_about_the_host_then_about_the_caller_then_about_the_body(cast):
    """C-2"""
    path, bad = f"/api/companies/{cast.company.id}/goals", {"HTTP_AUTHORIZATION": "Bearer pcp_none"}
    by_host = Caller()
    by_host.credentials(HTTP_HOST="elsewhere.example", **bad)
    answer = by_host.post(path, {"title": 7})
    assert (answer.status_code, "elsewhere.example" in answer.json()["error"]) == (403, True)
    by_token = Caller()
    by_token.credentials(**bad)
    assert by_token.post(path, {"title": 7}).status_code == 401
    assert by_token.get("/api/nothing").status_code == 404
    assert cast.as_viewer.post(path, {"title": 7}).json() == {"error": "Viewer access is read-only"}
    assert cast.as_owner.post(path, {"title": 7}).status_code == 400


@pytest.mark.parametrize(
    ("who", "tail"),
    [
        pytest.param("as_foreign_agent", "pause", id="B-9 agent of another company"),
        pytest.param("as_outsider", "pause", id="B-10 person of another company"),
        pytest.param("as_outsider", "keys", id="B-12 key for an agent of another company"),
    ],
)
def test_agent_of_another_company_is_out_of_reach(cast, who, tail):
    before = Activity.objects.count()
    answer = getattr(cast, who).post(f"/api/agents/{cast.peer.id}/{tail}")
    assert answer.status_code == (403 if who == "as_foreign_agent" else 404)
    cast.peer.refresh_from_db()
    assert (cast.peer.status, cast.peer.api_keys.count(), Activity.objects.count()) == ("idle", 0, before)


@pytest.mark.parametrize("what", ["agents", "goals", "projects"])
def test_what_is_not_there_and_what_is_not_yours_answer_alike(cast, what):
    """C-8, CW-30: for those inside, and for strangers, whom nothing is told at all."""
    theirs = {
        "agents": cast.foreign_agent,
        "goals": factories.goal(cast.elsewhere),
        "projects": factories.project(cast.elsewhere),
    }[what]
    paths = [f"/api/{what}/{each}" for each in (theirs.pk, factories.NO_SUCH_ID)]
    for caller, status in ((cast.as_operator, 404), (cast.as_agent(cast.ceo), 404), (cast.as_nobody, 401)):
        found = [caller.get(path) for path in paths]
        assert [answer.status_code for answer in found] == [status, status]
        assert found[0].content == found[1].content


def test_activity_says_who_did_it_and_from_which_run(cast):
    """C-14, C-15: agents with their run, people by their id, the product itself by its part's name."""
    run = factories.run(cast.engineer)
    path = f"/api/companies/{cast.company.id}/goals"
    cast.as_agent(cast.engineer, run_id=run.pk).post(path, {"title": "A"})
    cast.as_owner.post(path, {"title": "B"})
    by_agent, by_person = Activity.objects.filter(action="goal.created").order_by("created_at")
    told = ("actor_type", "actor_id", "agent_id", "run_id")
    agent = ("agent", str(cast.engineer.pk), cast.engineer.pk, run.pk)
    assert tuple(getattr(by_agent, name) for name in told) == agent
    assert tuple(getattr(by_person, name) for name in told) == ("user", str(cast.owner.pk), None, None)
    system = actors.system("sweep")
    assert (system.type, system.id, system.agent_id) == ("system", "sweep", None)


# --- Roles and grants ------------------------------------------------------------------------------------

HANDED_OUT = {
    "owner": {"agents:create", "users:invite", "users:manage_permissions", "tasks:assign", "joins:approve"},
    "admin": {"agents:create", "users:invite", "tasks:assign", "joins:approve"},
    "operator": {"tasks:assign"},
    "member": {"tasks:assign"},
    "viewer": set(),
}


@pytest.mark.parametrize("role", [pytest.param(role, id=f"C-27 {role}") for role in HANDED_OUT])
def test_role_hands_out_its_grants_on_joining(cast, role):
    person = factories.user()
    members.join_with_role(
        company_id=cast.company.pk, user=person, role=MemberRole(role), granted_by=cast.owner, now=clock.now()
    )
    held = Grant.objects.filter(company=cast.company, principal_id=person.pk)
    assert set(held.values_list("permission_key", flat=True)) == HANDED_OUT[role]
    assert set(held.values_list("granted_by_user_id", flat=True)) <= {cast.owner.pk}
    assert set(ROLE_GRANTS) == {MemberRole(each) for each in HANDED_OUT}


def test_grant_stands_once_and_keeps_its_scope(cast):
    """C-33, C-23: one row per principal and key; without an active membership it gives nothing."""
    person = factories.user(member_of=cast.company, role=MemberRole.VIEWER)
    member = Member.objects.get(company=cast.company, principal_id=person.pk)
    path = f"/api/companies/{cast.company.id}/members/{member.pk}/permissions"
    scope = {"projectIds": ["p-1"]}
    told = cast.as_owner.patch(path, {"grants": [{"permissionKey": "agents:create", "scope": scope}]}).json()
    assert [(each["permissionKey"], each["scope"]) for each in told["grants"]] == [("agents:create", scope)]
    grant = Grant.objects.get(principal_id=person.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(
            company=cast.company,
            principal_type=PrincipalType.USER,
            principal_id=person.pk,
            permission_key="agents:create",
        )
    caller = Caller(factories.board_token(person))
    reads = f"/api/companies/{cast.company.id}/agent-configurations"
    assert caller.get(reads).status_code == 200
    Member.objects.filter(pk=member.pk).update(status="suspended")
    assert caller.get(reads).status_code == 403
    assert Grant.objects.filter(pk=grant.pk).exists()


# --- Answers ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def operations() -> dict[str, dict]:
    """Every operation of the interface, by method and path."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return {
        f"{method} {path}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and "responses" in operation
    }


def test_success_is_200_201_or_202(operations):
    """C-3: 204 only where a rule says so (R-124); 202 for what is only begun."""
    found = {
        name: {int(status) for status in operation["responses"] if status.startswith("2")}
        for name, operation in operations.items()
    }
    empty = {name for name, statuses in found.items() if 204 in statuses}
    assert empty <= {"delete /api/routine-triggers/{trigger_id}"}
    assert set.union(*found.values()) <= {200, 201, 202, 204, 206}
    begun = {name.removeprefix("post /api/") for name, statuses in found.items() if 202 in statuses}
    assert begun >= {"agents/{agent_id}/wakeup", "invites/{token}/accept"}
    made = {name.split(" ")[0] for name, statuses in found.items() if statuses & {201, 202}}
    assert made <= {"post", "put"}


def test_refusals_are_words_with_details_beside_them(cast):
    """K-51, K-55, C-5: `error` is a text; of a body that does not fit, `details` lists code, path and message."""
    answer = cast.as_owner.post(f"/api/companies/{cast.company.id}/goals", {"title": 7, "level": "moon"})
    body = answer.json()
    assert (answer.status_code, body["error"]) == (400, "Validation error")
    assert [each["path"] for each in body["details"]] == [["title"], ["level"]]
    assert all({"code", "path", "message"} <= set(each) for each in body["details"])
    refused = cast.as_owner.post(f"/api/agents/{cast.peer.id}/approve").json()
    assert isinstance(refused["error"], str)


def test_words_the_clients_look_for(cast):
    """K-52: these two start a sign-in, or the agent's own view of its company."""
    agent = cast.as_agent(cast.peer)
    assert agent.get("/api/companies").json() == {"error": "Board access required"}
    assert cast.as_operator.post("/api/companies", {"name": "X"}).json() == {
        "error": "Instance admin required"
    }


def test_fields_of_newer_clients_are_passed_over(cast):
    """K-11, C-6"""
    body = {
        "title": "T",
        "workMode": "standard",
        "requestDepth": 0,
        "allowDuplicate": True,
        "later": {"a": 1},
    }
    made = cast.as_owner.post(f"/api/companies/{cast.company.id}/issues", body)
    assert made.status_code == 201
    assert "allowDuplicate" not in made.json()


def test_encoded_parts_of_an_address_are_read(cast):
    """K-7: parts of the path, and commas within a value of the query."""
    issue = factories.issue(cast.company, status="done")
    factories.issue(cast.company, status="backlog")
    path = f"/api/companies/{cast.company.id}/issues?status=todo%2Cdone"
    assert [row["id"] for row in cast.as_owner.get(path).json()] == [str(issue.pk)]
    encoded = issue.identifier.replace("-", "%2D")
    assert cast.as_owner.get(f"/api/issues/{encoded}").json()["id"] == str(issue.pk)


LISTS = (
    "activity", "agents", "approvals", "goals", "heartbeat-runs", "issues", "labels", "live-runs", "projects",
    "routines", "secrets", "secret-provider-configs", "agent-configurations", "org",
)  # fmt: skip


def test_lists_are_bare_and_whole(cast):
    """K-49, K-56, K-57, CW-29: arrays, not pages; everything that is there, in an order that stays."""
    base = f"/api/companies/{cast.company.id}"
    for name in LISTS:
        assert isinstance(cast.as_owner.get(f"{base}/{name}").json(), list), name
    Goal.objects.bulk_create(Goal(company=cast.company, title=f"Goal {number}") for number in range(150))
    for number in range(30):
        factories.project(cast.company, name=f"P {number}")
    for name, count in (("goals", 150), ("projects", 30), ("agents", 4)):
        rows = [row["id"] for row in cast.as_owner.get(f"{base}/{name}").json()]
        assert len(rows) == count
        # Written anew, rows stand elsewhere on disk; the list is the same.
        Goal.objects.filter(company=cast.company).update(description="again")
        assert [row["id"] for row in cast.as_owner.get(f"{base}/{name}").json()] == rows
    created = [row["createdAt"] for row in cast.as_owner.get(f"{base}/projects").json()]
    assert created in (sorted(created), sorted(created, reverse=True))


# --- Where companies meet other floors -------------------------------------------------------------------


def test_environment_that_is_not_there_is_refused_until_it_is_cleared(cast):
    """B-60b: here every run works on the host of its runner, so no other place can be chosen."""
    path = f"/api/agents/{cast.peer.id}"
    chosen = {"adapterType": "codex_local", "defaultEnvironmentId": factories.NO_SUCH_ID}
    assert cast.as_owner.patch(path, chosen).status_code == 422
    cast.peer.refresh_from_db()
    assert cast.peer.adapter_type == "process"
    assert cast.as_owner.patch(path, {**chosen, "defaultEnvironmentId": None}).status_code == 200


def test_approval_of_another_company_is_not_linked(cast):
    """B-73"""
    issue = factories.issue(cast.company)
    theirs = cast.elsewhere.approvals.create(type="request_board_approval", payload={}, status="pending")
    answer = cast.as_owner.post(f"/api/issues/{issue.pk}/approvals", {"approvalId": str(theirs.pk)})
    assert answer.status_code in (404, 422)
    assert cast.as_owner.get(f"/api/issues/{issue.pk}/approvals").json() == []


def test_dashboard_counts_every_run_of_its_days(cast):
    """B-96: more than any page holds, only this company's, and a day without runs is there too."""
    now = clock.now()
    kinds = [("succeeded", 610), ("failed", 320), ("timed_out", 210), ("cancelled", 100)]
    for company, agent in ((cast.company, cast.peer), (cast.elsewhere, cast.foreign_agent)):
        Run.objects.bulk_create(
            Run(company=company, agent=agent, status=status, created_at=now, finished_at=now)
            for status, count in kinds
            for _ in range(count)
        )
    told = cast.as_owner.get(f"/api/companies/{cast.company.id}/dashboard").json()["runActivity"]
    assert len(told) == 14
    last = {name: told[-1][name] for name in ("succeeded", "failed", "other", "total")}
    assert last == {"succeeded": 610, "failed": 530, "other": 100, "total": 1240}
    assert {day["total"] for day in told[:-1]} == {0}
