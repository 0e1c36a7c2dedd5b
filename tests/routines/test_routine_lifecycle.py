"""Making, changing and ending routines."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from paperclip.companies import actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from paperclip.core.errors import Conflict, NotFound, Unprocessable
from routines import lifecycle
from routines.models import Routine, Trigger
from tests import factories
from tests.routines import recipes

pytestmark = pytest.mark.django_db
SYSTEM = actors.system("test")


def create(cast, **fields):
    fields = {"title": "Sweep", "assignee_agent_id": cast.engineer.pk} | fields
    return lifecycle.create(company_id=cast.company.pk, fields=fields, actor=SYSTEM, now=clock.now())


def update(routine, **fields):
    return lifecycle.update(routine_id=routine.pk, fields=fields, actor=SYSTEM, now=clock.now())


def test_a_routine_starts_with_the_contracts_defaults(cast):
    routine = create(cast)
    assert (routine.status, routine.priority) == ("active", "medium")
    assert (routine.concurrency_policy, routine.catch_up_policy) == ("coalesce_if_active", "skip_missed")
    row = Activity.objects.get(action="routine.created")
    assert row.details == {"title": "Sweep", "assigneeAgentId": str(cast.engineer.pk)}


def test_a_routine_without_an_agent_is_a_paused_draft(cast):  # RC-3, R-25
    routine = create(cast, assignee_agent_id=None, status="active")
    assert routine.status == "paused"
    with pytest.raises(Unprocessable, match="Default agent required"):  # RC-25
        update(routine, status="active")
    assert update(routine, status="active", assignee_agent_id=cast.peer.pk).status == "active"


def test_a_routine_that_loses_its_agent_is_paused(cast):
    routine = recipes.routine(cast)
    assert update(routine, assignee_agent_id=None).status == "paused"


def test_an_equal_change_leaves_the_row_untouched(cast):
    routine = recipes.routine(cast, description="Same")
    same = update(routine, title=routine.title, description="Same", status="active")
    assert same.updated_at == routine.updated_at
    assert update(routine, description="Other").updated_at > routine.updated_at


def test_archived_is_final(cast):  # RW-16
    routine = recipes.routine(cast)
    for _ in range(2):
        assert lifecycle.archive(routine_id=routine.pk, actor=SYSTEM, now=clock.now()).status == "archived"
    for status in ("active", "paused"):
        with pytest.raises(Conflict, match="Routine is archived"):
            update(routine, status=status)
    with pytest.raises(Conflict, match="Routine is archived"):  # RC-51
        recipes.start(routine)


def test_pausing_keeps_due_times(cast):
    trigger = recipes.due_routine(cast, clock.now())
    update(trigger.routine, status="paused")
    update(trigger.routine, status="active")
    assert Trigger.objects.get().next_run_at == trigger.next_run_at


@pytest.mark.parametrize(
    ("field", "made", "error", "text"),
    [
        pytest.param(
            "project_id", "foreign", Unprocessable, "Project must belong", id="R-23 foreign project"
        ),
        pytest.param("goal_id", "foreign", Unprocessable, "Goal must belong", id="R-23 foreign goal"),
        pytest.param(
            "parent_issue_id", "foreign", Unprocessable, "Parent issue must", id="R-23 foreign parent"
        ),
        pytest.param(
            "assignee_agent_id", "foreign", Unprocessable, "Assignee agent must", id="R-23 foreign agent"
        ),
        pytest.param("project_id", "none", NotFound, "Project not found", id="R-23 no project"),
        pytest.param("goal_id", "none", NotFound, "Goal not found", id="R-23 no goal"),
        pytest.param("parent_issue_id", "none", NotFound, "Parent issue not found", id="R-23 no parent"),
        pytest.param("assignee_agent_id", "none", NotFound, "Assignee agent not found", id="R-23 no agent"),
        pytest.param("assignee_agent_id", "terminated", Conflict, "terminated agents", id="R-23 terminated"),
        pytest.param(
            "assignee_agent_id", "pending_approval", Conflict, "pending approval", id="R-23 pending"
        ),
    ],
)
def test_references_must_hold(cast, field, made, error, text):
    makers = {
        "project_id": factories.project,
        "goal_id": factories.goal,
        "parent_issue_id": factories.issue,
        "assignee_agent_id": factories.agent,
    }
    if made == "none":
        value = "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c"
    elif made == "foreign":
        value = makers[field](cast.elsewhere).pk
    else:
        value = factories.agent(cast.company, status=made).pk
    for act in (
        lambda: create(cast, **{field: value}),
        lambda: update(recipes.routine(cast), **{field: value}),
    ):
        with pytest.raises(error, match=text):
            act()


def test_a_paused_agent_may_be_given_a_routine(cast):
    assert (
        create(cast, assignee_agent_id=factories.agent(cast.company, status="paused").pk).status == "active"
    )


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        pytest.param({"assignee_agent": None}, "routine_active_has_assignee", id="active needs an agent"),
        pytest.param({"status": "gone"}, "routine_status_known", id="status"),
        pytest.param({"catch_up_policy": "all"}, "routine_catch_up_known", id="catch-up"),
        pytest.param({"concurrency_policy": "x"}, "routine_concurrency_known", id="concurrency"),
    ],
)
def test_the_database_holds_the_rules_of_a_routine(cast, change, constraint):
    routine = recipes.routine(cast)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Routine.objects.filter(pk=routine.pk).update(**change)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"cron_expression": None}, id="a schedule has an expression"),
        pytest.param({"timezone": None}, id="a schedule has a zone"),
        pytest.param({"kind": "api"}, id="only schedules have times"),
    ],
)
def test_the_database_holds_the_rules_of_a_trigger(cast, change):
    trigger = recipes.due_routine(cast, clock.now())
    with pytest.raises(IntegrityError, match="trigger_schedule_fields"), transaction.atomic():
        Trigger.objects.filter(pk=trigger.pk).update(**change)
