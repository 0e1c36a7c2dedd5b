"""The skills that go along: named, or with their texts."""

from __future__ import annotations

from collections.abc import Sequence

from paperclip.companies import skills
from paperclip.core import naming
from paperclip.portability import writing
from paperclip.portability.choices import Part
from paperclip.portability.shapes import AgentPart, SkillPart
from paperclip.portability.taking.desk import Desk


def parts(desk: Desk, agents: Sequence[AgentPart]) -> tuple[SkillPart, ...]:
    """Return the skills that are wanted, of those that come with the product."""
    if not desk.wants(Part.SKILLS, desk.wish.skills) and not desk.wish.expand_skills:
        return ()
    wanted = {name for agent in agents for name in agent.skills}
    named = {name.strip().lower() for name in desk.wish.skills}
    found = [
        skill
        for skill in skills.catalogue()
        if (skill.key.lower() in named or skill.name.lower() in named if named else True)
        and (Part.SKILLS in desk.wish.parts or skill.key in wanted or named)
    ]
    return tuple(
        SkillPart(
            slug=naming.slug(skill.name),
            key=skill.key,
            name=skill.name,
            path=writing.skill_path(naming.slug(skill.name)),
            description=skill.description,
            text=skill.path.read_text() if desk.wish.expand_skills else "",
        )
        for skill in found
    )
