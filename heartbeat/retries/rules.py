"""Failure rules of operators: kept, asked before the table of H-115, and tried on past failures before they count."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Left

from heartbeat.choices import FailureCategory, RunStatus
from heartbeat.models import FailureRule, Run
from heartbeat.retries import classify, patterns
from heartbeat.retries.classify import TEXT_CHARS, Diagnosis, Failure
from paperclip.companies import activity, auth
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company
from paperclip.core.errors import Conflict, Invalid

log = logging.getLogger(__name__)

MOST_RULES = 100
MAX_POSITION = 1000
TRIED_RUNS = 200
_MAX_NAME = 96
_MAX_PATTERN = 300
_MAX_ADVICE = 2000
# Where adapters leave the upstream's status in a result.
_STATUS_KEYS = ("httpStatus", "statusCode", "status_code", "apiErrorStatus", "api_error_status")
_RESULT_KEYS = ("errorFamily", *_STATUS_KEYS)


@dataclass(frozen=True)
class Draft:
    """What a person says of a rule. Rules of a company are asked by `position`, the lowest first."""

    name: str
    pattern: str
    category: str
    is_retryable: bool
    advice: str = ""
    position: int = 1
    is_enabled: bool = True


def create(*, company: Company, draft: Draft, actor: Actor, now: datetime) -> FailureRule:
    """Keep a rule for the failures to come (at most MOST_RULES per company).

    Raises Invalid naming the field, Forbidden, Conflict for one too many or a name that is taken.
    """
    _require_writer(actor, company.pk)
    values = _checked(draft)
    with transaction.atomic():
        Company.objects.select_for_update(no_key=True).get(pk=company.pk)
        if FailureRule.objects.filter(company=company).count() >= MOST_RULES:
            raise Conflict(f"A company has at most {MOST_RULES} failure rules; change one that is not needed")
        rule = FailureRule(company=company, created_at=now, updated_at=now, **values)
        _keep(rule, insert=True)
        _log(rule, "created", actor, now)
    return rule


def update(*, rule: FailureRule, draft: Draft, actor: Actor, now: datetime) -> FailureRule:
    """Change a rule for the failures to come; what was said of past ones stays. Raises as `create` does."""
    _require_writer(actor, rule.company_id)
    values = _checked(draft)
    with transaction.atomic():
        rule = FailureRule.objects.select_for_update(no_key=True).get(pk=rule.pk)
        for name, value in values.items():
            setattr(rule, name, value)
        rule.updated_at = now
        _keep(rule)
        _log(rule, "updated", actor, now)
    return rule


def switch(*, rule: FailureRule, is_enabled: bool, actor: Actor, now: datetime) -> FailureRule:
    """Let a rule be asked, or let it rest."""
    _require_writer(actor, rule.company_id)
    with transaction.atomic():
        changed = FailureRule.objects.filter(pk=rule.pk, is_enabled=not is_enabled).update(
            is_enabled=is_enabled, updated_at=now
        )
        rule.refresh_from_db()
        if changed:
            _log(rule, "enabled" if is_enabled else "disabled", actor, now)
    return rule


def of_company(company_id: UUID) -> QuerySet[FailureRule]:
    """Return the company's rules in the order in which they are asked."""
    return FailureRule.objects.filter(company_id=company_id).order_by("position", "created_at", "id")


def diagnose(company_id: UUID, failure: Failure) -> Diagnosis:
    """Return what kind of failure it is: by the first of the company's rules that knows it, else by the table.

    A rule that cannot be asked is reported in the log and passed over: no pattern may keep a run from ending.
    """
    asked = list(of_company(company_id).filter(is_enabled=True)[:MOST_RULES])
    try:
        place = patterns.first_match([rule.pattern for rule in asked], _said(failure))
    except (patterns.TooSlow, DataError, Invalid) as error:
        log.error("the failure rules of company %s could not be asked: %s", company_id, type(error).__name__)
        place = None
    built_in = classify.diagnose(failure)
    return built_in if place is None else _by_rule(asked[place], built_in)


def failure_of(run: Run) -> Failure:
    """Return what is known of the failure of an ended run."""
    return _failure(run, run.error, run.result_json or {})


# --- Trying a rule before it counts ----------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A past failure that a rule knows, and what is said of it without and with the rule."""

    run: Run
    before: Diagnosis
    after: Diagnosis

    @property
    def changes(self) -> bool:
        """Whether the rule would change its kind, its advice, or whether it is tried again."""
        told = (self.before.category, self.before.is_retryable, self.before.advice)
        return told != (self.after.category, self.after.is_retryable, self.after.advice)


@dataclass(frozen=True)
class Preview:
    """What a rule would do to the newest failures of a company, newest first."""

    examined: int
    trials: Sequence[Trial]

    @property
    def changed(self) -> int:
        """How many of them would be judged differently."""
        return sum(trial.changes for trial in self.trials)


