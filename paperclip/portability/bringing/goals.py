"""Goals, parents first, and labels."""

from __future__ import annotations

from issues import labels
from issues.models import Label
from paperclip.companies import goals
from paperclip.companies.models import Company, Goal
from paperclip.portability.bringing.desk import Desk
from paperclip.portability.choices import Action
from paperclip.portability.planning import in_order


def make(desk: Desk, company: Company) -> None:
    """Make the goals that are not there yet."""
    ids = desk.ids["goals"]
    steps = {step.slug: step for step in desk.plan.goals}
    parts = {part.slug: part for part in desk.package.goals}
    places = {slug: place for place, slug in enumerate(parts)}
    for slug in in_order({part.slug: [part.parent] if part.parent else [] for part in desk.package.goals}):
        step, part = steps.get(slug), parts[slug]
        if step is None:
            continue
        if step.existing_id is not None:
            ids[slug] = step.existing_id
            continue
        fields = {
            "title": part.title,
            "description": part.description,
            "level": part.level,
            "status": part.status,
            "parent_id": ids.get(part.parent) if part.parent else None,
        }
        ids[slug] = goals.create(
            company=company, fields=fields, actor=desk.actor, now=desk.at(places[slug])
        ).pk


def say_whose(desk: Desk) -> None:
    """Say whose the new goals are, now that the agents exist."""
    made = {step.slug for step in desk.plan.goals if step.action == Action.CREATE}
    for part in desk.package.goals:
        owner = desk.agent_id(part.owner)
        if part.slug in made and owner is not None:
            Goal.objects.filter(pk=desk.ids["goals"][part.slug]).update(owner_agent=owner)


def make_labels(desk: Desk, company: Company) -> None:
    """Make the labels that the issues need and the company lacks."""
    if not desk.plan.issues:
        return
    desk.label_ids = dict(Label.objects.filter(company=company).values_list("name", "pk"))
    for name, color in desk.package.labels.items():
        if name not in desk.label_ids:
            label = labels.create(
                company_id=company.pk, name=name, color=color, actor=desk.actor, now=desk.now
            )
            desk.label_ids[name] = label.pk
