"""The page of those who carry out runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from paperclip.core import clock
from tests import factories
from tests.board.conftest import browse

LIST = "/admin/heartbeat/runner/"
HOUR = timedelta(hours=1)


@pytest.fixture
def operator(db):
    """Who runs the installation; there is no runner yet."""
    return factories.user(member_of=factories.company(), is_superuser=True)


def shown(client, **query) -> str:
    return client.get(LIST, query).content.decode()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "Active"),
        ({"state": "draining", "drain_requested_at": clock.now()}, "Draining"),
        ({"state": "stopped", "drain_requested_at": clock.now()}, "Drained"),
        ({"state": "stopped"}, "Stopped"),
        ({"lease_expires_at": clock.now() - HOUR}, "Silent"),
        ({"state": "stopped", "lost_at": clock.now(), "lease_expires_at": clock.now() - HOUR}, "Lost"),
    ],
)
def test_state_is_told_in_one_word(operator, fields, word):
    factories.runner(name="the-one", **fields)
    html = shown(browse(operator))
    chips = html.split("<tbody>")[1]
    assert word in chips
    others = {"Active", "Draining", "Drained", "Stopped", "Silent", "Lost"} - {word}
    assert not [other for other in others if f">{other}<" in chips]


def test_live_runs_are_named_and_linked_for_companies_of_the_person_only(scene):
    runner = factories.runner(name="busy")
    mine = [factories.run(scene.backend, runner=runner) for _ in range(7)]
    stranger = factories.agent(factories.company(), name="Stranger")
    factories.run(stranger, runner=runner)
    html = shown(browse(scene.owner))
    assert sum(f"/run/{run.pk}/change/" in html for run in mine) == 5
    assert "and 3 more" in html
    assert "Stranger" not in html


def test_list_is_sorted_by_any_heading(operator):
    idle, busy = factories.runner(name="b-idle"), factories.runner(name="a-busy")
    factories.run(factories.agent(factories.company()), runner=busy)
    client = browse(operator)
    for order, first in (("0", busy), ("-0", idle), ("2", idle), ("-2", busy)):
        html = shown(client, o=order)
        assert (html.index("a-busy") < html.index("b-idle")) == (first == busy), order
    for order in range(8):
        assert client.get(LIST, {"o": f"-{order}"}).status_code == 200


def test_drain_and_take_work_again(operator):
    runner = factories.runner()
    client = browse(operator)
    page = client.post(f"{LIST}{runner.pk}/do/drain/", follow=True).content.decode()
    runner.refresh_from_db()
    assert runner.drain_requested_at
    assert runner.state == "draining"
    assert "takes no more work" in page
    assert "Take work again" in page
    again = client.post(f"{LIST}{runner.pk}/do/drain/", follow=True).content.decode()
    assert "is drained already" in again
    page = client.post(f"{LIST}{runner.pk}/do/take-work/", follow=True).content.decode()
    runner.refresh_from_db()
    assert (runner.drain_requested_at, runner.state) == (None, "active")
    assert "takes work again" in page


def test_members_drain_nothing(scene, viewer):
    runner = factories.runner()
    for who in (viewer, factories.user(member_of=scene.company), factories.user()):
        assert browse(who).post(f"{LIST}{runner.pk}/do/drain/").status_code in (403, 404)
    runner.refresh_from_db()
    assert runner.drain_requested_at is None


def test_page_costs_the_same_however_many_runners_and_runs(scene):
    client = browse(scene.owner)
    counts = []
    for many in (1, 10):
        for _ in range(many):
            runner = factories.runner()
            for _ in range(3):
                factories.run(scene.backend, runner=runner)
        with CaptureQueriesContext(connection) as queries:
            shown(client)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 9
