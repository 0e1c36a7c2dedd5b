"""Under a web server that gives no connections away, the stream answers in one piece and is asked again."""

from __future__ import annotations

import pytest
from django.test import Client

from paperclip.companies import activity, actors
from paperclip.core import clock
from tests import cast as standing
from tests.live import ears

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def company() -> standing.Cast:
    return standing.make()


def log(company: standing.Cast, action: str) -> None:
    activity.record(
        company_id=company.company.pk, actor=actors.system("test"), action=action, entity_type="company",
        entity_id=company.company.pk, now=clock.now(),
    )  # fmt: skip


def ask(company: standing.Cast, since: str | None = None) -> tuple[str, str]:
    """What the stream says, and the mark to go on from."""
    headers = {"HTTP_LAST_EVENT_ID": since} if since else {}
    answer = company.as_owner.get(
        ears.stream_path(company.company.pk), HTTP_ACCEPT="text/event-stream", **headers
    )
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/event-stream"
    said = answer.content.decode()
    return said, said.rpartition("id: ")[2].partition("\n")[0]


def test_stream_that_ends_at_once_misses_nothing_either(company):
    said, mark = ask(company)
    assert "event: ready" in said
    assert "retry: 2000" in said
    log(company, "test.one")
    log(company, "test.two")
    said, mark = ask(company, mark)
    assert said.index("test.one") < said.index("test.two")
    said, mark = ask(company, mark)
    assert "test." not in said
    assert "event: ready" in said


def test_mark_that_means_nothing_is_a_wish_to_load_anew(company):
    assert "event: reset" in ask(company, "17")[0]


def test_websocket_is_refused_with_a_reason(company):
    answer = company.as_owner.get(ears.socket_path(company.company.pk), HTTP_UPGRADE="websocket")
    assert answer.status_code == 503
    assert "stream" in answer.json()["error"]


def test_request_that_is_no_handshake_is_told_so(company):
    answer = company.as_owner.get(ears.socket_path(company.company.pk))
    assert answer.status_code == 426
    assert answer["Upgrade"] == "websocket"


def test_foreign_page_may_not_listen_with_a_browsers_session(company):
    browser = Client()
    browser.force_login(company.operator)
    path = ears.stream_path(company.company.pk)
    assert browser.get(path).status_code == 200
    assert browser.get(path, HTTP_ORIGIN="http://testserver").status_code == 200
    assert browser.get(path, HTTP_ORIGIN="https://elsewhere.example").status_code == 403
