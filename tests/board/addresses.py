"""Every page of the board, by name, with its budget of queries as owner."""

from __future__ import annotations

from dataclasses import dataclass

from tests.board.scene import Scene

# Session, person, memberships, companies, open approvals: what the frame asks on every page.
FRAME = 5


@dataclass(frozen=True)
class Budget:
    """A page and how many queries it may take, the frame's included."""

    name: str
    queries: int


LISTS = {
    "home": "/admin/",
    "issues": "/admin/issues/issue/",
    "agents": "/admin/companies/agent/",
    "org": "/admin/org/",
    "projects": "/admin/companies/project/",
    "goals": "/admin/companies/goal/",
    "runs": "/admin/heartbeat/run/",
    "activity": "/admin/companies/activity/",
    "approvals": "/admin/governance/approval/",
    "companies": "/admin/companies/company/",
    "runners": "/admin/heartbeat/runner/",
    "home/attention": "/admin/home/attention/",
    "home/live": "/admin/home/live/",
    "home/figures": "/admin/home/figures/",
    "home/activity": "/admin/home/activity/",
}


def rows(scene: Scene) -> dict[str, str]:
    """Return the pages of single rows."""
    return {
        "issue": f"/admin/issues/issue/{scene.issue.pk}/change/",
        "agent": f"/admin/companies/agent/{scene.backend.pk}/change/",
        "run": f"/admin/heartbeat/run/{scene.running.pk}/change/",
        "run that was retried": f"/admin/heartbeat/run/{scene.retried.pk}/change/",
        "run head": f"/admin/heartbeat/run/{scene.running.pk}/part/head/",
        "run events": f"/admin/heartbeat/run/{scene.running.pk}/part/events/",
        "project": f"/admin/companies/project/{scene.project.pk}/change/",
        "goal": f"/admin/companies/goal/{scene.goal.pk}/change/",
        "approval": f"/admin/governance/approval/{scene.approval.pk}/change/",
        "company": f"/admin/companies/company/{scene.company.pk}/change/",
    }


def forms(scene: Scene) -> dict[str, str]:
    """Return the pages with forms."""
    return {
        "new issue": "/admin/issues/issue/add/",
        "new agent": "/admin/companies/agent/add/",
        "new project": "/admin/companies/project/add/",
        "new goal": "/admin/companies/goal/add/",
        "edit agent": f"/admin/companies/agent/{scene.backend.pk}/edit/",
        "edit project": f"/admin/companies/project/{scene.project.pk}/edit/",
        "edit goal": f"/admin/companies/goal/{scene.goal.pk}/edit/",
        "edit company": f"/admin/companies/company/{scene.company.pk}/edit/",
    }
