from __future__ import annotations

import contextlib
import time

import pytest
from django.db import connection

from heartbeat.adapters.base import Result
from heartbeat.choices import FailureCategory
from heartbeat.models import FailureRule, Run
from heartbeat.outcomes import Remains
from heartbeat.retries import classify, patterns, rules
from heartbeat.retries.classify import Failure
from heartbeat.retries.rules import Draft
from paperclip.companies import actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from paperclip.core.errors import Forbidden, Invalid
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import wake

RETRYABLE = {"process_killed", "rate_limit", "timeout", "network_error", "eof_error"}


def kind(error: str | None = None, **known) -> str:
    known.setdefault("exit_code", None if "signal" in known else 1)
    return str(classify.diagnose(Failure(error=error, **known)).category)


# --- The table (H-115) -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "category"),
    [
        pytest.param({"signal": "SIGKILL"}, "process_killed", id="H-115.1 SIGKILL"),
        pytest.param(
            {"signal": "SIGTERM", "exit_code": 1}, "process_killed", id="H-115.1 SIGTERM with a code"
        ),
        pytest.param({"signal": "SIGSEGV"}, "process_killed", id="H-115.1 any signal without a code"),
        pytest.param(
            {"signal": "SIGKILL", "error": "out of memory"}, "process_killed", id="H-115.1 goes first"
        ),
        pytest.param({"error": "spawn x ENOENT"}, "not_found", id="H-115.2 enoent"),
        pytest.param({"error": "No such file or directory"}, "not_found", id="H-115.2 no such file"),
        pytest.param({"error": "sh: foo: command not found"}, "not_found", id="H-115.2 not found"),
        pytest.param({"error": "model not found (429)"}, "not_found", id="HB-93 not found before rate limit"),
        pytest.param({"error": "Permission denied"}, "permission_denied", id="H-115.3"),
        pytest.param(
            {"error": "permission denied: 429 Too Many Requests"}, "permission_denied", id="H-115.3 before 4"
        ),
        pytest.param({"error": "Rate limit exceeded"}, "rate_limit", id="H-115.4 rate limit"),
        pytest.param({"error": "rate_limit_error"}, "rate_limit", id="H-115.4 rate_limit"),
        pytest.param(
            {"error": "exceeded retry limit, last status: 429 Too Many Requests"}, "rate_limit", id="H-115.4"
        ),
        pytest.param(
            {"error": "API Error: Request rejected (429) · wait"}, "rate_limit", id="H-115.4 brackets"
        ),
        pytest.param({"error": "429"}, "rate_limit", id="H-115.4 nothing else said"),
        pytest.param({"error": "request timeout after HTTP 429"}, "rate_limit", id="H-115.4 before 5"),
        pytest.param({"error": "Timeout"}, "timeout", id="H-115.5 timeout"),
        pytest.param({"error": "connect ETIMEDOUT"}, "timeout", id="H-115.5 etimedout"),
        pytest.param({"error": "Request timed out."}, "timeout", id="H-115.5 timed out"),
        pytest.param(
            {"error": "Timed out after 5s", "timed_out": True, "signal": "SIGTERM"}, "timeout", id="own clock"
        ),
        pytest.param({"error": "Empty response"}, "network_error", id="H-115.6 empty response"),
        pytest.param({"error": "read ECONNRESET"}, "network_error", id="H-115.6 econnreset"),
        pytest.param({"error": "unexpected EOF"}, "eof_error", id="H-115.7 eof"),
        pytest.param({"error": "Unexpected end of file"}, "eof_error", id="H-115.7 end of file"),
        pytest.param({"error": "JavaScript heap out of memory"}, "oom", id="H-115.8 out of memory"),
        pytest.param({"error": "OOM"}, "oom", id="H-115.8 oom"),
        pytest.param({"error": "it said no"}, "unknown", id="H-115.9"),
        pytest.param({"error": ""}, "unknown", id="H-115.9 empty"),
        pytest.param({"error": None}, "unknown", id="H-115.9 nothing at all"),
        pytest.param({"error_code": "process_lost"}, "process_killed", id="the program was lost"),
        pytest.param({"error_code": "command_not_found"}, "not_found", id="code of the shim"),
        pytest.param({"error_code": "claude_auth_required"}, "permission_denied", id="A-7 login"),
        pytest.param({"error_code": "openclaw_gateway_timeout"}, "timeout", id="A-7 gateway"),
        pytest.param({"error": "busy", "error_family": "transient_upstream"}, "rate_limit", id="A-5 family"),
        pytest.param(
            {"error": "x", "error_code": "codex_transient_upstream"}, "rate_limit", id="A-7 transient"
        ),
        pytest.param({"error": "API Error", "http_status": 429}, "rate_limit", id="status of the result"),
        pytest.param(
            {"error": "Process exited with code 137", "exit_code": 137}, "process_killed", id="128 + 9"
        ),
        pytest.param({"error": "out of memory", "exit_code": 137}, "oom", id="text before exit code"),
    ],
)
def test_the_table_is_asked_in_its_order(known, category):
    assert kind(**known) == category
    known.setdefault("exit_code", None if "signal" in known else 1)
    found = classify.diagnose(Failure(**known))
    assert found.is_retryable is (category in RETRYABLE)
    assert found.advice.endswith(".")
    assert found.analysis == ("Wait and retry on next heartbeat interval" if category == "rate_limit" else "")


