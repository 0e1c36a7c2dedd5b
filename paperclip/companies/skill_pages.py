"""The pages of skills: what there is, what each says, and who is given which."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from paperclip.companies import auth, rights, skill_sync, skills
from paperclip.companies.choices import AgentStatus, SkillSync
from paperclip.companies.models import Agent
from paperclip.companies.skills import Skill
from paperclip.core import clock, naming
from paperclip.core.admin import Crumb
from paperclip.core.errors import Refusal
from paperclip.core.forms import sentence
from paperclip.core.scope import scope_of


def urls(site: Any) -> list[URLPattern]:
    """Return the addresses of the pages, for the board's site."""

    def page(view: Any) -> Any:
        return site.admin_view(lambda request, **words: view(request, site, **words))

    return [
        path("skills/", page(list_page), name="board_skills"),
        path("skills/<slug:slug>/", page(skill_page), name="board_skill"),
    ]


def list_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the product's skills, and how many agents are given each."""
    if scope_of(request).company is None:
        return redirect("admin:index")
    agents = _agents(request)
    rows = [
        {"skill": skill, "slug": naming.slug(skill.name), "count": len(_given(skill, agents))}
        for skill in skills.catalogue()
    ]
    return _page(request, site, "companies/skill_list.html", "Skills", [], rows=rows)


def skill_page(request: HttpRequest, site: AdminSite, slug: str) -> HttpResponse:
    """Show what a skill says and who is given it; a post says who is, from now on."""
    skill = next((each for each in skills.catalogue() if naming.slug(each.name) == slug), None)
    if skill is None or scope_of(request).company is None:
        raise Http404("There is no such skill.")
    agents = _agents(request)
    if request.method == "POST":
        return _give(request, skill, agents)
    scope = scope_of(request)
    context = {
        "skill": skill,
        "text": skills.body_of(skill),
        "agents": [(agent, agent in _given(skill, agents)) for agent in agents],
        "may_give": scope.may_write and auth.may_manage_agents(scope.actor, scope.chosen.pk),
    }
    crumbs = [Crumb("Skills", reverse("admin:board_skills"))]
    return _page(request, site, "companies/skill_page.html", skill.name, crumbs, **context)


def _give(request: HttpRequest, skill: Skill, agents: list[Agent]) -> HttpResponse:
    scope = scope_of(request)
    if not scope.may_write:
        raise PermissionDenied
    wanted = set(request.POST.getlist("agent"))
    had = set(_given(skill, agents))
    changed = [agent for agent in agents if (str(agent.pk) in wanted) != (agent in had)]
    try:
        rights.require_agent_manager(scope.actor, scope.chosen.pk)
        for agent in changed:
            mode = SkillSync.ADD if str(agent.pk) in wanted else SkillSync.REMOVE
            skill_sync.sync(agent=agent, named=[skill.key], mode=mode, actor=scope.actor, now=clock.now())
    except Refusal as refusal:
        messages.error(request, sentence(refusal))
    else:
        words = ", ".join(agent.name for agent in changed)
        messages.success(request, f"Saved: {words}." if words else "Nothing was changed.")
    return HttpResponseRedirect(request.path)


def _agents(request: HttpRequest) -> list[Agent]:
    rows = Agent.objects.filter(company=scope_of(request).chosen).exclude(status=AgentStatus.TERMINATED)
    return list(
        rows.order_by("name", "id").only(
            "id", "company_id", "name", "status", "adapter_type", "adapter_config"
        )
    )


def _given(skill: Skill, agents: list[Agent]) -> list[Agent]:
    return [
        agent for agent in agents if skill.is_required or skill.key in skills.wanted(agent.adapter_config)
    ]


def _page(
    request: HttpRequest, site: AdminSite, template: str, title: str, crumbs: list[Crumb], **context: Any
) -> HttpResponse:
    request.current_app = site.name  # type: ignore[attr-defined]
    shown = {**site.each_context(request), "title": title, "crumbs": crumbs, **context}
    return TemplateResponse(request, template, shown)
