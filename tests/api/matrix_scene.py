"""One company with one thing of each kind, made through the API where it has a way, and everybody who may call.

Built once for all rows of the matrix; each call is undone before the next.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile

from paperclip.companies import actors, challenges, invites, tokens
from paperclip.companies.models import Asset, JoinRequest, SecretProviderConfig
from paperclip.core import clock
from tests import cast as standing
from tests import factories
from tests.cast import Caller
from tests.core.api import routes
from tests.core.api.routes import Route
from workspaces import operation_logs
from workspaces.models import ExecutionWorkspace, WorkspaceOperation
from workspaces.operation_logs import OperationLog

CALLERS = ("nobody", "foreign", "outsider", "viewer", "agent", "manager", "ceo", "operator", "admin")


@dataclass
class Scene:
    """Callers by name, and the ids that a path's parameters stand for."""

    callers: dict[str, Caller]
    ids: dict[str, Any]
    special: dict[tuple[str, str], Any]
    # What must be said for the call to get anywhere, by method and address.
    bodies: dict[str, dict[str, Any]]
    queries: dict[str, str]

    def path(self, route: Route) -> str:
        """Return the address of a route with the ids of this scene."""
        first = str(route).split("/")[0]
        values = {
            name: self.special.get((first, name)) or self.ids.get(name, factories.NO_SUCH_ID)
            for name in route.parameters
        }
        return route.path(**values) + self.queries.get(str(route), "")

    def body(self, route: Route, method: str) -> bytes:
        """Return a sound body for a route: the least its schema asks for, unless it must name something."""
        said = self.bodies.get(f"{method} {route}")
        if said is None:
            schema = route.body_schema(method)
            said = routes.example(schema) if schema else {}
        return json.dumps(said).encode()


