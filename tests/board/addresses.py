"""Every page of the board by name, with the most queries it may take: the frame's five among them.

The frame asks for the session, the person, the memberships, the companies and the open approvals.
"""

from __future__ import annotations

from uuid import UUID

from issues.models import IssueDocument, Label
from tests.board.scene import Scene

LISTS = {
    "home": ("/admin/", 40),
    "issues": ("/admin/issues/issue/", 25),
    "routines": ("/admin/routines/routine/", 11),
    "routine calendar": ("/admin/routines/routine/calendar/", 6),
    "agents": ("/admin/companies/agent/", 10),
    "org": ("/admin/org/", 6),
    "projects": ("/admin/companies/project/", 9),
    "goals": ("/admin/companies/goal/", 7),
    "runs": ("/admin/heartbeat/run/", 9),
    "sessions": ("/admin/heartbeat/tasksession/", 10),
    "holds": ("/admin/issues/treehold/", 8),
    "activity": ("/admin/companies/activity/", 13),
    "costs": ("/admin/costs/", 11),
    "budgets": ("/admin/governance/budgetpolicy/", 8),
    "labels": ("/admin/issues/label/", 8),
    "secrets": ("/admin/companies/secret/", 7),
    "vaults": ("/admin/companies/secretproviderconfig/", 7),
    "feedback": ("/admin/issues/feedbackvote/", 8),
    "skills": ("/admin/skills/", 6),
    "approvals": ("/admin/governance/approval/", 7),
    "companies": ("/admin/companies/company/", 10),
    "members": ("/admin/companies/member/", 10),
    "API keys": ("/admin/companies/boardapitoken/", 7),
    "failure rules": ("/admin/heartbeat/failurerule/", 7),
    "home, what needs you": ("/admin/home/attention/", 28),
    "home, live": ("/admin/home/live/", 5),
    "home, figures": ("/admin/home/figures/", 8),
    "home, activity": ("/admin/home/activity/", 10),
}
# For whoever runs the installation, or at least the company.
OPERATOR_LISTS = {
    "runners": ("/admin/heartbeat/runner/", 9),
    "invites": ("/admin/companies/invite/", 9),
    "join requests": ("/admin/companies/joinrequest/", 9),
    "accounts": ("/admin/companies/user/", 8),
    "installation": ("/admin/companies/instancesettings/", 7),
    "notifications": ("/admin/governance/notificationtarget/", 7),
}


def pages(scene: Scene) -> dict[str, tuple[str, int]]:
    """Return the pages of single rows."""
    return {
        "issue": (f"/admin/issues/issue/{scene.issue.pk}/change/", 31),
        "agent": (f"/admin/companies/agent/{scene.backend.pk}/change/", 25),
        "run": (f"/admin/heartbeat/run/{scene.running.pk}/change/", 11),
        "run that was retried": (f"/admin/heartbeat/run/{scene.retried.pk}/change/", 12),
        "issue, head": (f"/admin/issues/issue/{scene.issue.pk}/part/head/", 11),
        "issue, thread": (f"/admin/issues/issue/{scene.issue.pk}/part/thread/", 6),
        "run, head": (f"/admin/heartbeat/run/{scene.running.pk}/part/head/", 6),
        "run, events": (f"/admin/heartbeat/run/{scene.running.pk}/part/events/", 6),
        "session": (f"/admin/heartbeat/tasksession/{scene.session.pk}/change/", 10),
        "project": (f"/admin/companies/project/{scene.project.pk}/change/", 10),
        "goal": (f"/admin/companies/goal/{scene.goal.pk}/change/", 9),
        "label": (f"/admin/issues/label/{_label(scene)}/change/", 9),
        "document": (f"/admin/issues/issuedocument/{_document(scene)}/change/", 9),
        "secret": (f"/admin/companies/secret/{scene.secret.pk}/change/", 12),
        "vault": (f"/admin/companies/secretproviderconfig/{scene.vault.pk}/change/", 8),
        "approval": (f"/admin/governance/approval/{scene.approval.pk}/change/", 8),
        "company": (f"/admin/companies/company/{scene.company.pk}/change/", 11),
        "member": (f"/admin/companies/member/{_member(scene)}/change/", 13),
        "budget": (f"/admin/governance/budgetpolicy/{scene.budget.pk}/change/", 7),
        "routine": (f"/admin/routines/routine/{scene.routine.pk}/change/", 18),
        "routine history": (f"/admin/routines/routinerun/{_run(scene)}/change/", 8),
        "routine revision": (f"/admin/routines/routine/{scene.routine.pk}/revision/2/", 14),
        "routine, preview": (
            f"/admin/routines/routine/{scene.routine.pk}/preview/?cron_expression=0+9+*+*+*",
            6,
        ),
    }


