"""Words of the portability floor."""

from __future__ import annotations

from django.db import models


class Part(models.TextChoices):
    """What of a company a package may hold (C-106)."""

    COMPANY = "company"  # its name, look, limits and goals
    AGENTS = "agents"
    PROJECTS = "projects"
    ISSUES = "issues"  # with their labels, and the routines that make more of them
    SKILLS = "skills"


DEFAULT_PARTS = (Part.COMPANY, Part.AGENTS)


class Collision(models.TextChoices):
    """What becomes of a thing whose name is taken in the company it is imported into (C-107)."""

    RENAME = "rename"  # it comes under another name
    SKIP = "skip"  # what is there stays as it is
    REPLACE = "replace"  # what is there becomes what the package says


class TargetMode(models.TextChoices):
    NEW_COMPANY = "new_company"
    EXISTING_COMPANY = "existing_company"


class Action(models.TextChoices):
    """What an import is going to do with one thing of the package."""

    CREATE = "create"
    UPDATE = "update"
    SKIP = "skip"


# How a result tells what a plan announced.
DONE = {Action.CREATE: "created", Action.UPDATE: "updated", Action.SKIP: "skipped"}


class InputKind(models.TextChoices):
    """What an environment variable held at home."""

    SECRET = "secret"  # noqa: S105  a kind, not a secret
    PLAIN = "plain"
