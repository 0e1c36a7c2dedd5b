"""No read asks the database more often for fifty rows than for five, and each as often as `query_counts` says."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.core.api import routes
from tests.core.api.full import Full
from tests.core.api.query_counts import KNOWN, NOT_COUNTED, OF_AGENTS, QUERIES

_TOUCH = re.compile(r'UPDATE "\w+" SET "last_used_at"')
READS = [route for route in routes.every() if "get" in route.methods]


def test_every_read_has_a_count_or_a_reason_for_none():
    named = {str(route) for route in READS}
    assert named == set(KNOWN) | set(NOT_COUNTED)
    assert not set(KNOWN) & set(NOT_COUNTED)


@pytest.fixture
def full(cast):
    return Full(cast)


def questions(full: Full) -> dict[str, list[str]]:
    """Return what each read asks of the database, the second time it is done."""
    found = {}
    for route in READS:
        name = str(route)
        if name in NOT_COUNTED:
            continue
        caller = full.cast.as_agent(full.cast.engineer) if name in OF_AGENTS else full.cast.as_owner
        path = route.path(**{key: full.ids[key] for key in route.parameters})
        path += QUERIES.get(name, "").format(user=full.cast.owner.id)
        assert caller.get(path).status_code == 200, (path, caller.get(path).content[:300])
        with CaptureQueriesContext(connection) as seen:
            caller.get(path)
        # That a credential was used is written down once a minute, whatever is read.
        asked = [question["sql"] or "put together outside of Django" for question in seen]
        found[name] = [sql for sql in asked if not _TOUCH.match(sql)]
    return found


@pytest.mark.timeout(900)  # a few hundred requests, on a busy machine
def test_questions_are_as_many_as_known_for_few_rows_and_for_many(full):
    full.fill(4)
    few = questions(full)
    full.fill(45)
    many = questions(full)
    grown = {
        name: "\n".join(sorted({sql for sql in many[name] if many[name].count(sql) > 1} or many[name])[:5])
        for name in many
        if len(many[name]) > len(few[name])
    }
    assert not grown, {name: (len(few[name]), len(many[name]), sql[:1500]) for name, sql in grown.items()}
    counted = {name: max(len(few[name]), len(asked)) for name, asked in many.items()}
    assert counted == KNOWN, {
        name: counted.get(name) for name in {*counted, *KNOWN} if counted.get(name) != KNOWN.get(name)
    }
