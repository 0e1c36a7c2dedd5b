"""Routines on the board: what is shown of them, and what each button does."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.html import escape

from issues.models import Issue
from paperclip.companies import actors
from paperclip.companies.models import Grant
from paperclip.core import clock
from routines import triggers
from routines.choices import SigningMode
from routines.models import Routine, RoutineRun, Trigger
from tests import cast as standing
from tests import factories
from tests.board.conftest import browse
from tests.board.test_deeds import messages_of
from tests.routines import recipes

LIST = "/admin/routines/routine/"


@pytest.fixture
def cast(db):
    return standing.make()


@pytest.fixture
def owner(cast):
    return browse(cast.owner)


@pytest.fixture
def routine(cast):
    return recipes.routine(cast, title="Sweep the floor", description="All of it")


def page(routine: Routine) -> str:
    return f"{LIST}{routine.pk}/change/"


def do(client, routine: Routine, deed: str, **fields):
    return client.post(f"{LIST}{routine.pk}/do/{deed}/", fields, follow=True)


def html(client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


FIELDS = {
    "title": "Sweep {{room}}", "description": "Every corner", "priority": "high", "project": "", "goal": "",
    "parent": "", "concurrency_policy": "skip_if_active", "catch_up_policy": "enqueue_missed_with_cap",
}  # fmt: skip


# --- The list ----------------------------------------------------------------------------------------------


def test_list_says_what_comes_next_and_what_came_last(cast, owner, routine):
    due = recipes.minute(clock.now()) + timedelta(hours=3)
    recipes.schedule(routine, due=due, timezone="Asia/Tokyo")
    run = recipes.start(routine)
    recipes.routine(cast, title="Never ran", status="paused")
    shown = html(owner, LIST)
    assert "Asia/Tokyo" in shown
    assert "in 2 h 59 min" in shown or "in 3 h 0 min" in shown
    assert run.linked_issue.identifier in shown, "the strip names the issue of each bar"
    assert 'aria-label="The last 1 run, 0 failed"' in shown
    assert "no runs" in shown


def test_switch_in_the_list_pauses_and_resumes_and_stays_there(owner, routine):
    shown = html(owner, f"{LIST}?status=current")
    assert 'role="switch" aria-checked="true"' in shown
    back = f"{LIST}?status=current"
    response = owner.post(f"{LIST}{routine.pk}/do/pause/", {"next": back})
    assert response["Location"] == back
    routine.refresh_from_db()
    assert routine.status == "paused"
    do(owner, routine, "resume")
    routine.refresh_from_db()
    assert routine.status == "active"


def test_list_is_narrowed_by_status_agent_and_project(cast, owner, routine):
    project = factories.project(cast.company)
    recipes.routine(cast, title="Of the project", project=project, assignee_agent=cast.ceo)
    recipes.routine(cast, title="A draft", status="paused", assignee_agent=None)
    recipes.routine(cast, title="Over", status="archived")

    def titles(query: str) -> set[str]:
        return {row.title for row in owner.get(f"{LIST}?{query}").context["cl"].result_list}

    assert titles("") == {"Sweep the floor", "Of the project", "A draft"}
    assert titles("status=archived") == {"Over"}
    assert titles("status=paused") == {"A draft"}
    assert titles("assignee=none") == {"A draft"}
    assert titles(f"assignee={cast.ceo.pk}") == {"Of the project"}
    assert titles(f"project={project.pk}") == {"Of the project"}
    assert titles("q=draft") == {"A draft"}


def test_empty_list_says_what_a_routine_is_for(owner):
    assert "A routine is work that comes again" in html(owner, LIST)


# --- Making and changing -----------------------------------------------------------------------------------


def test_routine_is_made_with_its_variables(cast, owner):
    fields = FIELDS | {"assignee": str(cast.engineer.pk), "is_active": "on"}
    variable = {"var-room-type": "select", "var-room-options": "hall\nattic", "var-room-default": "attic"}
    response = owner.post(f"{LIST}add/", fields | variable)
    made = Routine.objects.get(title="Sweep {{room}}")
    assert response["Location"] == page(made)
    assert (made.status, made.assignee_agent, made.priority) == ("active", cast.engineer, "high")
    assert (made.concurrency_policy, made.catch_up_policy) == ("skip_if_active", "enqueue_missed_with_cap")
    assert made.variables == [
        {
            "name": "room", "label": None, "type": "select", "defaultValue": "attic", "required": False,
            "options": ["hall", "attic"],
        }
    ]  # fmt: skip
    assert made.created_by_user == cast.owner


def test_variables_that_nobody_was_asked_about_are_asked_about_first(owner):
    shown = owner.post(f"{LIST}add/", FIELDS | {"assignee": ""}).content.decode()
    assert "look at them below, then save" in shown
    assert 'data-variable="room"' in shown
    assert not Routine.objects.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"title": " "}, "This field is required", id="title"),
        pytest.param({"title": "x" * 201}, "At most 200 characters", id="long title"),
        pytest.param({"parent": "NOPE-7"}, "There is no such issue", id="parent"),
        pytest.param({"var-room-type": "select"}, "require at least one option", id="R-21 no options"),
        pytest.param(
            {"var-room-type": "select", "var-room-options": "a", "var-room-default": "b"},
            "must be one of the options",
            id="R-21 default",
        ),
        pytest.param(
            {"var-room-type": "number", "var-room-default": "abc"}, "must be a number", id="R-22 number"
        ),
    ],
)
def test_form_keeps_what_was_typed_and_says_what_is_wrong(cast, owner, fields, said):
    response = owner.post(f"{LIST}add/", FIELDS | {"assignee": "", "var-room-type": "text"} | fields)
    shown = response.content.decode()
    assert response.status_code == 200
    assert said in shown
    assert "Every corner" in shown
    assert not Routine.objects.exists()


def test_edit_changes_the_routine_unless_somebody_else_did(cast, owner):
    made = Routine.objects.get(pk=_made(owner, cast).pk)
    base = made.latest_revision_id
    url = f"{LIST}{made.pk}/edit/"
    assert str(base) in html(owner, url)
    fields = FIELDS | {"title": "Mop", "assignee": str(cast.ceo.pk), "base": str(base)}
    assert owner.post(url, fields)["Location"] == page(made)
    made.refresh_from_db()
    assert (made.title, made.assignee_agent, made.variables) == ("Mop", cast.ceo, [])
    late = owner.post(url, fields | {"title": "Wash"}).content.decode()
    assert "updated by someone else" in late
    assert 'value="Wash"' in late


def _made(client, cast) -> Routine:
    told = {"assignee": str(cast.engineer.pk), "is_active": "on", "var-room-type": "text"}
    client.post(f"{LIST}add/", FIELDS | told)
    return Routine.objects.latest("created_at")


def test_fields_of_variables_follow_the_text_while_it_is_typed(owner, routine):
    url = f"{LIST}{routine.pk}/variables/"
    sent = {
        "title": "{{a}} {{date}}",
        "description": "{{b}}",
        "var-a-type": "number",
        "var-a-default": "seven",
    }
    drawn = owner.post(url, sent).content.decode()
    assert re.findall(r'data-variable="(\w+)"', drawn) == ["a", "b"], "built-in names are none"
    assert 'value="seven"' in drawn, "nothing is checked yet, nothing is lost"
    assert '<option value="number" selected>' in drawn
    assert "must be a number" not in drawn
    assert owner.get(url).status_code == 405
    routine.refresh_from_db()
    assert routine.variables == []


@pytest.mark.parametrize(
    ("field", "value", "column"),
    [
        ("priority", "critical", "priority"),
        ("concurrency_policy", "always_enqueue", "concurrency_policy"),
        ("catch_up_policy", "enqueue_missed_with_cap", "catch_up_policy"),
    ],
)
def test_property_is_saved_in_place(owner, routine, field, value, column):
    do(owner, routine, "update", **{field: value})
    routine.refresh_from_db()
    assert getattr(routine, column) == value
    assert field.replace("_", " ") in messages_of(do(owner, routine, "update", **{field: "nonsense"}))


def test_references_are_saved_in_place(cast, owner, routine):
    project = factories.project(cast.company)
    goal = factories.goal(cast.company)
    for field, row in (("assignee", cast.ceo), ("project", project), ("goal", goal)):
        do(owner, routine, "update", **{field: str(row.pk)})
    routine.refresh_from_db()
    assert (routine.assignee_agent, routine.project, routine.goal) == (cast.ceo, project, goal)
    do(owner, routine, "update", assignee="")
    routine.refresh_from_db()
    assert (routine.assignee_agent, routine.status) == (None, "paused"), "R-25"
    assert "Nothing to change" in messages_of(do(owner, routine, "update"))


def test_archiving_is_for_good(owner, routine):
    do(owner, routine, "archive")
    routine.refresh_from_db()
    assert routine.status == "archived"
    shown = html(owner, page(routine))
    assert "/do/run/" not in shown
    assert "Routine is archived" in messages_of(do(owner, routine, "resume"))


# --- Triggers ----------------------------------------------------------------------------------------------


def test_schedule_is_added_changed_switched_and_deleted(owner, routine):
    url = f"{LIST}{routine.pk}/trigger/add/schedule/"
    fields = {"cron_expression": " 30  2 * * * ", "timezone": "America/New_York", "label": "Nightly"}
    fields |= {"clock_changes": "as_shown", "grace_minutes": "90", "enabled": "on"}
    assert owner.post(url, fields)["Location"] == page(routine)
    trigger = Trigger.objects.get()
    assert (trigger.cron_expression, trigger.timezone, trigger.label) == (
        "30 2 * * *",
        "America/New_York",
        "Nightly",
    )
    assert (trigger.clock_changes, trigger.grace_sec, trigger.enabled) == ("as_shown", 5400, True)
    shown = html(owner, page(routine))
    assert "At 02:30 every day" in shown
    assert shown.count('<li><span class="num">') + shown.count('<li class="is-changed">') == 10
    assert "for a week" in shown
    edit = f"{LIST}{routine.pk}/trigger/{trigger.pk}/"
    assert 'value="Nightly"' in html(owner, edit)
    owner.post(edit, fields | {"cron_expression": "0 9 * * MON"})
    trigger.refresh_from_db()
    assert trigger.cron_expression == "0 9 * * MON"
    do(owner, routine, "switch-off", trigger=trigger.pk)
    trigger.refresh_from_db()
    assert not trigger.enabled
    do(owner, routine, "switch-on", trigger=trigger.pk)
    trigger.refresh_from_db()
    assert trigger.enabled
    do(owner, routine, "delete-trigger", trigger=trigger.pk)
    assert not Trigger.objects.exists()
    assert routine.revisions.count() == 5


@pytest.mark.parametrize("cron", ["0 25 * * *", "@daily", "0 0 30 2 *", "* * * * * *", "x"])
def test_bad_cron_is_named_and_kept(owner, routine, cron):
    fields = {"cron_expression": cron, "timezone": "UTC", "clock_changes": "once", "label": "Kept too"}
    shown = owner.post(f"{LIST}{routine.pk}/trigger/add/schedule/", fields).content.decode()
    assert f'value="{escape(cron)}"' in shown
    assert 'value="Kept too"' in shown
    field = shown[shown.index('name="cron_expression"') : shown.index('name="timezone"')]
    assert "Invalid cron expression" in field
    assert not Trigger.objects.exists()


def test_schedule_without_defaults_is_refused_and_said_beforehand(cast, owner):
    made = recipes.routine(cast, title="{{room}}", variables=[recipes.text("room")])
    assert "A schedule cannot give room a value" in html(owner, page(made))
    fields = {"cron_expression": "0 9 * * *", "timezone": "UTC", "clock_changes": "once", "enabled": "on"}
    shown = owner.post(f"{LIST}{made.pk}/trigger/add/schedule/", fields).content.decode()
    assert "require defaults for required variables: room" in shown


def test_preview_says_what_a_schedule_will_do(owner, routine):
    url = f"{LIST}{routine.pk}/preview/"
    query = {"cron_expression": "0 12 1 * *", "timezone": "Europe/Berlin", "clock_changes": "once"}
    shown = owner.get(url, query).content.decode()
    assert "At 12:00 on the first day of every month" in shown
    assert len(re.findall(r">\w+ 1 \w+ \d{4}, 12:00<", shown)) == 10
    assert "UTC+01:00" in shown
    assert "UTC+02:00" in shown
    assert "the clock was changed before it" in shown
    daily = owner.get(url, query | {"cron_expression": "0 12 * * *", "timezone": "UTC"}).content.decode()
    assert "1 time missed: one run is made up for it" in daily, "after a day"
    bad = {"cron_expression": "0 99 * * *", "timezone": "UTC", "clock_changes": "once"}
    assert "bad hour" in owner.get(url, bad).content.decode()
    assert owner.get(url).status_code == 200
    assert not Trigger.objects.exists()


def test_downtime_is_told_by_the_policy_of_the_routine(cast, owner):
    eager = recipes.routine(cast, catch_up_policy="enqueue_missed_with_cap")
    query = {"cron_expression": "0 * * * *", "timezone": "UTC", "clock_changes": "once"}
    shown = owner.get(f"{LIST}{eager.pk}/preview/", query).content.decode()
    assert "24 times missed: 24 runs are made up" in shown
    assert "100 times or more missed: 25 runs are made up" in shown
    short = owner.get(f"{LIST}{eager.pk}/preview/", query | {"grace_minutes": "60"}).content.decode()
    assert "24 times missed: one run is made up for it" in short


def test_missed_times_are_told_before_they_are_made_up(cast, owner):
    routine = recipes.routine(cast, status="paused")
    now = recipes.minute(clock.now())
    recipes.schedule(routine, due=now - timedelta(minutes=3), cron="* * * * *")
    shown = html(owner, page(routine))
    assert re.search(r"[45] times missed: one run is made up for it\.", shown)
    assert "It waits: the routine is paused. This happens when it goes on." in shown
    assert not RoutineRun.objects.exists()


@pytest.mark.parametrize("mode", SigningMode.values)
def test_webhook_shows_its_secret_once(owner, routine, mode):
    fields = {"label": "Push", "signing_mode": mode, "replay_window_sec": "120", "enabled": "on"}
    made = owner.post(f"{LIST}{routine.pk}/trigger/add/webhook/", fields)
    secret = re.search(r'id="token">([0-9a-f]{48})<', made.content.decode())[1]
    assert "no-store" in made["Cache-Control"]
    trigger = Trigger.objects.get()
    assert (trigger.signing_mode, trigger.replay_window_sec, trigger.label) == (mode, 120, "Push")
    shown = html(owner, page(routine))
    assert secret not in shown
    assert trigger.public_id in shown
    renewed = do(owner, routine, "rotate", trigger=trigger.pk).content.decode()
    again = re.search(r'id="token">([0-9a-f]{48})<', renewed)[1]
    assert again != secret
    assert again not in html(owner, page(routine))


@pytest.mark.django_db(transaction=True)
def test_curl_examples_work_as_they_are_shown(live_server, settings, tmp_path):
    """Each is run by a shell, as whoever copies it does."""
    settings.PAPERCLIP_PUBLIC_URL = live_server.url
    cast = standing.make()
    client = browse(cast.owner)
    for mode in SigningMode.values:
        routine = recipes.routine(cast, title=f"By {mode}", concurrency_policy="always_enqueue")
        fields = {"signing_mode": mode, "replay_window_sec": "120", "enabled": "on"}
        shown = client.post(f"{LIST}{routine.pk}/trigger/add/webhook/", fields).context["made"][0]["example"]
        done = subprocess.run(["sh", "-ec", shown], capture_output=True, text=True, timeout=30, check=False)
        assert '"status":"issue_created"' in done.stdout, (mode, shown, done)
        assert RoutineRun.objects.get(routine=routine).trigger_payload == {"ref": "main"}


def test_foreign_trigger_is_none_of_this_routine(cast, owner, routine):
    other = recipes.schedule(recipes.routine(cast), due=None)
    assert "Choose a trigger" in messages_of(do(owner, routine, "delete-trigger", trigger=other.pk))
    assert owner.get(f"{LIST}{routine.pk}/trigger/{other.pk}/").status_code == 404
    assert owner.get(f"{LIST}{routine.pk}/trigger/add/nonsense/").status_code == 404
    assert Trigger.objects.filter(pk=other.pk).exists()


# --- Running ------------------------------------------------------------------------------------------------


def test_run_now_makes_an_issue_and_says_which(cast, owner, routine):
    said = messages_of(do(owner, routine, "run"))
    run = RoutineRun.objects.get()
    assert (run.source, run.status) == ("manual", "issue_created")
    assert said == f"Created {run.linked_issue.identifier}."
    assert run.linked_issue.created_by_user == cast.owner, "RC-15"
    shown = html(owner, f"/admin/issues/issue/{run.linked_issue.pk}/change/")
    assert "Made by the routine" in shown
    assert page(routine) in shown
    assert "by hand" in shown


def test_run_now_asks_for_the_variables(cast, owner):
    choices = recipes.text("room") | {"type": "select", "options": ["hall", "attic"], "label": "Which room"}
    many = recipes.text("times") | {"type": "number", "defaultValue": 2}
    loud = recipes.text("loud") | {"type": "boolean", "defaultValue": True, "required": False}
    made = recipes.routine(
        cast, title="{{room}} {{times}}", description="{{loud}}", variables=[choices, many, loud]
    )
    url = f"{LIST}{made.pk}/run/"
    assert url in html(owner, page(made))
    shown = html(owner, url)
    assert "Which room" in shown
    assert 'value="2"' in shown
    missing = owner.post(url, {"given-room": "", "given-times": "3", "given-loud": "false"}).content.decode()
    assert "This one must be given" in missing
    assert 'value="3"' in missing
    wrong = owner.post(url, {"given-room": "hall", "given-times": "many", "given-loud": ""}).content.decode()
    assert "must be a number" in wrong
    assert not RoutineRun.objects.exists()
    fields = {"given-room": "hall", "given-times": "3", "given-loud": "false", "assignee": str(cast.ceo.pk)}
    assert owner.post(url, fields)["Location"] == page(made)
    issue = Issue.objects.get(origin_id=str(made.pk))
    assert (issue.title, issue.description, issue.assignee_agent) == ("hall 3", "false", cast.ceo)


def test_run_that_fails_or_folds_says_why(cast, owner, routine):
    do(owner, routine, "run")
    assert "is still being worked on" in messages_of(do(owner, routine, "run")), "RC-17"
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")
    other = recipes.routine(cast, title="Of a paused agent")
    assert "Failed: " in messages_of(do(owner, other, "run"))
    shown = html(owner, page(other))
    assert RoutineRun.objects.get(routine=other).reason in shown


# --- History ------------------------------------------------------------------------------------------------


def test_history_is_paged_and_every_run_says_why(cast, owner, routine):
    issue = factories.issue(cast.company, title="The work")
    now = clock.now()
    RoutineRun.objects.bulk_create(
        RoutineRun(
            company=cast.company, routine=routine, source="manual", status="coalesced", triggered_at=now,
            created_at=now - timedelta(minutes=number), reason=f"Folded, number {number}", linked_issue=issue,
            outcome="failed", outcome_at=now,
        )
        for number in range(60)
    )  # fmt: skip
    recipes.start(recipes.routine(cast, title="Another"))
    url = f"/admin/routines/routinerun/?routine={routine.pk}"
    first, second = html(owner, url), html(owner, f"{url}&p=2")
    assert "Folded, number 49" in first
    assert "Folded, number 50" not in first
    assert "Folded, number 50" in second
    assert "that work failed" in first
    assert issue.identifier in first
    assert "Page 2 of 2" in second
    assert "Nothing matches" in html(owner, f"{url}&source=webhook")
    assert owner.get("/admin/routines/routinerun/")["Location"] == LIST
    run = routine.runs.latest("created_at")
    assert "Folded, number 0" in html(owner, f"/admin/routines/routinerun/{run.pk}/change/")


# --- Revisions -----------------------------------------------------------------------------------------------


def test_revision_shows_what_it_changed_and_is_restored(cast, owner):
    made = _made(owner, cast)
    do(owner, made, "update", assignee=str(cast.ceo.pk))
    shown = html(owner, f"{LIST}{made.pk}/revision/2/")
    lines = re.findall(r'diff-(added|removed)" role="listitem">.*?<span>([^<]*)</span></div>', shown)
    assert lines == [("removed", f"Agent: {cast.engineer.name}"), ("added", f"Agent: {cast.ceo.name}")]
    assert "The first revision" in html(owner, f"{LIST}{made.pk}/revision/1/")
    for number in ("3", "0", "99999999999"):
        assert owner.get(f"{LIST}{made.pk}/revision/{number}/").status_code == 404
    first = made.revisions.get(revision_number=1)
    assert "already the latest" in messages_of(
        do(owner, made, "restore", revision=made.revisions.latest("revision_number").pk)
    )
    assert "what revision 1 says" in messages_of(do(owner, made, "restore", revision=first.pk))
    made.refresh_from_db()
    assert (made.assignee_agent, made.latest_revision_number) == (cast.engineer, 3)


def test_restoring_a_deleted_webhook_says_so_and_shows_its_new_secret(owner, routine):
    recipes.webhook(routine)
    trigger = Trigger.objects.get()
    do(owner, routine, "delete-trigger", trigger=trigger.pk)
    revision = routine.revisions.get(revision_number=1)
    shown = html(owner, f"{LIST}{routine.pk}/revision/1/")
    assert "1 trigger deleted since comes back. A webhook that comes back gets a new address" in shown
    restored = do(owner, routine, "restore", revision=revision.pk).content.decode()
    assert re.search(r'id="token">[0-9a-f]{48}<', restored)
    assert Trigger.objects.get().pk == trigger.pk


# --- Calendar ------------------------------------------------------------------------------------------------


def test_calendar_lays_the_week_out_in_the_chosen_zone(cast, owner):
    now = clock.now()
    daily = recipes.routine(cast, title="Daily")
    recipes.schedule(daily, due=now + timedelta(hours=1), cron="30 12 * * *")
    often = recipes.routine(cast, title="Often")
    recipes.schedule(often, due=now + timedelta(minutes=1), cron="*/5 * * * *")
    hourly = recipes.routine(cast, title="Hourly")
    recipes.schedule(hourly, due=now + timedelta(minutes=1), cron="0 * * * *")
    resting = recipes.routine(cast, title="Resting", status="paused")
    recipes.schedule(resting, due=now, cron="0 5 * * *")
    shown = owner.get(f"{LIST}calendar/", {"zone": "Asia/Kolkata"})
    days = shown.context["days"]
    assert len(days) == 7
    times = [first for day in days for entry, first, _ in day["entries"] if entry.trigger.routine == daily]
    assert len(times) in (6, 7)
    assert set(times) == {"18:00"}
    assert [row.trigger.routine.title for row, _ in shown.context["often"]] == ["Often"]
    whole = [entry for entry, _, _ in days[3]["entries"] if entry.trigger.routine == hourly]
    assert [entry.count for entry in whole] == [24]
    assert "Resting" not in shown.content.decode()
    assert owner.get(f"{LIST}calendar/?zone=Nowhere/At_all").status_code == 200


def test_empty_calendar_says_what_to_do(owner):
    assert "Nothing fires in the coming week" in html(owner, f"{LIST}calendar/")


# --- Who may -------------------------------------------------------------------------------------------------


def test_pages_of_agent_and_project_name_their_routines(cast, owner, routine):
    project = factories.project(cast.company)
    Routine.objects.filter(pk=routine.pk).update(project=project)
    for url in (
        reverse("admin:companies_agent_change", args=[cast.engineer.pk]),
        reverse("admin:companies_project_change", args=[project.pk]),
    ):
        assert page(routine) in html(owner, url)


def test_activity_of_a_routine_is_told_in_sentences(owner, routine):
    made = triggers.create(
        routine_id=routine.pk, fields={"kind": "api"}, actor=actors.system("test"), now=clock.now()
    )
    shown = html(owner, page(routine))
    assert "gave a trigger to" in shown
    assert "Created api trigger" in shown
    assert made.trigger.kind == "api"


def test_who_may_not_assign_sees_no_way_to_run_it_and_has_none(cast, routine):  # RC-42
    Grant.objects.filter(principal_id=cast.operator.pk).delete()
    client = browse(cast.operator)
    shown = html(client, page(routine))
    for deed in ("run", "delete-trigger", "rotate", "restore", "resume"):
        assert f"/do/{deed}/" not in shown
    assert f"{LIST}{routine.pk}/edit/" in shown, "texts need no grant (R-106)"
    assert "tasks:assign" in messages_of(do(client, routine, "run"))
    fields = {"cron_expression": "0 9 * * *", "timezone": "UTC", "clock_changes": "once"}
    refused = client.post(f"{LIST}{routine.pk}/trigger/add/schedule/", fields).content.decode()
    assert "tasks:assign" in refused
    assert 'value="0 9 * * *"' in refused
    assert not RoutineRun.objects.exists()
    assert not Trigger.objects.exists()