def build() -> Scene:
    """Fill the database and return the scene."""
    cast = standing.make()
    now = clock.now()
    owner, company = cast.as_owner, cast.company
    c = f"/api/companies/{company.id}"
    issue = factories.issue(company, status="todo", created_by_user=cast.owner)
    project, goal = factories.project(company), factories.goal(company)
    run = factories.run(cast.engineer, issue=issue)
    approval = owner.post(f"{c}/approvals", {"type": "request_board_approval", "payload": {}}).json()
    label = owner.post(f"{c}/labels", {"name": "bug", "color": "#ff0000"}).json()
    comment = owner.post(f"/api/issues/{issue.id}/comments", {"body": "A word"}).json()
    document = owner.put(
        f"/api/issues/{issue.id}/documents/plan", {"title": "Plan", "format": "markdown", "body": "x"}
    ).json()
    product = owner.post(
        f"/api/issues/{issue.id}/work-products",
        {"type": "pull_request", "provider": "github", "title": "PR", "url": "https://example.com/1"},
    ).json()
    interaction = owner.post(
        f"/api/issues/{issue.id}/interactions",
        {"kind": "request_confirmation", "payload": {"version": 1, "prompt": "Well?"}},
    ).json()
    hold = owner.post(f"/api/issues/{issue.id}/tree-holds", {"mode": "pause", "reason": "x"}).json()
    hold = hold.get("hold", hold)
    routine = owner.post(
        f"{c}/routines",
        {"title": "Daily", "assigneeAgentId": str(cast.engineer.id), "projectId": str(project.id)},
    ).json()
    trigger = owner.post(
        f"/api/routines/{routine.get('id')}/triggers",
        {"kind": "schedule", "cronExpression": "0 9 * * *", "timezone": "UTC"},
    ).json()
    trigger = trigger.get("trigger", trigger)
    secret = owner.post(f"{c}/secrets", {"name": "TOKEN", "value": "v"}).json()
    vault = SecretProviderConfig.objects.create(
        company=company, provider="vault", display_name="Vault", config={}
    )
    workspace = owner.post(f"/api/projects/{project.id}/workspaces", {"name": "Main", "cwd": "/srv/x"}).json()
    place = ExecutionWorkspace.objects.create(
        company=company, project=project, mode="isolated_workspace", name="place"
    )
    done = WorkspaceOperation.objects.create(
        company=company,
        execution_workspace=place,
        phase="worktree_prepare",
        status="succeeded",
        started_at=now,
        finished_at=now,
        log_store=operation_logs.STORE,
        log_ref=operation_logs.ref_of(company.id, uuid4()),
    )
    OperationLog(done.log_ref or "", str).close()
    agent_revision = cast.engineer.config_revisions.create(
        company=company, changed_keys=["title"], before_config={}, after_config={}
    )
    upload = owner.post(
        f"{c}/issues/{issue.id}/attachments",
        {"file": _file("note.txt", b"x", "text/plain")},
        format="multipart",
    ).json()
    picture = Asset.objects.create(
        company=company, object_key="x", content_type="image/png", byte_size=1, sha256="0" * 64
    )
    invite, token = invites.create(company=company, fields={}, actor=actors.for_user(cast.owner), now=now)
    waiting = JoinRequest.objects.create(
        company=company,
        invite=invites.create(company=company, fields={}, actor=actors.for_user(cast.owner), now=now)[0],
        request_type="agent",
        agent_name="Newcomer",
    )
    asked = challenges.create(fields={"command": "issue list"}, now=now)
    key = cast.engineer.api_keys.create(company=company, name="k", key_hash=tokens.digest("k"))
    ids = {
        "company_id": company.id,
        "agent_ref": cast.engineer.id,
        "agent_id": cast.engineer.id,
        "approval_id": approval.get("id"),
        "asset_id": picture.id,
        "attachment_id": upload.get("id"),
        "challenge_id": asked.challenge.id,
        "comment_id": comment.get("id"),
        "config_id": vault.id,
        "file": "references/api.md",
        "goal_id": goal.id,
        "hold_id": hold.get("id"),
        "interaction_id": interaction.get("id"),
        "invite_ref": invite.id,
        "issue_id": issue.id,
        "key": "plan",
        "key_id": key.id,
        "kind": "process",
        "label_id": label.get("id"),
        "member_id": company.members.get(principal_id=cast.operator.id).id,
        "name": "paperclip",
        "operation_id": done.pk,
        "product_id": product.get("id"),
        "project_ref": project.id,
        "request_id": waiting.id,
        "revision_id": document.get("latestRevisionId"),
        "routine_id": routine.get("id"),
        "run_id": run.id,
        "secret_id": secret.get("id"),
        "token": token,
        "trigger_id": trigger.get("id"),
        "user_id": cast.operator.id,
        "user_slug": cast.operator.id,
        "workspace_id": workspace.get("id"),
    }
    callers = {
        "nobody": cast.as_nobody,
        "foreign": cast.as_foreign_agent,
        "outsider": cast.as_outsider,
        "viewer": cast.as_viewer,
        "agent": cast.as_agent(cast.peer, run_id=factories.run(cast.peer).id),
        "manager": cast.as_agent(cast.manager, run_id=factories.run(cast.manager).id),
        "ceo": cast.as_agent(cast.ceo, run_id=factories.run(cast.ceo).id),
        "operator": cast.as_operator,
        "admin": cast.as_owner,
    }
    # The same word names different things in different paths.
    special = {
        ("agents", "revision_id"): agent_revision.id,
        ("execution-workspaces", "workspace_id"): place.pk,
        ("execution-workspaces", "action"): "start",
        ("projects", "action"): "start",
        ("routines", "revision_id"): owner.get(f"/api/routines/{routine['id']}/revisions").json()[0]["id"],
    }
    by_token = {"token": asked.token}
    bodies = {
        "post cli-auth/challenges/<str:challenge_id>/approve": by_token,
        "post cli-auth/challenges/<str:challenge_id>/cancel": by_token,
        "post heartbeat-runs/<str:run_id>/callback": {"status": "succeeded"},
        "post issues/<str:issue_id>/approvals": {"approvalId": approval.get("id")},
        "post companies/<str:company_id>/cost-events": {
            "agentId": str(cast.peer.id),
            "provider": "p",
            "model": "m",
            "costCents": 1,
            "occurredAt": "2026-01-31T08:15:00.000Z",
        },
        "post invites/<str:token>/accept": {"requestType": "agent", "agentName": "Newcomer"},
    }
    queries = {"cli-auth/challenges/<str:challenge_id>": f"?token={asked.token}"}
    missing = {name for name, value in ids.items() if value is None}
    assert not missing, f"not made: {missing}"
    return Scene(callers, ids, special, bodies, queries)


def _file(name: str, content: bytes, kind: str) -> Any:
    return SimpleUploadedFile(name, content, content_type=kind)
