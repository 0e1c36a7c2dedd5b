"""Setting up where to hear of what needs a person, with the mouse."""

from __future__ import annotations

import ipaddress
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from paperclip.companies import actors
from paperclip.companies.choices import MemberRole
from paperclip.core import clock
from paperclip.governance import couriers, notices, targets
from paperclip.governance.choices import NoticeKind
from paperclip.governance.models import NoticeDelivery, NotificationTarget
from tests import factories, listeners
from tests.board.conftest import browse

LIST = "/admin/governance/notificationtarget/"
FIELDS = {"channel": "webhook", "address": "https://hooks.example.com/sesame", "kinds": ["run_exhausted"]}


@pytest.fixture
def target(scene) -> NotificationTarget:
    return targets.create(
        company=scene.company, actor=actors.for_user(scene.owner), now=clock.now(), **FIELDS
    )


def do(client, target: NotificationTarget, deed: str):
    return client.post(f"{LIST}{target.pk}/do/{deed}/", follow=True)


def test_webhook_is_set_up_and_its_secret_shown_once(scene):
    client = browse(scene.owner)
    shown = client.post(f"{LIST}add/", {**FIELDS, "hears_installation": "on"})
    made = NotificationTarget.objects.get()
    assert made.hears_installation
    assert made.kinds == ["run_exhausted"]
    assert couriers.signing_key(made) in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    page = client.get(f"{LIST}{made.pk}/change/").content.decode()
    assert couriers.signing_key(made) not in page
    assert "A run failed for good" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"address": "http://localhost:1/"}, ""),
        ({"address": "http://127.0.0.1/"}, "is on a private network"),
        ({"address": "hello"}, "begins with https://"),
        ({"kinds": []}, "Choose at least one"),
        ({"channel": "email"}, "not an e-mail address"),
    ],
)
def test_mistakes_are_shown_beside_their_fields(scene, changes, said):
    answer = browse(scene.owner).post(f"{LIST}add/", FIELDS | changes)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert NotificationTarget.objects.exists() == (not said)


def test_installation_is_offered_to_its_operator_only(scene):
    member = factories.user(member_of=scene.company, role=MemberRole.OPERATOR)
    assert "hears_installation" not in browse(member).get(f"{LIST}add/").content.decode()
    assert "hears_installation" in browse(scene.owner).get(f"{LIST}add/").content.decode()
    browse(member).post(f"{LIST}add/", {**FIELDS, "hears_installation": "on"})
    assert not NotificationTarget.objects.get().hears_installation


def test_list_hides_what_a_page_shows(scene, target):
    client = browse(scene.owner)
    assert "sesame" not in client.get(LIST).content.decode()
    assert "sesame" in client.get(f"{LIST}{target.pk}/change/").content.decode()


def test_test_button_sends_one_and_says_how_it_went(scene, target, settings):
    settings.OUTBOUND_ALLOW = [ipaddress.ip_network("127.0.0.0/8")]
    client = browse(scene.owner)
    with listeners.hook() as hook:
        NotificationTarget.objects.update(address=hook.url)
        assert "The test arrived; it answered 204." in do(client, target, "test").content.decode()
        hook.answers = [503]
        assert "The test did not arrive. It answered 503" in do(client, target, "test").content.decode()
    assert [got.headers["X-Paperclip-Event"] for got in hook.received] == ["test", "test"]
    assert NotificationTarget.objects.get().last_outcome_ok is False


def test_switching_and_renewing(scene, target):
    client = browse(scene.owner)
    notices.tell(
        company_id=scene.company.pk, kind=NoticeKind.RUN_EXHAUSTED, key="x", title="Gone", now=clock.now()
    )
    do(client, target, "disable")
    target.refresh_from_db()
    assert not target.is_enabled
    assert NoticeDelivery.objects.get().state == "withdrawn"
    do(client, target, "enable")
    old = couriers.signing_key(target)
    assert old not in do(client, target, "secret").content.decode()
    target.refresh_from_db()
    assert target.is_enabled
    assert target.secret_version == 2


def test_edit_keeps_the_channel(scene, target):
    address = "https://hooks.example.com/other"
    sent = {"address": address, "kinds": ["disk_full", "issue_stuck"], "channel": "email"}
    browse(scene.owner).post(f"{LIST}{target.pk}/edit/", sent)
    target.refresh_from_db()
    assert (target.channel, target.address) == ("webhook", address)
    assert target.kinds == ["issue_stuck", "disk_full"]
    assert not target.hears_installation


@pytest.mark.parametrize("who", ["viewer", "outsider"])
def test_others_see_and_do_nothing(scene, target, request, who):
    client = browse(request.getfixturevalue(who))
    page = client.get(f"{LIST}{target.pk}/change/")
    assert page.status_code == 404
    assert do(client, target, "test").status_code == 404
    assert not re.search("sesame", client.get("/admin/", follow=True).content.decode())


def test_page_costs_the_same_however_much_was_told(scene, target):
    client = browse(scene.owner)
    counts = []
    for many in (1, 20):
        for number in range(many):
            notices.tell(
                company_id=scene.company.pk,
                kind=NoticeKind.RUN_EXHAUSTED,
                key=f"{many}-{number}",
                title="Gone",
                now=clock.now(),
            )
        with CaptureQueriesContext(connection) as queries:
            html = client.get(f"{LIST}{target.pk}/change/").content.decode()
        counts.append(len(queries))
        assert "Gone" in html
    assert counts[0] == counts[1] <= 8
