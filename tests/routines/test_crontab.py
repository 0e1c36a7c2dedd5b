"""Reading crontabs, and the command that takes them over."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from routines import crontab
from routines.models import Routine, RoutineRun, Trigger
from tests.routines import recipes

CRONTAB = """\
# comment of the file

MAILTO=ops@example.com
API_TOKEN=sesame-open-1
# Nightly backup
15 2 * * *   /srv/backup --all
CRON_TZ=Europe/Berlin
@weekly  mail -s "Report 100\\%" boss%Dear boss,%all is well
*/5 9-17 * * MON-FRI  curl -s http://localhost/ping # keep
"""


def test_each_entry_is_read_as_cron_reads_it():
    backup, report, ping = crontab.read(CRONTAB, zone="UTC")
    assert (backup.line, backup.expression, backup.zone) == (6, "15 2 * * *", "UTC")
    assert (backup.title, backup.command) == ("Nightly backup", "/srv/backup --all")
    assert "MAILTO=ops@example.com" in backup.description
    assert "sesame-open-1" not in backup.description, "a secret is not handed to everybody"
    assert (report.expression, report.zone) == ("0 0 * * 0", "Europe/Berlin")
    assert (report.command, report.stdin) == ('mail -s "Report 100%" boss', "Dear boss,\nall is well")
    assert report.title == 'mail -s "Report 100%" boss'
    assert ping.command == "curl -s http://localhost/ping # keep"
    assert [each.fault for each in (backup, report, ping)] == [None] * 3


def test_the_system_crontab_names_a_user():
    (entry,) = crontab.read("17 * * * * root cd / && run-parts /etc/cron.hourly", zone="UTC", has_user=True)
    assert (entry.user, entry.command) == ("root", "cd / && run-parts /etc/cron.hourly")
    assert "the user `root`" in entry.description


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        pytest.param("@reboot /srv/start", "@reboot names no time", id="at boot"),
        pytest.param("0 9 * * *", "there is no command", id="no command"),
        pytest.param("0 9 * *", "there is no command", id="four fields"),
        pytest.param("61 9 * * * x", "bad minute '61'", id="bad minute"),
        pytest.param("0 0 30 2 * x", "can never fire", id="RW-1 never"),
        pytest.param("0 9 * * * echo {{ name }}", "read as a variable", id="placeholder"),
        pytest.param("CRON_TZ=Mars\n0 9 * * * x", "Invalid timezone: Mars", id="R-51 zone"),
    ],
)
def test_what_cannot_be_a_routine_is_said_by_line(line, fault):
    (entry,) = crontab.read(line, zone="UTC")
    assert fault in entry.fault


# --- The command ---------------------------------------------------------------------------------------


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("routine", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as refusal:
        said(*arguments)
    assert "\n" not in str(refusal.value), "one line"
    return str(refusal.value)


@pytest.mark.django_db
class TestImport:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "crontab"
        path.write_text(CRONTAB)
        return str(path)

    def take_over(self, cast, file, *more):
        return said("import-crontab", file, "-C", cast.company.issue_prefix, "--agent", "Engineer", *more)

    def test_a_dry_run_says_what_it_would_make(self, cast, file):
        told = self.take_over(cast, file, "--dry-run")
        assert "3 routines would be made for Engineer" in told
        assert "Nightly backup" in told
        assert not Routine.objects.exists()

    def test_routines_come_paused_and_once(self, cast, file):
        assert "3 routines made for Engineer, paused" in self.take_over(cast, file)
        rows = Trigger.objects.order_by("label").values_list(
            "cron_expression", "timezone", "routine__status", "routine__assignee_agent"
        )
        assert list(rows) == [
            ("15 2 * * *", "UTC", "paused", cast.engineer.pk),
            ("0 0 * * 0", "Europe/Berlin", "paused", cast.engineer.pk),
            ("*/5 9-17 * * MON-FRI", "Europe/Berlin", "paused", cast.engineer.pk),
        ]
        told = self.take_over(cast, file, "--activate")
        assert "0 routines made" in told
        assert told.count("is there already") == 3

    def test_one_bad_entry_keeps_all_from_being_made(self, cast, tmp_path):
        path = tmp_path / "crontab"
        path.write_text(CRONTAB + "@reboot x\n")
        with pytest.raises(CommandError, match="1 of 4 entries cannot be taken over; nothing was"):
            self.take_over(cast, str(path))
        assert not Routine.objects.exists()
        with pytest.raises(CommandError, match="cannot be read"):
            self.take_over(cast, str(tmp_path / "none"))


@pytest.mark.django_db
class TestOthers:
    def test_routines_are_listed(self, cast):
        routine = recipes.routine(cast)
        recipes.start(routine)
        recipes.routine(cast, title="Gone", status="archived")
        told = said("list", "--company", cast.company.issue_prefix)
        assert "Sweep the floor" in told
        assert "issue_created" in told
        assert "Gone" not in told
        assert "Gone" in said("list", "--all")
        (row,) = json.loads(said("list", "--json"))
        assert row["id"] == str(routine.pk)

    def test_times_to_come_are_told(self, cast):
        from paperclip.core import clock

        trigger = recipes.due_routine(cast, clock.now(), cron="0 9 * * *")
        told = said("next", "sweep the floor", "--count", "2")
        assert "will be made up for" in told
        assert told.count("09:00+00:00") == 2
        (row,) = json.loads(said("next", "--json"))
        assert row["triggerId"] == str(trigger.pk)
        assert "--count" in refused("next", "--count", "0")

    def test_a_routine_is_set_off(self, cast):
        routine = recipes.routine(cast, title="Do {{x}}", variables=[recipes.text("x")])
        assert refused("run", str(routine.pk)) == "Missing routine variables: x"
        told = said("run", "do {{x}}", "--var", "x=a=b", "--key", "k", "--user", cast.owner.username)
        assert "issue_created" in told
        run = RoutineRun.objects.get()
        assert run.linked_issue.title == "Do a=b"
        assert run.linked_issue.created_by_user_id == cast.owner.pk
        assert json.loads(said("run", str(routine.pk), "--var", "x=1", "--key", "k", "--json"))["id"] == str(
            run.pk
        )
        assert refused("run", "nothing").startswith("There is no routine")
        assert "NAME=VALUE" in refused("run", str(routine.pk), "--var", "x")

    def test_a_failed_start_ends_with_1(self, cast):
        type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")
        routine = recipes.routine(cast)
        with pytest.raises(SystemExit) as ended:
            said("run", str(routine.pk))
        assert ended.value.code == 1

    def test_all_are_paused_at_once(self, cast):  # K-36
        active, draft = recipes.routine(cast), recipes.routine(cast, status="archived")
        elsewhere = recipes.routine(cast, company=cast.elsewhere, assignee_agent=cast.foreign_agent)
        assert "1 routines" in said("disable-all", "-C", cast.company.issue_prefix, "--dry-run")
        assert Routine.objects.get(pk=active.pk).status == "active"
        assert "1 routines" in said("disable-all", "-C", cast.company.issue_prefix)
        assert Routine.objects.get(pk=active.pk).status == "paused"
        assert Routine.objects.get(pk=active.pk).latest_revision.change_summary == "Updated routine"
        assert Routine.objects.get(pk=draft.pk).status == "archived"
        assert Routine.objects.get(pk=elsewhere.pk).status == "active"