def forms(scene: Scene) -> dict[str, tuple[str, int]]:
    """Return the pages with forms, which need the right to write."""
    return {
        "new issue": ("/admin/issues/issue/add/", 9),
        "new routine": ("/admin/routines/routine/add/", 9),
        "edit routine": (f"/admin/routines/routine/{scene.routine.pk}/edit/", 9),
        "run routine": (f"/admin/routines/routine/{scene.routine.pk}/run/", 8),
        "new schedule": (f"/admin/routines/routine/{scene.routine.pk}/trigger/add/schedule/", 6),
        "new webhook": (f"/admin/routines/routine/{scene.routine.pk}/trigger/add/webhook/", 6),
        "new API trigger": (f"/admin/routines/routine/{scene.routine.pk}/trigger/add/api/", 6),
        "edit schedule": (f"/admin/routines/routine/{scene.routine.pk}/trigger/{_schedule(scene)}/", 7),
        "new agent": ("/admin/companies/agent/add/", 7),
        "new project": ("/admin/companies/project/add/", 8),
        "new goal": ("/admin/companies/goal/add/", 7),
        "new label": ("/admin/issues/label/add/", 6),
        "new secret": ("/admin/companies/secret/add/", 6),
        "edit secret": (f"/admin/companies/secret/{scene.secret.pk}/edit/", 6),
        "new vault": ("/admin/companies/secretproviderconfig/add/", 6),
        "edit vault": (f"/admin/companies/secretproviderconfig/{scene.vault.pk}/edit/", 7),
        "edit instructions": (f"/admin/companies/agent/{scene.backend.pk}/instructions/", 8),
        "new budget": ("/admin/governance/budgetpolicy/add/", 7),
        "edit budget": (f"/admin/governance/budgetpolicy/{scene.budget.pk}/edit/", 6),
        "new notification": ("/admin/governance/notificationtarget/add/", 6),
        "new failure rule": ("/admin/heartbeat/failurerule/add/", 6),
        "order, pause": (f"/admin/issues/issue/{scene.issue.pk}/order/pause/", 12),
        "order, resume": (f"/admin/issues/issue/{scene.hold.root_issue_id}/order/resume/", 13),
        "order, cancel": (f"/admin/issues/issue/{scene.issue.pk}/order/cancel/", 12),
        "order, restore": (f"/admin/issues/issue/{scene.issue.pk}/order/restore/", 12),
        "export": (f"/admin/export/{scene.company.pk}/", 22),
        "import": ("/admin/import/", 6),
        "edit agent": (f"/admin/companies/agent/{scene.backend.pk}/edit/", 8),
        "edit project": (f"/admin/companies/project/{scene.project.pk}/edit/", 11),
        "edit goal": (f"/admin/companies/goal/{scene.goal.pk}/edit/", 8),
        "edit company": (f"/admin/companies/company/{scene.company.pk}/edit/", 6),
        "edit member": (f"/admin/companies/member/{_member(scene)}/edit/", 9),
        "new invite": ("/admin/companies/invite/add/", 7),
    }