@pytest.mark.parametrize(
    "trap",
    [
        pytest.param("run PAP-429 failed", id="identifier"),
        pytest.param("commit 7f429abc", id="hash"),
        pytest.param("issue #429 is open", id="number of an issue"),
        pytest.param("line 429: bad", id="line"),
        pytest.param("took 429 ms", id="duration"),
        pytest.param("returned 429 rows", id="count"),
        pytest.param("http://host/items/404", id="address"),
        pytest.param("listening on port 4290", id="port"),
        pytest.param("The room is full; use Zoom", id="oom in room"),
        pytest.param("typeof x is undefined", id="eof in typeof"),
        pytest.param("geoff wrote it", id="eof in a name"),
        pytest.param("the corporate limit holds", id="rate limit in corporate limit"),
        pytest.param("accurate limits", id="rate limit in accurate limits"),
        pytest.param("unknown option --timeout", id="timeout as a flag"),
        pytest.param("invalid value for timeoutSec", id="timeout as a setting"),
        pytest.param("see API_TIMEOUT_MS", id="timeout as a variable"),
        pytest.param("foundry", id="found"),
    ],
)
def test_a_trap_is_no_sign(trap):  # HW-25
    assert kind(trap) == "unknown"


def test_every_category_has_advice_a_person_can_follow():
    assert set(classify.ADVICE) == set(FailureCategory)
    assert all(len(advice) > 40 for advice in classify.ADVICE.values())


def test_a_long_error_is_read_to_a_bound():
    assert kind("x" * classify.TEXT_CHARS + " ECONNRESET") == "unknown"


# --- What is written on a run ----------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(cast):
    wake(cast.engineer, issue=factories.issue(cast.company, assignee_agent=cast.engineer))
    (claimed,) = claim()
    return claimed


def test_a_failed_run_says_its_kind_and_what_to_do(run):
    finish(run, result=Result(error_message="ENOENT: no such file: plan.txt"), remains=Remains(exit_code=2))
    run.refresh_from_db()
    assert (run.failure_category, run.failure_advice) == ("not_found", classify.ADVICE["not_found"])


@pytest.mark.parametrize(
    ("result", "remains"),
    [
        pytest.param(Result(), Remains(exit_code=0), id="went well"),
        pytest.param(Result(error_message="429"), Remains(exit_code=1), id="cancelled"),
    ],
)
def test_only_failures_have_a_kind(run, request, result, remains):
    if "cancelled" in request.node.callspec.id:
        Run.objects.filter(pk=run.pk).update(cancel_requested_at=clock.now(), cancel_reason="enough")
    finish(run, result=result, remains=remains)
    run.refresh_from_db()
    assert (run.failure_category, run.failure_advice) == (None, None)


# --- Rules of operators ----------------------------------------------------------------------------------


def draft(pattern="flux capacitor", **said):
    values = {
        "name": "Flux",
        "category": "network_error",
        "is_retryable": True,
        "advice": "Charge it.",
    } | said
    return Draft(pattern=pattern, **values)