def try_out(*, company: Company, draft: Draft, rule: FailureRule | None = None) -> Preview:
    """Return what `draft`, in place of `rule` or as a new one, would do to the newest TRIED_RUNS failures.

    A fixed number of queries, whatever the number of runs. Nothing is stored. Raises Invalid naming the field.
    """
    values = _checked(draft)
    tried = FailureRule(company=company, **values)
    present = [kept for kept in of_company(company.pk)[:MOST_RULES] if kept.is_enabled]
    others = [kept for kept in present if rule is None or kept.pk != rule.pk]
    # A new rule of the same position stands behind those that are there, as `of_company` orders them.
    ahead = [kept for kept in others if kept.position <= tried.position]
    planned = [*ahead, *([tried] if tried.is_enabled else []), *others[len(ahead) :]]
    runs = _newest_failures(company)
    failures = {run.pk: _failure(run, run.said, _result(run)) for run in runs}  # type: ignore[attr-defined]
    texts = {run_id: _said(failure) for run_id, failure in failures.items()}
    choices = [[kept.pattern for kept in kept_rules] for kept_rules in ([tried], present, planned)]
    try:
        known, before, after = patterns.first_matches(choices, texts)
    except patterns.TooSlow:
        raise Invalid.at(
            "pattern", message="Trying this pattern takes too long; write it more simply"
        ) from None
    trials = []
    for run in runs:
        if run.pk not in known:
            continue
        built_in = classify.diagnose(failures[run.pk])
        was, would = before.get(run.pk), after.get(run.pk)
        trials.append(
            Trial(
                run,
                built_in if was is None else _by_rule(present[was], built_in),
                built_in if would is None else _by_rule(planned[would], built_in),
            )
        )
    return Preview(len(runs), trials)


def _newest_failures(company: Company) -> list[Run]:
    """The newest failures, each kind read from its own end of the index on status."""
    found: list[Run] = []
    for status in (RunStatus.FAILED, RunStatus.TIMED_OUT):
        rows = Run.objects.filter(company=company, status=status).select_related("agent", "issue")
        rows = rows.annotate(
            said=Left("error", TEXT_CHARS),
            **{f"result_{key}": KeyTransform(key, "result_json") for key in _RESULT_KEYS},
        )
        found += rows.only(
            "id", "status", "error_code", "exit_code", "signal", "created_at", "finished_at", "agent__name",
            "issue__identifier",
        ).order_by("-created_at")[:TRIED_RUNS]  # fmt: skip
    return sorted(found, key=lambda run: run.created_at, reverse=True)[:TRIED_RUNS]


def _result(run: Run) -> dict[str, Any]:
    return {key: getattr(run, f"result_{key}") for key in _RESULT_KEYS}


# --- The pieces ------------------------------------------------------------------------------------------


def _failure(run: Run, error: str | None, result: dict[str, Any]) -> Failure:
    family = result.get("errorFamily")
    return Failure(
        error=error,
        error_code=run.error_code,
        error_family=family if isinstance(family, str) else None,
        exit_code=run.exit_code,
        signal=run.signal,
        timed_out=run.status == RunStatus.TIMED_OUT,
        http_status=_status(result),
    )


def _status(result: dict[str, Any]) -> int | None:
    for key in _STATUS_KEYS:
        value = result.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
            return value
    return None


def _said(failure: Failure) -> str:
    """The text that patterns are matched against: the error with its code in front."""
    return f"{failure.error_code or 'failed'}: {failure.text}"


def _by_rule(rule: FailureRule, built_in: Diagnosis) -> Diagnosis:
    advice = built_in.advice if rule.category == built_in.category else classify.ADVICE[rule.category]
    return Diagnosis(
        category=rule.category,
        is_retryable=rule.is_retryable,
        advice=rule.advice or advice,
        analysis=classify.ANALYSIS.get(rule.category, ""),
        rule=rule.name,
    )


def _checked(draft: Draft) -> dict[str, Any]:
    name = draft.name.strip()
    if not name or len(name) > _MAX_NAME or "\0" in name:
        raise Invalid.at("name", message=f"A name has 1 to {_MAX_NAME} characters")
    if len(draft.pattern) > _MAX_PATTERN:
        raise Invalid.at("pattern", message=f"A pattern has at most {_MAX_PATTERN} characters")
    if draft.category not in FailureCategory.values:
        raise Invalid.at("category", message="There is no such kind of failure")
    if len(draft.advice) > _MAX_ADVICE or "\0" in draft.advice:
        raise Invalid.at("advice", message=f"Advice has at most {_MAX_ADVICE} characters")
    if not 1 <= draft.position <= MAX_POSITION:
        raise Invalid.at("position", message=f"A position is a number from 1 to {MAX_POSITION}")
    patterns.check(draft.pattern)
    return {
        "name": name,
        "pattern": draft.pattern,
        "category": draft.category,
        "is_retryable": draft.is_retryable,
        "advice": draft.advice.strip(),
        "position": draft.position,
        "is_enabled": draft.is_enabled,
    }


def _keep(rule: FailureRule, *, insert: bool = False) -> None:
    try:
        with transaction.atomic():
            rule.save(force_insert=insert)
    except IntegrityError as error:
        if "failure_rule_name_once" not in str(error):
            raise
        raise Invalid.at("name", message="Another rule has this name") from error


def _require_writer(actor: Actor, company_id: UUID) -> None:
    auth.require_board(actor)
    auth.admit(actor, company_id, method="POST")


def _log(rule: FailureRule, what: str, actor: Actor, now: datetime) -> None:
    activity.record(
        company_id=rule.company_id,
        actor=actor,
        action=f"failure_rule.{what}",
        entity_type="failure_rule",
        entity_id=rule.pk,
        details={"name": rule.name, "category": rule.category, "retryable": rule.is_retryable},
        now=now,
    )