def deeds(scene: Scene) -> dict[str, str]:
    """Return everything that can be done with a click."""
    return {
        "issue, change": f"/admin/issues/issue/{scene.issue.pk}/do/update/",
        "issue, comment": f"/admin/issues/issue/{scene.issue.pk}/do/comment/",
        "issue, delete a file": f"/admin/issues/issue/{scene.issue.pk}/do/detach/",
        "issue, feedback": f"/admin/issues/issue/{scene.issue.pk}/do/judge/",
        "issue, judge a result": f"/admin/issues/issue/{scene.issue.pk}/do/review/",
        "issue, say yes": f"/admin/issues/issue/{scene.issue.pk}/do/accept/",
        "issue, say no": f"/admin/issues/issue/{scene.issue.pk}/do/reject/",
        "issue, answer": f"/admin/issues/issue/{scene.issue.pk}/do/answer/",
        "issue, put away": f"/admin/issues/issue/{scene.issue.pk}/do/put-away/",
        "issue, approve": f"/admin/issues/issue/{scene.issue.pk}/do/approve/",
        "issue, request changes": f"/admin/issues/issue/{scene.issue.pk}/do/request-changes/",
        "issue, check the monitor": f"/admin/issues/issue/{scene.issue.pk}/do/check-monitor/",
        **{
            f"routine, {deed}": f"/admin/routines/routine/{scene.routine.pk}/do/{deed}/"
            for deed in ROUTINE_DEEDS
        },
        "label, delete": f"/admin/issues/label/{_label(scene)}/do/delete/",
        "document, write": f"/admin/issues/issuedocument/{_document(scene)}/do/write/",
        "document, restore": f"/admin/issues/issuedocument/{_document(scene)}/do/restore/",
        "hold, end": f"/admin/issues/treehold/{scene.hold.pk}/do/release/",
        "session, forget": f"/admin/heartbeat/tasksession/{scene.session.pk}/do/reset/",
        "agent, pause": f"/admin/companies/agent/{scene.backend.pk}/do/pause/",
        "agent, resume": f"/admin/companies/agent/{scene.backend.pk}/do/resume/",
        "agent, approve": f"/admin/companies/agent/{scene.backend.pk}/do/approve/",
        "agent, terminate": f"/admin/companies/agent/{scene.backend.pk}/do/terminate/",
        "agent, new key": f"/admin/companies/agent/{scene.backend.pk}/do/key/",
        "agent, revoke key": f"/admin/companies/agent/{scene.backend.pk}/do/revoke-key/",
        "agent, roll back": f"/admin/companies/agent/{scene.backend.pk}/do/roll-back/",
        "agent, skills": f"/admin/companies/agent/{scene.backend.pk}/do/skills/",
        "agent, delete a file": f"/admin/companies/agent/{scene.backend.pk}/do/delete-file/",
        "agent, wake": f"/admin/heartbeat/run/wake/{scene.backend.pk}/",
        "run, cancel": f"/admin/heartbeat/run/{scene.running.pk}/do/cancel/",
        "secret, rotate": f"/admin/companies/secret/{scene.secret.pk}/do/rotate/",
        "secret, disable": f"/admin/companies/secret/{scene.secret.pk}/do/disable/",
        "secret, enable": f"/admin/companies/secret/{scene.secret.pk}/do/enable/",
        "secret, archive": f"/admin/companies/secret/{scene.secret.pk}/do/archive/",
        "secret, delete": f"/admin/companies/secret/{scene.secret.pk}/do/destroy/",
        "secret, destroy version": f"/admin/companies/secret/{scene.secret.pk}/do/destroy-version/",
        "vault, try": f"/admin/companies/secretproviderconfig/{scene.vault.pk}/do/check/",
        "vault, default": f"/admin/companies/secretproviderconfig/{scene.vault.pk}/do/default/",
        "vault, disable": f"/admin/companies/secretproviderconfig/{scene.vault.pk}/do/disable/",
        "vault, enable": f"/admin/companies/secretproviderconfig/{scene.vault.pk}/do/enable/",
        "vault, look": f"/admin/companies/secretproviderconfig/{scene.vault.pk}/do/look/",
        "vault, link": f"/admin/companies/secretproviderconfig/{scene.vault.pk}/do/link/",
        "approval, approve": f"/admin/governance/approval/{scene.approval.pk}/do/approve/",
        "approval, reject": f"/admin/governance/approval/{scene.approval.pk}/do/reject/",
        "approval, send back": f"/admin/governance/approval/{scene.approval.pk}/do/send-back/",
        "approval, comment": f"/admin/governance/approval/{scene.approval.pk}/do/comment/",
        "budget, raise": f"/admin/governance/budgetpolicy/{scene.budget.pk}/do/raise/",
        "budget, keep paused": f"/admin/governance/budgetpolicy/{scene.budget.pk}/do/keep/",
        "budget, switch off": f"/admin/governance/budgetpolicy/{scene.budget.pk}/do/switch-off/",
        "company, pause": f"/admin/companies/company/{scene.company.pk}/do/pause/",
        "company, resume": f"/admin/companies/company/{scene.company.pk}/do/resume/",
        "company, archive": f"/admin/companies/company/{scene.company.pk}/do/archive/",
        "company, logo": f"/admin/companies/company/{scene.company.pk}/do/logo/",
        "company, remove logo": f"/admin/companies/company/{scene.company.pk}/do/remove-logo/",
        "company, drain": f"/admin/companies/company/{scene.company.pk}/do/drain/",
        "company, undrain": f"/admin/companies/company/{scene.company.pk}/do/undrain/",
        "member, suspend": f"/admin/companies/member/{_member(scene)}/do/suspend/",
        "member, restore": f"/admin/companies/member/{_member(scene)}/do/restore/",
        "member, remove": f"/admin/companies/member/{_member(scene)}/do/archive/",
        "member, role": f"/admin/companies/member/{_member(scene)}/do/role-grants/",
    }


