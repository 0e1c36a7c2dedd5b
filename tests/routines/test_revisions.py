"""The history of a routine, and going back in it (section 11)."""

from __future__ import annotations

import json

import pytest

from paperclip.companies.models import Activity, Agent, Secret
from paperclip.core.errors import Invalid
from routines import snapshots
from routines.models import Routine, RoutineRevision, RoutineRun, Trigger
from tests import factories
from tests.routines import recipes

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(cast) -> str:
    return f"/api/companies/{cast.company.pk}/routines"


def create(cast, path, **fields):
    body = {"title": "Sweep", "assigneeAgentId": str(cast.engineer.pk)} | fields
    made = cast.as_owner.post(path, body)
    assert made.status_code == 201, made.json()
    return made.json()


def revisions(cast, routine, who=None):
    return (who or cast.as_owner).get(f"/api/routines/{routine['id']}/revisions").json()


def restore(cast, routine, revision, who=None):
    address = f"/api/routines/{routine['id']}/revisions/{revision['id']}/restore"
    return (who or cast.as_owner).post(address)


def test_a_routine_begins_with_its_first_revision(cast, path):  # RC-4, R-97
    routine = create(cast, path)
    (first,) = revisions(cast, routine)
    assert (first["revisionNumber"], first["changeSummary"]) == (1, "Created routine")
    assert first["id"] == routine["latestRevisionId"]
    assert first["snapshot"] == {
        "version": 1,
        "routine": {
            "id": routine["id"], "companyId": str(cast.company.pk), "projectId": None, "goalId": None,
            "parentIssueId": None, "title": "Sweep", "description": None,
            "assigneeAgentId": str(cast.engineer.pk), "priority": "medium", "status": "active",
            "concurrencyPolicy": "coalesce_if_active", "catchUpPolicy": "skip_missed", "variables": [],
        },
        "triggers": [],
    }  # fmt: skip
    row = Activity.objects.get(action="routine.revision_created")
    assert row.details == {
        "revisionId": first["id"], "revisionNumber": 1, "changeSummary": "Created routine", "triggerCount": 0,
    }  # fmt: skip


def test_an_earlier_revision_comes_back_and_history_stays(cast, path):  # RC-7, R-101, R-102
    routine = create(cast, path, description="Old")
    cast.as_owner.patch(f"/api/routines/{routine['id']}", {"description": "New", "priority": "high"})
    run = recipes.start(Routine.objects.get())
    second, first = revisions(cast, routine)

    done = restore(cast, routine, first)

    assert done.status_code == 200, done.json()
    told = done.json()
    assert (told["routine"]["description"], told["routine"]["priority"]) == ("Old", "medium")
    assert (told["restoredFromRevisionId"], told["restoredFromRevisionNumber"]) == (first["id"], 1)
    assert told["revision"]["changeSummary"] == "Restored from revision 1"
    assert told["revision"]["restoredFromRevisionId"] == first["id"]
    assert told["secretMaterials"] == []
    assert [row["revisionNumber"] for row in revisions(cast, routine)] == [3, 2, 1]
    assert RoutineRun.objects.get().pk == run.pk
    assert Activity.objects.filter(action="routine.revision_restored").count() == 1
    assert second["revisionNumber"] == 2


def test_the_latest_revision_is_not_restored(cast, path):  # RC-8
    routine = create(cast, path)
    (latest,) = revisions(cast, routine)
    answer = restore(cast, routine, latest)
    assert answer.status_code == 409
    assert answer.json() == {
        "error": "Selected revision is already the latest revision",
        "details": {"currentRevisionId": latest["id"]},
    }


