"""Setting which skills an agent wants (C-61)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from paperclip.companies import activity, agents, org, skills
from paperclip.companies.actors import Actor
from paperclip.companies.choices import RevisionSource, SkillSync
from paperclip.companies.models import Agent


def sync(*, agent: Agent, named: Sequence[str], mode: SkillSync, actor: Actor, now: datetime) -> Agent:
    """Make an agent want the skills `named`, or those more or fewer than before, and return it."""
    with transaction.atomic():
        org.lock(agent.company_id)
        row = Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
        config = skills.with_wanted(row.adapter_config, named, mode)
        row = agents.update(
            agent=row,
            fields={"adapter_config": config},
            actor=actor,
            now=now,
            replace_adapter_config=True,
            source=RevisionSource.SKILL_SYNC,
        )
        activity.record(
            company_id=row.company_id,
            actor=actor,
            action="agent.skills_synced",
            entity_type="agent",
            entity_id=row.id,
            details={"desiredSkills": skills.wanted(row.adapter_config), "mode": mode},
            now=now,
        )
        return row