def create(cast, *args, **said):
    return rules.create(
        company=cast.company, draft=draft(*args, **said), actor=actors.for_user(cast.owner), now=clock.now()
    )


def diagnose(cast, error, code=None):
    return rules.diagnose(cast.company.pk, Failure(error=error, error_code=code, exit_code=1))


def test_a_rule_is_asked_before_the_table(cast):
    create(cast, name="Busy", pattern=r"\bno such file\b", category="timeout", advice="Wait.")
    found = diagnose(cast, "No Such File: x")
    assert (found.category, found.is_retryable, found.advice, found.rule) == (
        "timeout",
        True,
        "Wait.",
        "Busy",
    )
    assert diagnose(cast, "no such files: x").rule is None
    assert rules.diagnose(cast.elsewhere.pk, Failure(error="no such file")).category == "not_found"


def test_the_first_rule_by_position_wins_and_a_resting_one_is_passed_over(cast):
    late = create(cast, name="Late", pattern="flux", position=2, category="oom")
    early = create(cast, name="Early", pattern="flux", position=1, category="timeout")
    assert diagnose(cast, "flux").rule == "Early"
    rules.switch(rule=early, is_enabled=False, actor=actors.for_user(cast.owner), now=clock.now())
    assert diagnose(cast, "flux").rule == "Late"
    changed = draft("nothing like it", name="Late", position=2)
    rules.update(rule=late, draft=changed, actor=actors.for_user(cast.owner), now=clock.now())
    assert diagnose(cast, "flux").rule is None
    actions = Activity.objects.filter(entity_type="failure_rule").values_list("action", flat=True)
    assert sorted(actions) == [
        "failure_rule.created", "failure_rule.created", "failure_rule.disabled", "failure_rule.updated",
    ]  # fmt: skip


def test_a_rule_may_look_at_the_code_of_the_error(cast):
    create(cast, pattern="^spawn_failed:")
    assert diagnose(cast, "anything", code="spawn_failed").rule == "Flux"


def test_a_rule_without_words_of_its_own_gives_the_advice_of_its_kind(cast):
    create(cast, advice="", category="oom", is_retryable=False)
    assert diagnose(cast, "flux capacitor").advice == classify.ADVICE["oom"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        pytest.param({"pattern": "  "}, "pattern", id="nothing to look for"),
        pytest.param({"pattern": "("}, "pattern", id="no regular expression"),
        pytest.param({"pattern": "a" * 301}, "pattern", id="long pattern"),
        pytest.param({"pattern": r"(a)\1"}, "pattern", id="back reference"),
        pytest.param({"pattern": "a\0b"}, "pattern", id="null character"),
        pytest.param({"pattern": "((a{1,250}){1,250}){1,250}"}, "pattern", id="pattern that explodes"),
        pytest.param({"name": " "}, "name", id="no name"),
        pytest.param({"name": "x" * 97}, "name", id="long name"),
        pytest.param({"category": "weather"}, "category", id="no such kind"),
        pytest.param({"position": 0}, "position", id="position too low"),
        pytest.param({"advice": "x" * 2001}, "advice", id="long advice"),
    ],
)
def test_a_bad_rule_is_refused_by_its_field(cast, said, field):
    with pytest.raises(Invalid) as refusal:
        create(cast, **said)
    assert refusal.value.details[0]["path"] == [field]
    assert not FailureRule.objects.exists()


def test_two_rules_of_one_name_are_refused(cast):
    create(cast)
    with pytest.raises(Invalid) as refusal:
        create(cast)
    assert refusal.value.details[0]["path"] == ["name"]