def test_a_webhook_comes_back_with_a_new_address_and_secret(cast, path):  # RC-9
    routine = create(cast, path)
    address = f"/api/routines/{routine['id']}/triggers"
    made = cast.as_owner.post(address, {"kind": "webhook", "label": "Hook"}).json()
    with_hook = revisions(cast, routine)[0]
    assert cast.as_owner.delete(f"/api/routine-triggers/{made['trigger']['id']}").status_code == 204

    (material,) = restore(cast, routine, with_hook).json()["secretMaterials"]

    trigger = Trigger.objects.get()
    assert material["triggerId"] == made["trigger"]["id"] == str(trigger.pk)
    assert trigger.public_id != made["trigger"]["publicId"]
    assert material["webhookUrl"].endswith(f"/api/routine-triggers/public/{trigger.public_id}/fire")
    assert material["webhookSecret"] != made["secretMaterial"]["webhookSecret"]
    assert (trigger.label, trigger.signing_mode) == ("Hook", "bearer")
    assert Secret.objects.filter(status="active").count() == 1


def test_triggers_become_what_the_revision_says(cast, path):
    routine = create(cast, path)
    address = f"/api/routines/{routine['id']}/triggers"
    daily = {"kind": "schedule", "cronExpression": "0 9 * * *", "graceSec": 600}
    kept = cast.as_owner.post(address, daily).json()["trigger"]
    off = cast.as_owner.post(address, daily | {"enabled": False}).json()
    hook = cast.as_owner.post(address, {"kind": "webhook"}).json()
    wanted = revisions(cast, routine)[0]
    changed = {"cronExpression": "0 8 * * *", "clockChanges": "as_shown", "graceSec": None}
    cast.as_owner.patch(f"/api/routine-triggers/{kept['id']}", changed)
    cast.as_owner.delete(f"/api/routine-triggers/{off['trigger']['id']}")
    extra = cast.as_owner.post(address, {"kind": "webhook"}).json()

    assert restore(cast, routine, wanted).json()["secretMaterials"] == []

    triggers = {str(row.pk): row for row in Trigger.objects.all()}
    assert set(triggers) == {kept["id"], off["trigger"]["id"], hook["trigger"]["id"]}
    back = triggers[kept["id"]]
    assert (back.cron_expression, back.grace_sec, back.clock_changes) == ("0 9 * * *", 600, "once")
    assert back.next_run_at is not None
    assert triggers[off["trigger"]["id"]].next_run_at is None, "switched off"
    assert triggers[hook["trigger"]["id"]].public_id == hook["trigger"]["publicId"], "it keeps its address"
    assert Secret.objects.get(pk=extra["trigger"]["secretId"]).status == "deleted"
    again = revisions(cast, routine)[0]["snapshot"]["triggers"]
    by_id = {each["id"]: each for each in again}
    assert by_id == {each["id"]: each for each in wanted["snapshot"]["triggers"]}


def test_no_revision_ever_holds_a_secret(cast, path):  # RC-12
    routine = create(cast, path)
    made = cast.as_owner.post(f"/api/routines/{routine['id']}/triggers", {"kind": "webhook"}).json()
    address = f"/api/routine-triggers/{made['trigger']['id']}"
    cast.as_owner.patch(address, {"label": "Other"})
    rotated = cast.as_owner.post(f"{address}/rotate-secret").json()
    cast.as_owner.delete(address)

    rows = revisions(cast, routine)

    assert [row["revisionNumber"] for row in rows] == [5, 4, 3, 2, 1]
    assert [row["changeSummary"] for row in rows] == [
        "Deleted webhook trigger", "Rotated webhook trigger secret", "Updated webhook trigger",
        "Created webhook trigger", "Created routine",
    ]  # fmt: skip
    told = json.dumps(rows)
    assert made["trigger"]["publicId"] in told
    for secret in (made["secretMaterial"]["webhookSecret"], rotated["secretMaterial"]["webhookSecret"]):
        assert secret not in told
        assert not Activity.objects.filter(details__icontains=secret).exists()
    assert "secretId" not in told
    assert rows[0]["snapshot"]["triggers"] == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"triggers": [{"secretId": factories.NO_SUCH_ID}]}, id="RC-13 secretId of a trigger"),
        pytest.param({"version": 2}, id="R-17 version"),
        pytest.param({"more": 1}, id="R-17 unknown key"),
    ],
)
def test_a_snapshot_of_another_shape_is_refused(cast, change):
    routine = recipes.routine(cast)
    snapshot = snapshots.of(routine, [recipes.schedule(routine, due=None)])
    assert snapshots.read(snapshot)["routine"]["title"] == routine.title
    if "triggers" in change:
        change = {"triggers": [snapshot["triggers"][0] | change["triggers"][0]]}
    with pytest.raises(Invalid):
        snapshots.read(snapshot | change)