ROUTINE_DEEDS = (
    "update", "pause", "resume", "archive", "run", "switch-on", "switch-off", "delete-trigger", "rotate", "restore",
)  # fmt: skip


def _schedule(scene: Scene) -> UUID:
    return scene.routine.triggers.get(kind="schedule").pk


def _run(scene: Scene) -> UUID:
    return scene.routine.runs.latest("created_at").pk


def _label(scene: Scene) -> UUID:
    return Label.objects.filter(company=scene.company).earliest("name").pk


def _document(scene: Scene) -> UUID:
    return IssueDocument.objects.get(issue=scene.issue).pk


def _member(scene: Scene) -> UUID:
    """Return the id of the owner's place in the company."""
    return scene.company.members.get(principal_id=scene.owner.pk).pk


PAGE_NAMES = (
    "routine", "routine history", "routine revision", "routine, preview",
    "issue", "issue, head", "issue, thread",
    "label", "document", "agent", "run", "run that was retried", "run, head", "run, events", "session", "project",
    "goal",
    "approval", "budget", "company", "secret", "vault",
    "member",
)  # fmt: skip
FORM_NAMES = (
    "new routine", "edit routine", "run routine", "new schedule", "new webhook", "new API trigger", "edit schedule",
    "new issue", "new label", "new agent", "new project", "new goal", "new budget", "edit budget",
    "new notification", "new failure rule",
    "order, pause", "order, resume", "order, cancel", "order, restore", "export", "import",
    "edit agent", "edit project", "edit goal",
    "edit company", "new secret", "edit secret", "new vault", "edit vault", "edit instructions",
    "edit member", "new invite",
)  # fmt: skip
DEED_NAMES = (
    *(f"routine, {deed}" for deed in ROUTINE_DEEDS),
    "label, delete", "document, write", "document, restore",
    "issue, change", "issue, comment", "issue, delete a file", "issue, judge a result",
    "issue, say yes", "issue, say no", "issue, answer", "issue, put away", "issue, approve",
    "issue, request changes", "issue, check the monitor",
    "hold, end", "session, forget", "agent, pause", "agent, resume", "agent, approve", "agent, terminate",
    "agent, new key", "agent, revoke key", "agent, roll back", "agent, wake", "run, cancel",
    "approval, approve",
    "approval, comment", "budget, raise", "budget, keep paused", "budget, switch off",
    "approval, reject", "approval, send back", "company, pause", "company, resume", "company, archive",
    "company, drain", "company, undrain",
    "member, suspend", "member, restore", "member, remove", "member, role",
    "secret, rotate", "secret, disable", "secret, enable", "secret, archive", "secret, delete",
    "secret, destroy version", "vault, try", "vault, default", "vault, disable", "vault, enable", "vault, look",
    "vault, link", "company, logo", "company, remove logo", "agent, skills", "agent, delete a file",
    "issue, feedback",
)  # fmt: skip