@pytest.mark.parametrize("who", ["viewer", "outsider", "agent"])
def test_only_who_may_write_keeps_rules(cast, who):
    actor = actors.for_agent(cast.ceo) if who == "agent" else actors.for_user(getattr(cast, who))
    with pytest.raises(Forbidden):
        rules.create(company=cast.company, draft=draft(), actor=actor, now=clock.now())


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        pytest.param(r"\bEOF\b", "an eof here", True, id="word boundary"),
        pytest.param(r"\bEOF\b", "typeof", False, id="no word boundary"),
        pytest.param(r"[\d]+ms", "took 12ms", True, id="set"),
        pytest.param(r"[]x]y", "]y", True, id="bracket in a set"),
        pytest.param(r"[^]]y", "]y", False, id="bracket in a negated set"),
        pytest.param(r"a\\b", "a\\b", True, id="backslash"),
        pytest.param(r"(?=busy)b", "busy", True, id="look ahead"),
    ],
)
def test_patterns_read_as_people_write_them(pattern, text, found):
    patterns.check(pattern)
    assert (patterns.first_match([pattern], text) is not None) is found


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){12}$", "(x+x+)+y"])
def test_no_pattern_hangs_the_end_of_a_run(pattern):
    patterns.check(pattern)
    began = time.monotonic()
    with contextlib.suppress(patterns.TooSlow):
        patterns.first_match([pattern], "a" * classify.TEXT_CHARS + "!")
    assert time.monotonic() - began < 2


def test_rules_that_cannot_be_asked_do_not_keep_a_run_from_ending(cast, run, caplog):
    rule = create(cast)
    FailureRule.objects.filter(pk=rule.pk).update(pattern="(")
    finish(run, result=Result(error_message="read ECONNRESET"), remains=Remains(exit_code=1))
    run.refresh_from_db()
    assert (run.status, run.failure_category) == ("failed", "network_error")
    assert "could not be asked" in caplog.text


def test_the_limit_of_time_ends_with_the_question(cast):
    def limit():
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            return cursor.fetchone()[0]

    before = limit()
    patterns.first_match(["a"], "a")
    assert limit() == before


# --- Trying a rule ---------------------------------------------------------------------------------------


def failed(cast, error, **fields):
    fields.setdefault("status", "failed")
    return factories.run(cast.engineer, error=error, error_code="adapter_failed", exit_code=1, **fields)


def try_out(cast, *args, rule=None, **said):
    return rules.try_out(company=cast.company, draft=draft(*args, **said), rule=rule)


def test_trying_a_rule_shows_what_it_would_change_and_keeps_nothing(cast):
    known = failed(cast, "flux capacitor empty")
    alike = failed(cast, "flux capacitor: ECONNRESET")
    failed(cast, "something else")
    factories.run(cast.engineer, status="cancelled", error="flux capacitor")
    factories.run(cast.foreign_agent, status="failed", error="flux capacitor")

    preview = try_out(cast, advice="")

    assert preview.examined == 3
    assert [trial.run.pk for trial in preview.trials] == [alike.pk, known.pk]
    assert [trial.changes for trial in preview.trials] == [False, True]
    assert (preview.changed, preview.trials[1].before.category) == (1, "unknown")
    assert preview.trials[1].after.category == "network_error"
    assert not FailureRule.objects.exists()


def test_a_tried_rule_stands_behind_those_that_come_first(cast):
    create(cast, name="First", pattern="flux", position=1, category="oom", is_retryable=False)
    failed(cast, "flux capacitor")
    behind = try_out(cast, name="Second", position=1)
    assert (behind.trials[0].after.rule, behind.changed) == ("First", 0)


def test_an_edited_rule_is_compared_with_itself(cast):
    rule = create(cast)
    failed(cast, "flux capacitor")
    same = try_out(cast, rule=rule)
    other = try_out(cast, rule=rule, category="oom", is_retryable=False)
    assert (same.changed, other.changed) == (0, 1)
    assert other.trials[0].before.rule == "Flux"


def test_trying_looks_at_the_newest_two_hundred_in_a_fixed_number_of_queries(
    cast, django_assert_max_num_queries
):
    Run.objects.bulk_create(
        Run(company=cast.company, agent=cast.engineer, status=status, error="flux capacitor")
        for status in ["failed", "timed_out"] * 150
    )
    with django_assert_max_num_queries(15):
        preview = try_out(cast)
    assert (preview.examined, len(preview.trials)) == (200, 200)


def test_a_tried_rule_that_takes_too_long_is_refused(cast, monkeypatch):
    monkeypatch.setattr(patterns, "TRY_MS", 1)
    for _ in range(200):
        failed(cast, "x" * classify.TEXT_CHARS)
    with pytest.raises(Invalid, match="Validation"):
        try_out(cast, r"(x+x+x+)+y.{0,200}z")
