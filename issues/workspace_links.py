"""Where an issue's runs work, as the issue says: asked for, inherited, or its project's way (I-44, I-56 to I-60).

What is kept here is the wish and the link; the place behind it belongs to a higher floor, which registers how it is
shown. Settings are stored under their wire names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from issues import signals
from issues.choices import WorkspacePreference
from issues.fields import Fields
from issues.models import Issue
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company, Project
from paperclip.core import naming
from paperclip.core.errors import Conflict, NotFound, Unprocessable

AGENT_DEFAULT = "agent_default"
SHARED = "shared_workspace"
ISOLATED = "isolated_workspace"
NAMED_MODES = (SHARED, ISOLATED, "operator_branch")
RENAMED = {"project_primary": SHARED, "isolated": ISOLATED}  # W-19

_KEYS = ("execution_workspace_id", "execution_workspace_preference", "execution_workspace_settings")
_LINKS = ("project_workspace_id", *_KEYS)
_CLOSED = ("archived", "cleanup_failed")

Reader = Callable[[UUID], Mapping[str, Any] | None]
_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Have `reader(workspace_id)` return how the workspace of an issue is shown."""
    _readers.append(reader)


def current(workspace_id: UUID | str | None) -> Mapping[str, Any] | None:
    """Return the workspace an issue points at as the interface shows it (W-136), closed ones too."""
    if workspace_id is None:
        return None
    shown = (reader(UUID(str(workspace_id))) for reader in _readers)
    return next((each for each in shown if each is not None), None)


def of_new(
    company_id: UUID, wanted: Fields, *, project_id: UUID | None, source: Issue | None
) -> dict[str, Any]:
    """Return the columns of a new issue: what is asked for, what `source` has, or its project's way (I-56, I-58).

    Raises NotFound or Unprocessable for a workspace or environment that does not fit.
    """
    columns = _asked(company_id, wanted, project_id)
    if not columns and source is not None and project_id in (None, source.project_id):
        columns = _inherited(source)
    has_place = columns.get("execution_workspace_id") or columns.get("execution_workspace_settings")
    if project_id is not None and not has_place:
        initial = initial_settings(_policy(project_id))
        if initial is not None:
            columns["execution_workspace_settings"] = initial
    return columns


def of_edit(issue: Issue, wanted: Fields, *, project_id: UUID | None) -> dict[str, Any]:
    """Return the columns an edit changes; a place of the project that is left does not come along (I-60).

    Raises NotFound or Unprocessable as `of_new` does.
    """
    columns = _asked(issue.company_id, wanted, project_id)
    moves = project_id != issue.project_id and issue.execution_workspace_id is not None
    if moves and "execution_workspace_id" not in columns:
        columns |= {"execution_workspace_id": None, "execution_workspace_preference": None}
    return columns


