"""What the frame around every page asks: whose company this is, which others there are, what waits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from paperclip.companies import assets
from paperclip.companies.choices import CompanyStatus
from paperclip.core.scope import scope_of
from paperclip.governance.choices import APPROVAL_OPEN
from paperclip.governance.models import Approval

_BADGE_LIMIT = 99


def company_name(request: HttpRequest) -> str:
    """Return the name at the top of the sidebar."""
    company = scope_of(request).company
    return "Paperclip" if company is None else str(company.name)


def company_line(request: HttpRequest) -> str:
    """Return the small line under the company's name."""
    company = scope_of(request).company
    if company is None:
        return ""
    is_lively = company.status == CompanyStatus.ACTIVE
    return str(company.issue_prefix) if is_lively else f"{company.issue_prefix} · {company.status}"


def switcher(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the company switcher's entries; those with a company in their `attrs` are sent as a POST."""
    scope = scope_of(request)
    if scope.company is None:
        return []
    entries = [
        {
            "title": company.name,
            "link": "",
            "icon": "domain",
            "attrs": {
                "company": company,
                "chosen": scope.company,
                "logo": assets.page_path(company.logo_asset) if company.logo_asset else "",
            },
        }
        for company in scope.companies
    ]
    more = []
    if scope.is_instance_admin:
        more.append(("New company", "companies_company_add", "add"))
    if scope.is_instance_admin or scope.writable:
        more.append(("Import a company", "board_import", "upload"))
    return entries + [
        {"title": title, "link": reverse(f"admin:{name}"), "icon": icon} for title, name, icon in more
    ]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the sidebar, with what waits for a person beside its name."""
    scope = scope_of(request)
    home = _item("Home", "home", "index")
    if scope.company is None:
        return [{"items": [home]}]
    waiting = _open_approvals(scope.company.pk)
    badge = {"badge": waiting, "badge_variant": "warning"} if waiting else {}
    settings = [
        _item("Companies", "domain", "companies_company_changelist"),
        _item("Members", "group", "companies_member_changelist"),
        _item("API keys", "key", "companies_boardapitoken_changelist"),
        _item("Secrets", "lock", "companies_secret_changelist"),
        _item("Vaults", "shelves", "companies_secretproviderconfig_changelist"),
    ]
    if scope.may_write:
        settings.append(_item("Notifications", "notifications", "governance_notificationtarget_changelist"))
    settings.append(_item("Failure rules", "rule", "heartbeat_failurerule_changelist"))
    if scope.is_instance_admin:
        settings.append(_item("Runners", "dns", "heartbeat_runner_changelist"))
        settings.append(_item("Accounts", "manage_accounts", "companies_user_changelist"))
        settings.append(_item("Installation", "settings", "companies_instancesettings_changelist"))
    return [
        {
            "items": [
                home,
                _item("Issues", "task_alt", "issues_issue_changelist"),
                _item("Routines", "event_repeat", "routines_routine_changelist"),
                _item("Approvals", "approval", "governance_approval_changelist", **badge),
            ]
        },
        {
            "separator": True,
            "items": [
                _item("Agents", "smart_toy", "companies_agent_changelist"),
                _item("Org chart", "account_tree", "board_org"),
                _item("Skills", "school", "board_skills"),
                _item("Projects", "folder", "companies_project_changelist"),
                _item("Goals", "flag", "companies_goal_changelist"),
                _item("Labels", "label", "issues_label_changelist"),
            ],
        },
        {
            "separator": True,
            "items": [
                _item("Runs", "play_circle", "heartbeat_run_changelist"),
                _item("Sessions", "history_edu", "heartbeat_tasksession_changelist"),
                _item("Holds", "pause_circle", "issues_treehold_changelist"),
                _item("Costs", "payments", "board_costs"),
                _item("Budgets", "savings", "governance_budgetpolicy_changelist"),
                _item("Activity", "history", "companies_activity_changelist"),
                _item("Feedback", "thumbs_up_down", "issues_feedbackvote_changelist"),
            ],
        },
        {"separator": True, "items": settings},
    ]


def _item(title: str, icon: str, name: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse(f"admin:{name}"), **more}


def _open_approvals(company_id: UUID) -> int | str:
    waiting = Approval.objects.filter(company_id=company_id, status__in=APPROVAL_OPEN)
    count = waiting.order_by()[: _BADGE_LIMIT + 1].count()
    return count if count <= _BADGE_LIMIT else f"{_BADGE_LIMIT}+"
