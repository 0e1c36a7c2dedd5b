"""Routines in the middle of their days, with every kind of trigger, run and outcome."""

from __future__ import annotations

from datetime import datetime, timedelta

from issues.models import Issue
from paperclip.companies.models import Agent, Company, Project, User
from routines import schedule, snapshots
from routines.models import Routine, RoutineRevision, RoutineRun, Trigger

TEXT = """Look at what {{branch}} changed since yesterday and run the whole suite.

- name each test that failed more than once
- open an issue for each of them
"""
VARIABLES = [
    {"name": "branch", "label": "Branch", "type": "text", "defaultValue": "main", "required": True, "options": []},
    {
        "name": "depth", "label": None, "type": "select", "defaultValue": "quick", "required": True,
        "options": ["quick", "thorough"],
    },
]  # fmt: skip


def build(
    person: User, agent: Agent, project: Project, *, live: Issue, done: Issue, now: datetime, size: int
) -> Routine:
    """Fill a company's routines and return the one with everything on it; its runs made `live` and `done`."""
    place = agent.company
    nightly = Routine.objects.create(
        company=place,
        title="Nightly check of {{branch}}, {{depth}}",
        description=TEXT,
        assignee_agent=agent,
        project=project,
        variables=VARIABLES,
        created_by_user=person,
        created_at=now - timedelta(days=9),
        updated_at=now,
        last_triggered_at=now - timedelta(hours=7),
    )
    nights = _trigger(
        nightly, kind="schedule", label="Every night", cron_expression="30 2 * * *", timezone="Europe/Berlin",
        next_run_at=schedule.next_after("30 2 * * *", "Europe/Berlin", now),
    )  # fmt: skip
    webhook = _trigger(
        nightly, kind="webhook", label="On push", public_id=f"{nightly.pk.hex[:24]}", signing_mode="github_hmac",
        replay_window_sec=300, last_rotated_at=now, last_fired_at=now - timedelta(hours=7),
        last_result="Folded into NWA-3, which is still being worked on",
    )  # fmt: skip
    _trigger(nightly, kind="api", label="From the build", enabled=False)
    _runs(nightly, [nights, webhook], live=live, done=done, now=now, size=size)
    for number in range(1, 2 * size + 2):
        nightly.latest_revision = RoutineRevision.objects.create(
            company=place,
            routine=nightly,
            revision_number=number,
            title=nightly.title,
            description=nightly.description,
            snapshot=snapshots.of(nightly, [nights] if number > 1 else []),
            change_summary="Created schedule trigger" if number > 1 else "Created routine",
            created_by_user=person,
            created_at=now - timedelta(days=9 - number % 9),
        )
        nightly.latest_revision_number = number
    nightly.save()
    _others(place, agent, project, now=now, size=size)
    return nightly


def _trigger(routine: Routine, **fields: object) -> Trigger:
    return Trigger.objects.create(**{"company_id": routine.company_id, "routine": routine} | fields)


def _runs(routine: Routine, by: list[Trigger], *, live: Issue, done: Issue, now: datetime, size: int) -> None:
    """One run for each night, as they end: done, failed, folded, left out."""
    kinds = [
        ("completed", None, None),
        ("coalesced", "Folded into NWA-3, which is still being worked on", "completed"),
        ("failed", "Execution issue moved to cancelled", None),
        ("skipped", "Left out: NWA-3 is still being worked on", None),
        ("issue_created", None, None),
    ]
    for night in range(9 * size):
        status, reason, outcome = kinds[-1] if night == 0 else kinds[night % 4]
        at = now - timedelta(hours=7 + 24 * night)
        by_time = night % 3 != 1
        RoutineRun.objects.create(
            company=routine.company,
            routine=routine,
            trigger=by[0] if by_time else by[1],
            source="schedule" if by_time else "webhook",
            scheduled_at=at if by_time else None,
            triggered_at=at,
            status=status,
            reason=reason,
            outcome=outcome,
            outcome_at=at if outcome else None,
            linked_issue=done if night else live,
            trigger_payload={"variables": {"branch": "main", "depth": "quick"}},
            dispatch_fingerprint=f"{night:064x}",
            created_at=at,
            updated_at=at,
        )


def _others(place: Company, agent: Agent, project: Project, *, now: datetime, size: int) -> None:
    for number in range(2 * size):
        cron = f"{number % 60} 9 * * 1-5"
        weekly = Routine.objects.create(
            company=place, title=f"Weekly report {number + 1}", assignee_agent=agent, project=project
        )
        _trigger(
            weekly, kind="schedule", cron_expression=cron, timezone="America/New_York",
            next_run_at=schedule.next_after(cron, "America/New_York", now),
        )  # fmt: skip
    watch = Routine.objects.create(company=place, title="Watch the build queue", assignee_agent=agent)
    _trigger(
        watch, kind="schedule", cron_expression="*/10 * * * *", timezone="UTC",
        next_run_at=schedule.next_after("*/10 * * * *", "UTC", now),
    )  # fmt: skip
    Routine.objects.create(company=place, title="Clear out old branches", status="paused")
    late = Routine.objects.create(
        company=place, title="Read the inbox", assignee_agent=agent, status="paused"
    )
    _trigger(
        late, kind="schedule", cron_expression="0 * * * *", timezone="UTC",
        next_run_at=now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3), grace_sec=7200,
    )  # fmt: skip