def follow(issue: Issue, before: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    """Tell the workspace an issue stays in that the issue's settings have changed (W-34)."""
    stays = issue.execution_workspace_preference == WorkspacePreference.REUSE_EXISTING
    if stays and issue.execution_workspace_id is not None and "execution_workspace_settings" in before:
        signals.workspace_settings_changed.send(sender=Issue, issue=issue, actor=actor, now=now)


def change(issue: Issue, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the log says when an edit moved the work elsewhere (W-36)."""
    if not any(column in before for column in _LINKS):
        return {}
    now = {column: getattr(issue, column) for column in _LINKS}
    return {"workspaceChange": {"from": _described({**now, **before}), "to": _described(now)}}


def require_open(issue: Issue) -> None:
    """Raise Conflict when the issue's work was in a workspace of its own that is closed (I-44)."""
    place = issue.execution_workspace
    if place is None or place.mode != ISOLATED:
        return
    if place.closed_at is None and place.status not in _CLOSED:
        return
    shown = {"id": place.pk, "name": place.name, "mode": place.mode, "status": place.status}
    raise Conflict(
        "The workspace of this issue is closed; move the issue to another one first",
        details={"executionWorkspace": {**shown, "closedAt": place.closed_at}},
    )


# --- Words ------------------------------------------------------------------------------------------------


def initial_settings(policy: Any) -> dict[str, Any] | None:
    """Return the settings a new issue of the project starts with (W-30); None without an enabled policy."""
    mode = policy_mode(policy)
    return {"mode": mode} if mode is not None else None


def policy_mode(policy: Any) -> str | None:
    """Return the mode an enabled policy gives its issues (W-21); None for one that is not enabled."""
    if not isinstance(policy, Mapping) or policy.get("enabled") is not True:
        return None
    mode = policy.get("defaultMode")
    if mode == "adapter_default":
        return AGENT_DEFAULT
    mode = RENAMED.get(mode, mode) if isinstance(mode, str) else None
    return mode if mode in NAMED_MODES else SHARED


def mode_for(record_mode: str | None) -> str:
    """Return the word for settings that keeps work in a place of `record_mode` (W-27, I-56)."""
    if record_mode in NAMED_MODES:
        return str(record_mode)
    return AGENT_DEFAULT if record_mode in (None, "adapter_managed", "cloud_sandbox") else SHARED


# --- Parts ------------------------------------------------------------------------------------------------


def _asked(company_id: UUID, wanted: Fields, project_id: UUID | None) -> dict[str, Any]:
    given: Mapping[str, Any] = wanted
    columns = {key: given[key] for key in _KEYS if key in given}
    if columns.get("execution_workspace_settings") is not None:
        columns["execution_workspace_settings"] = _stored(columns["execution_workspace_settings"])
    workspace_id = columns.get("execution_workspace_id")
    if workspace_id is not None:
        _require_workspace(company_id, workspace_id, project_id)
    return columns


def _inherited(source: Issue) -> dict[str, Any]:
    place = source.execution_workspace
    if place is None or place.closed_at is not None or place.status in _CLOSED:
        return {}
    settings = source.execution_workspace_settings
    return {
        "execution_workspace_id": place.pk,
        "execution_workspace_preference": WorkspacePreference.REUSE_EXISTING,
        "execution_workspace_settings": {
            **(settings if isinstance(settings, dict) else {}),
            "mode": mode_for(place.mode),
        },
    }


def _stored(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings under their wire names, without what is null; what is inside of services is the sender's."""
    spoken = {naming.camel(key): value for key, value in settings.items() if value is not None}
    if "environmentId" in spoken:
        raise Unprocessable("executionWorkspaceSettings.environmentId: environment not found in this company")
    strategy = spoken.get("workspaceStrategy")
    if isinstance(strategy, Mapping):
        spoken["workspaceStrategy"] = {
            naming.camel(key): value for key, value in strategy.items() if value is not None
        }
    return spoken


def _require_workspace(company_id: UUID, workspace_id: UUID, project_id: UUID | None) -> None:
    owner = Company.objects.filter(executionworkspace=workspace_id)
    found = owner.values_list("pk", "executionworkspace__project_id").first()
    if found is None:
        raise NotFound("Execution workspace not found")
    if found[0] != company_id:
        raise Unprocessable("Execution workspace must belong to the same company")
    if project_id is not None and found[1] != project_id:
        raise Unprocessable("Execution workspace must belong to the issue's project")


def _policy(project_id: UUID) -> Any:
    return Project.objects.filter(pk=project_id).values_list("execution_workspace_policy", flat=True).first()


def _described(columns: Mapping[str, Any]) -> dict[str, Any]:
    settings = columns["execution_workspace_settings"]
    place_id, code_id = columns["execution_workspace_id"], columns["project_workspace_id"]
    named = Company.objects.filter(executionworkspace=place_id).values_list(
        "executionworkspace__name", flat=True
    )
    label = named.first() if place_id is not None else None
    if label is None and code_id is not None:
        label = Project.objects.filter(workspaces=code_id).values_list("workspaces__name", flat=True).first()
    return {
        "label": label,
        "projectWorkspaceId": code_id,
        "executionWorkspaceId": place_id,
        "mode": settings.get("mode") if isinstance(settings, dict) else None,
    }
