"""Every page of the board by name, with the most queries it may take: the frame's five among them.

The frame asks for the session, the person, the memberships, the companies and the open approvals.
"""

from __future__ import annotations

from tests.board.scene import Scene

LISTS = {
    "home": ("/admin/", 39),
    "issues": ("/admin/issues/issue/", 27),
    "agents": ("/admin/companies/agent/", 10),
    "org": ("/admin/org/", 6),
    "projects": ("/admin/companies/project/", 9),
    "goals": ("/admin/companies/goal/", 7),
    "runs": ("/admin/heartbeat/run/", 9),
    "activity": ("/admin/companies/activity/", 12),
    "approvals": ("/admin/governance/approval/", 7),
    "companies": ("/admin/companies/company/", 10),
    "failure rules": ("/admin/heartbeat/failurerule/", 7),
    "home, what needs you": ("/admin/home/attention/", 27),
    "home, live": ("/admin/home/live/", 5),
    "home, figures": ("/admin/home/figures/", 9),
    "home, activity": ("/admin/home/activity/", 9),
}
# For whoever runs the installation, or at least the company.
OPERATOR_LISTS = {
    "runners": ("/admin/heartbeat/runner/", 9),
    "notifications": ("/admin/governance/notificationtarget/", 7),
}


def pages(scene: Scene) -> dict[str, tuple[str, int]]:
    """Return the pages of single rows."""
    return {
        "issue": (f"/admin/issues/issue/{scene.issue.pk}/change/", 32),
        "agent": (f"/admin/companies/agent/{scene.backend.pk}/change/", 22),
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
        "new notification": ("/admin/governance/notificationtarget/add/", 6),
        "new failure rule": ("/admin/heartbeat/failurerule/add/", 6),
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
        "issue, delete a file": f"/admin/issues/issue/{scene.issue.pk}/do/detach/",
        "issue, judge a result": f"/admin/issues/issue/{scene.issue.pk}/do/review/",
        "issue, say yes": f"/admin/issues/issue/{scene.issue.pk}/do/accept/",
        "issue, say no": f"/admin/issues/issue/{scene.issue.pk}/do/reject/",
        "issue, answer": f"/admin/issues/issue/{scene.issue.pk}/do/answer/",
        "issue, put away": f"/admin/issues/issue/{scene.issue.pk}/do/put-away/",
        "issue, approve": f"/admin/issues/issue/{scene.issue.pk}/do/approve/",
        "issue, request changes": f"/admin/issues/issue/{scene.issue.pk}/do/request-changes/",
        "issue, check the monitor": f"/admin/issues/issue/{scene.issue.pk}/do/check-monitor/",
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
        "company, drain": f"/admin/companies/company/{scene.company.pk}/do/drain/",
        "company, undrain": f"/admin/companies/company/{scene.company.pk}/do/undrain/",
    }


PAGE_NAMES = (
    "issue", "agent", "run", "run that was retried", "run, head", "run, events", "project", "goal",
    "approval", "company",
)  # fmt: skip
FORM_NAMES = (
    "new issue", "new agent", "new project", "new goal", "new notification", "new failure rule",
    "edit agent", "edit project", "edit goal",
    "edit company",
)  # fmt: skip
DEED_NAMES = (
    "issue, change", "issue, comment", "issue, delete a file", "issue, judge a result",
    "issue, say yes", "issue, say no", "issue, answer", "issue, put away", "issue, approve",
    "issue, request changes", "issue, check the monitor",
    "agent, pause", "agent, resume", "agent, approve", "agent, terminate",
    "agent, new key", "agent, revoke key", "agent, roll back", "agent, wake", "run, cancel",
    "approval, approve",
    "approval, reject", "approval, send back", "company, pause", "company, resume", "company, archive",
    "company, drain", "company, undrain",
)  # fmt: skip
