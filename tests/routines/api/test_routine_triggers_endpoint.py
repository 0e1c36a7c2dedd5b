"""`/routines/:id/triggers` and `/routine-triggers/:id` (R-122 to R-124)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from paperclip.companies.models import Activity
from paperclip.core import clock
from routines.models import RoutineRun, Trigger
from tests.routines import recipes
from tests.routines.api.test_routines_endpoint import UNKNOWN, caller

pytestmark = pytest.mark.django_db
DAILY = {"kind": "schedule", "cronExpression": "0 9 * * *"}


def add(cast, routine, body, who="owner"):
    return caller(cast, who).post(f"/api/routines/{routine.pk}/triggers", body)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_schedule_is_added_with_its_next_time(cast):  # RC-44, R-37, R-39
    routine = recipes.routine(cast, status="paused")
    body = DAILY | {"timezone": "Europe/Berlin", "label": "Mornings", "enabled": False}
    answer = add(cast, routine, body)
    assert answer.status_code == 201, answer.json()
    assert set(answer.json()) == {"trigger", "secretMaterial", "revision"}
    assert answer.json()["secretMaterial"] is None
    assert answer.json()["revision"]["changeSummary"] == "Created schedule trigger"
    trigger = answer.json()["trigger"]
    assert (trigger["label"], trigger["enabled"], trigger["timezone"]) == ("Mornings", False, "Europe/Berlin")
    assert moment(trigger["nextRunAt"]) > clock.now(), "also while disabled and paused"
    row = Activity.objects.get(action="routine.trigger_created")
    assert (row.entity_type, row.entity_id) == ("routine_trigger", trigger["id"])
    assert row.details == {"routineId": str(routine.pk), "kind": "schedule"}


def test_the_zone_is_utc_unless_said(cast):
    trigger = add(cast, recipes.routine(cast), DAILY).json()["trigger"]
    assert (trigger["timezone"], trigger["enabled"]) == ("UTC", True)
    assert trigger["nextRunAt"].endswith("T09:00:00.000Z")


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        pytest.param({"kind": None}, 400, "kind", id="R-19 no kind"),
        pytest.param({"kind": "cron"}, 400, "kind", id="R-4 unknown kind"),
        pytest.param({"cronExpression": None}, 400, "cronExpression", id="R-37 no expression"),
        pytest.param({"cronExpression": ""}, 400, "cronExpression", id="R-37 empty expression"),
        pytest.param({"cronExpression": 9}, 400, "cronExpression", id="R-19 not text"),
        pytest.param({"cronExpression": "x" * 256}, 400, "cronExpression", id="long expression"),
        pytest.param({"timezone": None}, 400, "timezone", id="R-19 null zone"),
        pytest.param({"enabled": "yes"}, 400, "enabled", id="R-19 not a boolean"),
        pytest.param({"label": "x" * 121}, 400, "label", id="R-11 long label"),
        pytest.param({"cronExpression": "@daily"}, 422, "five fields", id="RC-49 nickname"),
        pytest.param({"cronExpression": "1/0 * * * *"}, 422, "minute", id="RC-49 step 0"),
        pytest.param({"cronExpression": "5-1 * * * *"}, 422, "minute", id="RC-49 reversed range"),
        pytest.param({"cronExpression": "0 0 30 2 *"}, 422, "can never fire", id="RW-1 never"),
        pytest.param({"timezone": "Mars"}, 422, "Invalid timezone: Mars", id="R-51 zone"),
        pytest.param({"graceSec": -1}, 400, "graceSec", id="RW-6 negative grace"),
        pytest.param({"clockChanges": "never"}, 400, "clockChanges", id="RW-4 unknown word"),
        pytest.param({"signingMode": "md5"}, 400, "signingMode", id="R-5 unknown mode"),
        pytest.param({"replayWindowSec": 29}, 400, "replayWindowSec", id="R-11 short window"),
        pytest.param({"replayWindowSec": 86_401}, 400, "replayWindowSec", id="R-11 long window"),
    ],
)
def test_what_cannot_be_a_schedule_is_refused_by_name(cast, change, status, named):
    body = {key: value for key, value in (DAILY | change).items() if not (key == "kind" and value is None)}
    answer = add(cast, recipes.routine(cast), body)
    assert answer.status_code == status, answer.json()
    if status == 400:
        assert answer.json()["details"][0]["path"] == [named]
    else:
        assert named in answer.json()["error"]
    assert not Trigger.objects.exists()


def test_a_missing_expression_is_named(cast):
    answer = add(cast, recipes.routine(cast), {"kind": "schedule"})
    assert answer.status_code == 400
    assert answer.json()["details"] == [
        {"code": "invalid_type", "path": ["cronExpression"], "message": "Required"}
    ]


def test_every_change_counts_the_next_time_from_now(cast):
    trigger = recipes.schedule(recipes.routine(cast), due=clock.now() - timedelta(days=3), enabled=False)
    answer = cast.as_owner.patch(f"/api/routine-triggers/{trigger.pk}", {"enabled": True})
    assert answer.status_code == 200, answer.json()
    assert moment(answer.json()["nextRunAt"]) > clock.now()
    assert recipes.fire().triggered == 0, "nothing missed while disabled comes back"
    answer = cast.as_owner.patch(f"/api/routine-triggers/{trigger.pk}", {"cronExpression": "30 8 * * *"})
    assert answer.json()["nextRunAt"].endswith("T08:30:00.000Z")
    assert Activity.objects.filter(action="routine.trigger_updated").count() == 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param(
            {"cronExpression": None}, "Scheduled triggers require cronExpression", id="R-41 no expression"
        ),
        pytest.param({"timezone": None}, "Scheduled triggers require timezone", id="R-41 no zone"),
        pytest.param({"timezone": "Mars"}, "Invalid timezone: Mars", id="R-51"),
        pytest.param({"cronExpression": "* * *"}, "five fields", id="R-49"),
    ],
)
def test_a_bad_change_is_refused_and_changes_nothing(cast, change, text):
    trigger = recipes.schedule(recipes.routine(cast), due=clock.now())
    answer = cast.as_owner.patch(f"/api/routine-triggers/{trigger.pk}", change)
    assert answer.status_code == 422
    assert text in answer.json()["error"]
    assert Trigger.objects.get().next_run_at == trigger.next_run_at


def test_the_kind_of_a_trigger_stays(cast):
    trigger = recipes.schedule(recipes.routine(cast), due=clock.now())
    assert (
        cast.as_owner.patch(f"/api/routine-triggers/{trigger.pk}", {"kind": "api"}).json()["kind"]
        == "schedule"
    )


def test_a_deleted_trigger_leaves_its_runs(cast):
    trigger = recipes.due_routine(cast, clock.now())
    recipes.fire()
    answer = cast.as_owner.delete(f"/api/routine-triggers/{trigger.pk}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert RoutineRun.objects.get().trigger_id is None
    assert cast.as_owner.delete(f"/api/routine-triggers/{trigger.pk}").status_code == 404
    assert Activity.objects.filter(action="routine.trigger_deleted").count() == 1


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("nobody", 401, id="R-110 nobody"),
        pytest.param("viewer", 403, id="R-110 viewer"),
        pytest.param("outsider", 404, id="R-110 other company"),
        pytest.param("foreign_agent", 404, id="R-110 foreign agent"),
        pytest.param("unentitled", 403, id="RC-42, RW-15 board without the grant"),
        pytest.param("peer", 403, id="R-107 another's routine"),
        pytest.param("engineer", 0, id="R-107 its own routine"),
        pytest.param("operator", 0, id="R-107 board"),
    ],
)
def test_who_may_add_change_and_delete(cast, who, status):
    routine = recipes.routine(cast)
    trigger = recipes.schedule(routine, due=clock.now())
    call = caller(cast, who)
    assert call.post(f"/api/routines/{routine.pk}/triggers", DAILY).status_code == (status or 201)
    assert call.patch(f"/api/routine-triggers/{trigger.pk}", {"label": "x"}).status_code == (status or 200)
    assert call.delete(f"/api/routine-triggers/{trigger.pk}").status_code == (status or 204)


def test_an_unknown_trigger_is_not_found(cast):  # RW-16
    for reference in (UNKNOWN, "x"):
        answer = cast.as_owner.patch(f"/api/routine-triggers/{reference}", {})
        assert (answer.status_code, answer.json()["error"]) == (404, "Routine trigger not found")


@pytest.mark.parametrize(
    "default", [pytest.param(None, id="RC-26 none"), pytest.param("definitely", id="RC-27 malformed")]
)
def test_a_schedule_needs_values_for_what_nobody_fills_in(cast, default):
    variable = recipes.text("loud") | {"type": "boolean", "defaultValue": default}
    routine = recipes.routine(cast, title="{{loud}}", variables=[variable])
    answer = add(cast, routine, DAILY)
    assert answer.status_code == 422
    assert answer.json()["error"] == "Scheduled routines require defaults for required variables: loud"
    assert not Trigger.objects.exists()
    type(routine).objects.update(variables=[variable | {"defaultValue": "yes"}])
    assert add(cast, routine, DAILY).status_code == 201
    answer = cast.as_owner.patch(f"/api/routines/{routine.pk}", {"description": "{{more}}"})
    assert answer.status_code == 422
    assert answer.json()["error"].endswith("variables: more")


def test_a_trigger_for_callers_has_neither_times_nor_address(cast):
    made = add(cast, recipes.routine(cast), {"kind": "api", "label": "Deploys", "timezone": "UTC"}).json()
    trigger = made["trigger"]
    assert (made["secretMaterial"], trigger["label"], trigger["timezone"]) == (None, "Deploys", None)
    assert (trigger["nextRunAt"], trigger["publicId"], trigger["signingMode"]) == (None, None, None)
    body = {"triggerId": trigger["id"], "source": "api"}
    run = cast.as_owner.post(f"/api/routines/{trigger['routineId']}/run", body).json()
    assert (run["source"], run["triggerId"]) == ("api", trigger["id"])


def test_an_archived_routine_takes_no_triggers_and_lets_go_of_them(cast):  # RW-16
    routine = recipes.routine(cast)
    trigger = recipes.schedule(routine, due=clock.now())
    type(routine).objects.update(status="archived")
    address = f"/api/routine-triggers/{trigger.pk}"
    for answer in (
        add(cast, routine, DAILY),
        cast.as_owner.patch(address, {"enabled": True}),
        cast.as_owner.post(f"{address}/rotate-secret"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (409, "Routine is archived")
    assert cast.as_owner.delete(address).status_code == 204
