"""Every page of the board by name, with the most queries it may take: the frame's five among them.

The frame asks for the session, the person, the memberships, the companies and the open approvals.
"""

from __future__ import annotations

from tests.board.scene import Scene

LISTS = {
    "home": ("/admin/", 25),
    "issues": ("/admin/issues/issue/", 17),
    "agents": ("/admin/companies/agent/", 10),
    "org": ("/admin/org/", 6),
    "projects": ("/admin/companies/project/", 9),
    "goals": ("/admin/companies/goal/", 7),
    "runs": ("/admin/heartbeat/run/", 9),
    "activity": ("/admin/companies/activity/", 12),
    "approvals": ("/admin/governance/approval/", 7),
    "companies": ("/admin/companies/company/", 10),
    "home, what needs you": ("/admin/home/attention/", 13),
    "home, live": ("/admin/home/live/", 5),
    "home, figures": ("/admin/home/figures/", 9),
    "home, activity": ("/admin/home/activity/", 9),
}
# For whoever runs the installation.
OPERATOR_LISTS = {"runners": ("/admin/heartbeat/runner/", 8)}


def pages(scene: Scene) -> dict[str, tuple[str, int]]:
    """Return the pages of single rows."""
    return {
        "issue": (f"/admin/issues/issue/{scene.issue.pk}/change/", 22),
        "agent": (f"/admin/companies/agent/{scene.backend.pk}/change/", 19),
        "run": (f"/admin/heartbeat/run/{scene.running.pk}/change/", 11),
        "run that was retried": (f"/admin/heartbeat/run/{scene.retried.pk}/change/", 12),
        "run, head": (f"/admin/heartbeat/run/{scene.running.pk}/part/head/", 6),
        "run, events": (f"/admin/heartbeat/run/{scene.running.pk}/part/events/", 6),
        "project": (f"/admin/companies/project/{scene.project.pk}/change/", 9),
        "goal": (f"/admin/companies/goal/{scene.goal.pk}/change/", 9),
        "approval": (f"/admin/governance/approval/{scene.approval.pk}/change/", 7),
        "company": (f"/admin/companies/company/{scene.company.pk}/change/", 11),
    }


def forms(scene: Scene) -> dict[str, tuple[str, int]]:
    """Return the pages with forms, which need the right to write."""
    return {
        "new issue": ("/admin/issues/issue/add/", 9),
        "new agent": ("/admin/companies/agent/add/", 6),
        "new project": ("/admin/companies/project/add/", 7),
        "new goal": ("/admin/companies/goal/add/", 7),
        "edit agent": (f"/admin/companies/agent/{scene.backend.pk}/edit/", 7),
        "edit project": (f"/admin/companies/project/{scene.project.pk}/edit/", 11),
        "edit goal": (f"/admin/companies/goal/{scene.goal.pk}/edit/", 8),
        "edit company": (f"/admin/companies/company/{scene.company.pk}/edit/", 6),
    }


def deeds(scene: Scene) -> dict[str, str]:
    """Return everything that can be done with a click."""
    return {
        "issue, change": f"/admin/issues/issue/{scene.issue.pk}/do/update/",
        "issue, comment": f"/admin/issues/issue/{scene.issue.pk}/do/comment/",
        "agent, pause": f"/admin/companies/agent/{scene.backend.pk}/do/pause/",
        "agent, resume": f"/admin/companies/agent/{scene.backend.pk}/do/resume/",
        "agent, approve": f"/admin/companies/agent/{scene.backend.pk}/do/approve/",
        "agent, terminate": f"/admin/companies/agent/{scene.backend.pk}/do/terminate/",
        "agent, new key": f"/admin/companies/agent/{scene.backend.pk}/do/key/",
        "agent, revoke key": f"/admin/companies/agent/{scene.backend.pk}/do/revoke-key/",
        "agent, roll back": f"/admin/companies/agent/{scene.backend.pk}/do/roll-back/",
        "agent, wake": f"/admin/heartbeat/run/wake/{scene.backend.pk}/",
        "run, cancel": f"/admin/heartbeat/run/{scene.running.pk}/do/cancel/",
        "approval, approve": f"/admin/governance/approval/{scene.approval.pk}/do/approve/",
        "approval, reject": f"/admin/governance/approval/{scene.approval.pk}/do/reject/",
        "approval, send back": f"/admin/governance/approval/{scene.approval.pk}/do/send-back/",
        "company, pause": f"/admin/companies/company/{scene.company.pk}/do/pause/",
        "company, resume": f"/admin/companies/company/{scene.company.pk}/do/resume/",
        "company, archive": f"/admin/companies/company/{scene.company.pk}/do/archive/",
    }


PAGE_NAMES = (
    "issue", "agent", "run", "run that was retried", "run, head", "run, events", "project", "goal",
    "approval", "company",
)  # fmt: skip
FORM_NAMES = (
    "new issue", "new agent", "new project", "new goal", "edit agent", "edit project", "edit goal",
    "edit company",
)  # fmt: skip
DEED_NAMES = (
    "issue, change", "issue, comment", "agent, pause", "agent, resume", "agent, approve", "agent, terminate",
    "agent, new key", "agent, revoke key", "agent, roll back", "agent, wake", "run, cancel",
    "approval, approve",
    "approval, reject", "approval, send back", "company, pause", "company, resume", "company, archive",
)  # fmt: skip
