"""The parts pages are made of: status looks, Markdown, times, charts, strips, names of runs."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import RequestFactory

from heartbeat import strip, words
from heartbeat.choices import RunnerState, RunStatus, WakeupStatus
from heartbeat.models import Run, WakeupRequest
from issues.choices import IssuePriority, IssueStatus
from paperclip.board import charts
from paperclip.companies import choices as company_words
from paperclip.core import clock, fragments, links, markdown, status_look
from paperclip.core.templatetags import board
from paperclip.governance.choices import ApprovalStatus

NOW = datetime(2026, 1, 31, 8, 15, tzinfo=UTC)
PAP = markdown.Identifiers("PAP", lambda identifier: f"/to/{identifier}")
CSS = Path(settings.BASE_DIR / "paperclip/board/assets/board/board.css").read_text()
TEMPLATES = sorted(Path(settings.BASE_DIR / "templates").rglob("*.html"))
SCRIPTS = sorted(Path(settings.BASE_DIR / "paperclip/board/assets").rglob("*.js"))


# --- Status ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words_of",
    [
        IssueStatus, RunStatus, WakeupStatus, RunnerState, ApprovalStatus, company_words.AgentStatus,
        company_words.CompanyStatus, company_words.ProjectStatus, company_words.GoalStatus,
    ],
)  # fmt: skip
def test_every_status_has_a_look(words_of):
    assert set(words_of.values) <= status_look.STATUS_LOOK.keys() | {"claimed"}


def test_every_priority_has_a_look():
    assert set(IssuePriority.values) == status_look.PRIORITY_LOOK.keys()


@pytest.mark.parametrize("group", status_look.GROUPS)
def test_every_group_is_drawn(group):
    assert f".chip-{group}" in CSS
    assert f".mark-{group}" in CSS
    assert f".beat-{group}" in CSS


def test_unknown_status_is_shown_under_its_own_name():
    assert status_look.of("some_new_word") == status_look.Look(
        "rest", "radio_button_unchecked", "Some new word"
    )


# --- No inline code, nobody else's hosts -----------------------------------------------------------------


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR)))
def test_template_holds_no_inline_code_and_no_foreign_host(template):
    text = template.read_text()
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text)
    assert not re.search(r"(src|href)=\"(https?:)?//", text)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_evaluates_nothing_and_calls_nobody_else(script):
    text = script.read_text()
    assert not re.search(r"\beval\(|new Function|innerHTML\s*=|https?://", text)


# --- Markdown --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("<script>alert(1)</script>", "<script"),
        ('<img src=x onerror="alert(1)">', "<img"),
        ("[x](javascript:alert(1))", 'href="javascript'),
        ("[x](data:text/html,hello)", 'href="data'),
        ("[x](vbscript:x)", 'href="vbscript'),
        ("![x](http://evil.example/track.png)", "<img"),
        ("<a href='http://x' onclick='x()'>y</a>", "<a href='http://x' onclick"),
        ("<iframe src=//evil.example></iframe>", "<iframe"),
        ("```html\n<script>alert(1)</script>\n```", "<script>"),
        ("<style>body{display:none}</style>", "<style"),
    ],
)
def test_markdown_lets_no_code_through(text, absent):
    assert absent not in markdown.render(text)


def test_markdown_shows_what_people_write():
    html = markdown.render(
        "# Head\n\n- a\n- **b**\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n`code` ~~old~~\n\n[in](/admin/)"
    )
    for tag in ("<h1>", "<li>", "<strong>", "<table>", "<code>", "<s>", '<a href="/admin/"'):
        assert tag in html


@pytest.mark.parametrize("anchor", ["", "#comment-1", "#document-plan"])
def test_addresses_of_the_interface_lead_to_the_board(anchor):
    html = markdown.render(f"[x](/PAP/issues/PAP-1{anchor}) and [y](/PAP/agents/PAP-1)", PAP)
    assert f'href="/to/PAP-1{anchor}"' in html
    assert 'href="/PAP/agents/PAP-1"' in html


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("See PAP-12, and PAP-3.", ["PAP-12", "PAP-3"]),
        ("| a |\n|---|\n| PAP-4 |", ["PAP-4"]),
        ("`PAP-12` and [PAP-13](https://x.example)", []),
        ("XPAP-12 PAP-x PAP-12345678901 OTHER-12", []),
    ],
)
def test_names_of_issues_become_links(text, linked):
    assert re.findall(r'href="/to/([^"]*)"', markdown.render(text, PAP)) == linked


def test_markdown_of_nothing_is_nothing():
    assert markdown.render(None) == ""


def test_huge_text_is_cut_and_quick():
    assert len(markdown.render("word " * 1_000_000)) < 500_000


# --- Times, money, sizes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=5), "5 d ago"),
        (timedelta(minutes=-8), "in 8 min"),
        (timedelta(seconds=-8), "in a moment"),
    ],
)
def test_moment_is_told_as_distance(ago, said):
    assert board.distance(clock.now() - ago) == said


def test_moment_long_ago_is_told_as_date():
    assert re.fullmatch(r"\d{1,2} [A-Z][a-z]{2} \d{4}", board.distance(clock.now() - timedelta(days=90)))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.42, "0.4 s"),
        (42, "42 s"),
        (125, "2 min 5 s"),
        (11_400, "3 h 10 min"),
        (187_200, "2 d 4 h"),
        (-5, "0.0 s"),
    ],
)
def test_length_of_time(seconds, said):
    assert board.duration(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("cents", "said"), [(0, "$0.00"), (14, "$0.14"), (123_450, "$1,234.50"), (None, "$0.00")]
)
def test_money(cents, said):
    assert board.money(cents) == said


@pytest.mark.parametrize(
    ("count", "said"), [(812, "812 B"), (14_200, "14 kB"), (3_200_000, "3.2 MB"), (None, "0 B")]
)
def test_size(count, said):
    assert board.bytes_size(count) == said


@pytest.mark.parametrize(
    ("role", "said"), [("ceo", "CEO"), ("qa", "QA"), ("devops", "DevOps"), ("engineer", "Engineer")]
)
def test_role(role, said):
    assert board.role_words(role) == said


# --- Charts ----------------------------------------------------------------------------------------------


def test_bars_stack_upwards_and_stay_inside():
    chart = charts.run_chart(
        [
            (date(2026, 1, 1), {"succeeded": 3, "failed": 1, "other": 0}),
            (date(2026, 1, 2), {"succeeded": 0, "failed": 0, "other": 0}),
        ]
    )
    good, bad = chart.days[0].pieces
    assert (chart.peak, chart.total) == (4, 4)
    assert good.y + good.height == pytest.approx(charts.HEIGHT, abs=0.2)
    assert bad.y + bad.height == pytest.approx(good.y, abs=0.2)
    assert chart.days[1].pieces == []
    assert chart.days[0].title == "Thu 1 Jan: 3 succeeded, 1 failed or timed out"
    assert chart.days[1].title == "Fri 2 Jan: no runs"


def test_single_failure_on_a_busy_day_stays_visible():
    chart = charts.run_chart([(date(2026, 1, 1), {"succeeded": 9999, "failed": 1, "other": 0})])
    assert chart.days[0].pieces[1].height >= 2


def test_shares_are_relative_to_the_largest():
    assert [share.width for share in charts.shares([("todo", 4), ("done", 8), ("blocked", 0)])] == [
        50,
        100,
        0,
    ]


def test_strip_draws_a_bar_per_run_of_a_day(scene):
    now = clock.now()
    drawn = strip.of([scene.backend.pk], now=now)[scene.backend.pk]
    runs = Run.objects.filter(agent=scene.backend, created_at__gte=now - timedelta(hours=24))
    assert drawn.total == runs.count() == len(drawn.bars)
    assert all(0 <= bar.x <= strip.WIDTH and 0 < bar.height <= strip.HEIGHT for bar in drawn.bars)


# --- Names of runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (Run(status="queued"), "waits for a runner"),
        (Run(status="running"), "at work"),
        (Run(status="succeeded"), "left no trace"),
        (Run(status="failed", error="boom\nat line 3"), "failed: boom"),
        (Run(status="failed"), "failed"),
        (Run(status="timed_out"), "timed out"),
        (Run(status="cancelled", cancel_reason="Stopped by Board"), "cancelled: Stopped by Board"),
    ],
)
@pytest.mark.django_db
def test_run_is_named_by_what_it_did(run, said):
    assert words.tell([run])[run.pk].what == said


def test_run_is_named_by_the_marks_it_left(scene):
    run = Run.objects.filter(agent=scene.backend, status="succeeded", issue__isnull=False).get()
    assert words.tell([run])[run.pk].what == "issue done, 1 comment"


@pytest.mark.parametrize(
    ("reason", "source", "said"),
    [
        ("issue_assigned", "assignment", "The issue was assigned"),
        ("some_new_reason", "automation", "Some new reason"),
        (None, "timer", "Its timer was due"),
        (None, "on_demand", "Woken by hand"),
    ],
)
def test_run_says_why_it_was_called(reason, source, said):
    assert words.why(Run(invocation_source=source, wakeup_request=WakeupRequest(reason=reason))) == said


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (Run(status="running"), ""),
        (Run(status="succeeded", followup_mechanism="none", followup_reason="The run succeeded"), ""),
        (
            Run(status="failed", followup_mechanism="none", followup_reason="Not again"),
            "Nothing follows: not again",
        ),
        (
            Run(
                status="failed",
                followup_mechanism="process_loss_retry",
                followup_reason="The program was lost",
            ),
            "Retried: the program was lost",
        ),
        (
            Run(
                status="failed",
                followup_mechanism="scheduled_retry",
                followup_reason="Overloaded",
                followup_attempt=2,
                followup_due_at=NOW + timedelta(minutes=8, seconds=10),
            ),
            "Retry 2 of 4 in 8 min: overloaded",
        ),
    ],
)
def test_run_says_what_follows_it(run, said):
    assert words.followup(run, NOW) == said


# --- Fragments and links ---------------------------------------------------------------------------------


def fragment(request, moment, *, name="x", is_final=False):
    return fragments.answer(
        request, "board/parts/time.html", {"moment": moment, "kind": "ago", "text": name}, is_final=is_final
    )


def test_fragment_is_sent_once_and_then_only_named():
    moment = clock.now()
    first = fragment(RequestFactory().get("/"), moment)
    again = fragment(RequestFactory().get("/", headers={"If-None-Match": first["ETag"]}), moment)
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_words_that_move_on_by_themselves_are_no_news():
    moment = clock.now()
    early, late = (
        fragment(RequestFactory().get("/"), moment, name=text) for text in ("5 min ago", "6 min ago")
    )
    other = fragment(RequestFactory().get("/"), moment + timedelta(seconds=1))
    assert early["ETag"] == late["ETag"] != other["ETag"]


def test_final_fragment_ends_the_polling():
    assert fragment(RequestFactory().get("/"), clock.now(), is_final=True).status_code == 286


def test_links_name_rows_of_one_company_only(scene, outsider):
    wanted = [
        ("issue", str(scene.issue.pk)),
        ("agent", str(scene.backend.pk)),
        ("issue", "x"),
        ("unheard_of", "x"),
    ]
    found = links.resolve(scene.company.pk, wanted)
    assert {key: link.text for key, link in found.items()} == {
        ("issue", str(scene.issue.pk)): "NWA-1",
        ("agent", str(scene.backend.pk)): "Backend",
    }
    elsewhere = outsider.pk
    assert links.resolve(elsewhere, wanted) == {}