def test_an_agent_brings_a_routine_only_back_to_itself(cast, path):  # RC-10
    routine = create(cast, path)
    moved = {"assigneeAgentId": str(cast.peer.pk)}
    assert cast.as_owner.patch(f"/api/routines/{routine['id']}", moved).status_code == 200
    answer = restore(cast, routine, revisions(cast, routine)[-1], who=cast.as_agent(cast.peer))
    assert answer.status_code == 403
    assert answer.json()["error"] == "Agents can only restore routine revisions assigned to themselves"
    row = Routine.objects.get()
    assert (row.assignee_agent_id, row.latest_revision_number) == (cast.peer.pk, 2)


def test_a_revision_of_an_agent_that_left_is_not_restored(cast, path):  # RC-11
    routine = create(cast, path)
    cast.as_owner.patch(f"/api/routines/{routine['id']}", {"assigneeAgentId": str(cast.peer.pk)})
    Agent.objects.filter(pk=cast.engineer.pk).update(status="terminated")
    answer = restore(cast, routine, revisions(cast, routine)[-1])
    assert (answer.status_code, answer.json()["error"]) == (
        409,
        "Cannot assign routines to terminated agents",
    )
    assert Routine.objects.get().assignee_agent_id == cast.peer.pk


def test_history_is_for_people_and_the_routines_own_agent(cast, path):  # RC-40, RC-43, R-104
    routine = create(cast, path)
    address = f"/api/routines/{routine['id']}/revisions"
    assert cast.as_agent(cast.peer).get(address).status_code == 403
    assert cast.as_agent(cast.engineer).get(address).status_code == 200
    assert cast.as_viewer.get(address).status_code == 200
    assert cast.as_outsider.get(address).status_code == 404
    for reference in ("x", factories.NO_SUCH_ID):
        answer = restore(cast, routine, {"id": reference})
        assert (answer.status_code, answer.json()["error"]) == (404, "Routine revision not found")


def test_a_restoring_run_is_named(cast, path):  # RC-41
    routine = create(cast, path)
    cast.as_owner.patch(f"/api/routines/{routine['id']}", {"title": "Other"})
    run = factories.run(cast.engineer)
    answer = restore(
        cast, routine, revisions(cast, routine)[-1], who=cast.as_agent(cast.engineer, run_id=run.pk)
    )
    assert answer.status_code == 200, answer.json()
    assert answer.json()["revision"]["createdByRunId"] == str(run.pk)
    assert Activity.objects.get(action="routine.revision_restored").run_id == run.pk


def test_archived_stays_archived(cast, path):  # RW-16
    routine = create(cast, path)
    cast.as_owner.patch(f"/api/routines/{routine['id']}", {"status": "archived"})
    answer = restore(cast, routine, revisions(cast, routine)[-1])
    assert (answer.status_code, answer.json()["error"]) == (409, "Routine is archived")


def test_equal_variables_in_another_order_are_no_change(cast, path):  # RW-17
    variable = {"name": "x", "type": "number", "defaultValue": 1}
    routine = create(cast, path, title="{{x}}", variables=[variable])
    again = dict(reversed(list(variable.items())))
    answer = cast.as_owner.patch(f"/api/routines/{routine['id']}", {"variables": [again]}).json()
    assert (answer["latestRevisionNumber"], answer["updatedAt"]) == (1, routine["updatedAt"])
    assert RoutineRevision.objects.count() == 1
