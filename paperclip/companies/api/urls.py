from __future__ import annotations

from django.urls import URLPattern, path

from paperclip.companies.api import (
    activity,
    agent_configs,
    agents,
    assets,
    board_tokens,
    companies,
    credentials,
    dashboard,
    goals,
    health,
    identity,
    keys,
    members,
    projects,
)

__all__ = ["credentials", "urlpatterns"]  # the first is found by being imported

_COMPANY = "companies/<str:company_id>"
_AGENT = "agents/<str:agent_ref>"

urlpatterns: list[URLPattern] = [
    path("health", health.Health.as_view()),
    path("cli-auth/me", identity.CliMe.as_view()),
    path("cli-auth/revoke-current", identity.CliRevokeCurrent.as_view()),
    path("auth/get-session", identity.GetSession.as_view()),
    path("auth/profile", identity.Profile.as_view()),
    path("board-api-keys", board_tokens.BoardTokenList.as_view()),
    path("board-api-keys/<str:token_id>", board_tokens.BoardTokenDetail.as_view()),
    path("companies", companies.CompanyList.as_view()),
    path("companies/stats", companies.CompanyStats.as_view()),
    path("companies/issues", companies.MissingCompany.as_view()),
    path(_COMPANY, companies.CompanyDetail.as_view()),
    path(f"{_COMPANY}/branding", companies.CompanyBranding.as_view()),
    path(f"{_COMPANY}/archive", companies.CompanyArchive.as_view()),
    path(f"{_COMPANY}/assets/images", assets.CompanyImages.as_view()),
    path(f"{_COMPANY}/logo", assets.CompanyLogoUpload.as_view()),
    path("assets/<str:asset_id>/content", assets.AssetContent.as_view()),
    path(f"{_COMPANY}/drain", companies.CompanyDrain.as_view()),
    path(f"{_COMPANY}/undrain", companies.CompanyUndrain.as_view()),
    path(f"{_COMPANY}/members", members.MemberList.as_view()),
    path(f"{_COMPANY}/user-directory", members.UserDirectory.as_view()),
    path(f"{_COMPANY}/members/<str:member_id>", members.MemberDetail.as_view()),
    path(f"{_COMPANY}/members/<str:member_id>/role-and-grants", members.MemberAccess.as_view()),
    path(f"{_COMPANY}/members/<str:member_id>/permissions", members.MemberPermissions.as_view()),
    path(f"{_COMPANY}/agents", agents.AgentList.as_view()),
    path(f"{_COMPANY}/org", agents.OrgTree.as_view()),
    path(f"{_COMPANY}/agent-configurations", agent_configs.ConfigurationList.as_view()),
    path(f"{_COMPANY}/projects", projects.ProjectList.as_view()),
    path(f"{_COMPANY}/goals", goals.GoalList.as_view()),
    path(f"{_COMPANY}/activity", activity.ActivityList.as_view()),
    path(f"{_COMPANY}/dashboard", dashboard.Dashboard.as_view()),
    path(f"{_COMPANY}/sidebar-badges", dashboard.SidebarBadges.as_view()),
    path("agents/me", agents.AgentMe.as_view()),
    path(_AGENT, agents.AgentDetail.as_view()),
    path(f"{_AGENT}/permissions", agents.AgentPermissions.as_view()),
    path(f"{_AGENT}/pause", agents.AgentPause.as_view()),
    path(f"{_AGENT}/resume", agents.AgentResume.as_view()),
    path(f"{_AGENT}/approve", agents.AgentApprove.as_view()),
    path(f"{_AGENT}/terminate", agents.AgentTerminate.as_view()),
    path(f"{_AGENT}/configuration", agent_configs.Configuration.as_view()),
    path(f"{_AGENT}/config-revisions", agent_configs.RevisionList.as_view()),
    path(f"{_AGENT}/config-revisions/<str:revision_id>", agent_configs.RevisionDetail.as_view()),
    path(f"{_AGENT}/config-revisions/<str:revision_id>/rollback", agent_configs.RevisionRollback.as_view()),
    path(f"{_AGENT}/keys", keys.KeyList.as_view()),
    path(f"{_AGENT}/keys/<str:key_id>", keys.KeyDetail.as_view()),
    path("projects/<str:project_ref>", projects.ProjectDetail.as_view()),
    path("goals/<str:goal_id>", goals.GoalDetail.as_view()),
]
