"""What is told, once, to whom; and how it gets there, at least once, by web and by mail."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import threading
from datetime import timedelta

import orjson
import psycopg
import pytest
from django.db import connection, connections, transaction

from paperclip.companies import actors, agents
from paperclip.companies.models import Activity, Company
from paperclip.core import clock, due
from paperclip.core.errors import Conflict, Forbidden, Invalid, Unprocessable
from paperclip.governance import approvals, couriers, deliveries, notices, targets
from paperclip.governance.choices import Channel, NoticeKind
from paperclip.governance.models import Notice, NoticeDelivery, NotificationTarget
from tests import factories, listeners

LONG = timedelta(days=1, seconds=1)


@pytest.fixture
def hook(settings):
    settings.OUTBOUND_ALLOW = [ipaddress.ip_network("127.0.0.0/8")]
    with listeners.hook() as made:
        yield made


def board(company: Company, **fields):
    return actors.for_user(factories.user(member_of=company, **fields))


def target(company: Company, address: str, **fields) -> NotificationTarget:
    operator = board(company, is_superuser=True)
    wanted = {"channel": Channel.WEBHOOK, "address": address, "kinds": NoticeKind.values}
    return targets.create(company=company, actor=operator, now=clock.now(), **wanted | fields)


def tell(company: Company | None, key: str = "a", *, now=None, **fields) -> Notice:
    said = {
        "kind": NoticeKind.ISSUE_STUCK,
        "title": "T-1 is stuck",
        "body": "Nobody moves it",
        "path": "/admin/x/",
    }
    company_id = company.pk if company is not None else None
    return notices.tell(company_id=company_id, key=key, now=now or clock.now(), **said | fields)


@pytest.mark.django_db
class TestTelling:
    def test_repeats_are_counted_on_the_open_notice_and_delivered_once(self, cast):
        target(cast.company, "https://1.1.1.1/")
        first = tell(cast.company)
        assert [tell(cast.company).pk for _ in range(3)] == [first.pk] * 3
        assert Notice.objects.get().repeats == 4
        assert NoticeDelivery.objects.count() == 1

    def test_same_key_of_another_kind_or_company_is_another_notice(self, cast):
        tell(cast.company)
        tell(cast.company, kind=NoticeKind.RUN_SILENT)
        tell(cast.elsewhere)
        tell(None)
        tell(None)
        assert Notice.objects.count() == 4

    def test_settled_notice_can_be_told_again(self, cast):
        target(cast.company, "https://1.1.1.1/")
        tell(cast.company)
        where = {
            "company_id": cast.company.pk,
            "kind": NoticeKind.ISSUE_STUCK,
            "key": "a",
            "now": clock.now(),
        }
        assert notices.settle(**where)
        assert not notices.settle(**where)
        assert NoticeDelivery.objects.get().state == "withdrawn"
        tell(cast.company)
        assert Notice.objects.count() == 2
        assert NoticeDelivery.objects.filter(state="pending").count() == 1

    def test_what_still_comes_up_a_day_later_is_told_again(self, cast):
        now = clock.now()
        target(cast.company, "https://1.1.1.1/")
        tell(cast.company, now=now)
        tell(cast.company, now=now + LONG - timedelta(seconds=5))
        assert NoticeDelivery.objects.count() == 1
        tell(cast.company, now=now + LONG)
        assert NoticeDelivery.objects.count() == 2
        assert Notice.objects.filter(closed_at__isnull=True).count() == 1

    def test_targets_hear_what_they_want_of_their_own_company(self, cast):
        wanted = target(cast.company, "https://1.1.1.1/")
        target(cast.company, "https://1.1.1.1/", kinds=[NoticeKind.DISK_FULL])
        target(cast.elsewhere, "https://1.1.1.1/")
        resting = target(cast.company, "https://1.1.1.1/")
        targets.switch(target=resting, is_enabled=False, actor=board(cast.company), now=clock.now())
        tell(cast.company)
        assert list(NoticeDelivery.objects.values_list("target_id", flat=True)) == [wanted.pk]

    def test_what_concerns_the_installation_reaches_only_who_hears_of_it(self, cast):
        target(cast.company, "https://1.1.1.1/")
        hearing = target(cast.elsewhere, "https://1.1.1.1/", hears_installation=True)
        tell(None, kind=NoticeKind.RUNNER_LOST)
        assert list(NoticeDelivery.objects.values_list("target_id", flat=True)) == [hearing.pk]

    def test_notice_goes_with_its_cause(self, cast):
        with transaction.atomic():
            tell(cast.company)
            transaction.set_rollback(True)
        assert not Notice.objects.exists()

    def test_secrets_and_length_are_taken_out(self, cast):
        made = tell(cast.company, title="x" * 300, body=f"--token hunter2 pcp_{'a' * 40}", key="k" * 300)
        made.refresh_from_db()
        assert len(made.title) == 200
        assert "hunter2" not in made.body
        assert "pcp_" not in made.body
        assert tell(cast.company, key="k" * 300).pk == made.pk

    def test_unknown_kind_is_a_fault_of_the_caller(self, cast):
        with pytest.raises(ValueError, match="shouting"):
            tell(cast.company, kind="shouting")


@pytest.mark.django_db(transaction=True)
def test_many_tell_the_same_at_once_and_one_notice_stands():
    company = factories.company()
    target(company, "https://1.1.1.1/")
    barrier = threading.Barrier(6)

    def one() -> None:
        try:
            barrier.wait()
            tell(company)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Notice.objects.get().repeats == 6
    assert NoticeDelivery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_commit_says_that_something_is_due():
    company = factories.company()
    target(company, "https://1.1.1.1/")
    parameters = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{k: parameters[k] for k in names if k in parameters}, autocommit=True) as ear:
        ear.execute(f"LISTEN {due.CHANNEL}")
        with transaction.atomic():
            tell(company)
            assert not list(ear.notifies(timeout=0.05))
        assert list(ear.notifies(timeout=5, stop_after=1))


@pytest.mark.django_db
class TestQuestions:
    def ask(self, cast):
        payload = {"title": "May I?"}
        return approvals.create(
            company=cast.company,
            type="request_board_approval",
            payload=payload,
            actor=actors.for_agent(cast.engineer),
            now=clock.now(),
        )

    def test_question_is_told_and_taken_back_when_answered(self, cast):
        target(cast.company, "https://1.1.1.1/")
        asked = self.ask(cast)
        notice = Notice.objects.get()
        assert (notice.kind, notice.body) == ("approval_waiting", "May I?")
        assert str(asked.pk) in notice.path
        approvals.approve(approval=asked, actor=board(cast.company), now=clock.now())
        notice.refresh_from_db()
        assert notice.closed_at
        assert NoticeDelivery.objects.get().state == "withdrawn"

    def test_question_that_is_sent_back_waits_for_nobody_until_it_is_asked_again(self, cast):
        asked = self.ask(cast)
        person = board(cast.company)
        approvals.request_revision(approval=asked, actor=person, now=clock.now())
        assert not Notice.objects.filter(closed_at__isnull=True).exists()
        approvals.resubmit(approval=asked, actor=actors.for_agent(cast.engineer), now=clock.now())
        assert Notice.objects.filter(closed_at__isnull=True).count() == 1

    def test_hire_that_is_agreed_to_by_itself_is_no_question_any_more(self, cast):
        waiting = factories.agent(cast.company, status="pending_approval")
        approvals.create(
            company=cast.company,
            type="hire_agent",
            payload={"agentId": str(waiting.pk), "name": "New"},
            actor=actors.for_agent(cast.ceo),
            now=clock.now(),
        )
        assert Notice.objects.filter(closed_at__isnull=True).count() == 1
        agents.approve(agent=waiting, actor=board(cast.company), now=clock.now())
        assert not Notice.objects.filter(closed_at__isnull=True).exists()


@pytest.mark.django_db
class TestWebhooks:
    def test_notice_arrives_signed(self, cast, hook, settings):
        settings.PAPERCLIP_PUBLIC_URL = "https://board.example"
        at = clock.now()
        where = target(cast.company, hook.url)
        notice = tell(cast.company, now=at)
        assert deliveries.deliver_due(now=at) == deliveries.Pass(delivered=1, failed=0, given_up=0)
        (got,) = hook.received
        delivery = NoticeDelivery.objects.get()
        assert orjson.loads(got.body) == {
            "id": str(delivery.pk),
            "kind": "issue_stuck",
            "title": "T-1 is stuck",
            "body": "Nobody moves it",
            "url": "https://board.example/admin/x/",
            "company": {"id": str(cast.company.pk), "name": cast.company.name},
            "noticeId": str(notice.pk),
            "repeats": 1,
            "firstAt": clock.iso(at),
            "lastAt": clock.iso(at),
            "attempt": 1,
        }
        assert got.headers["Idempotency-Key"] == str(delivery.pk)
        assert got.headers["X-Paperclip-Event"] == "issue_stuck"
        signed = got.headers["X-Paperclip-Timestamp"].encode() + b"." + got.body
        expected = hmac.new(couriers.signing_key(where).encode(), signed, hashlib.sha256).hexdigest()
        assert got.headers["X-Paperclip-Signature"] == f"sha256={expected}"
        where.refresh_from_db()
        assert (where.last_outcome_ok, where.last_outcome) == (True, "answered 204")
        assert deliveries.deliver_due(now=at + LONG).delivered == 0

    def test_tries_are_paused_longer_and_longer_and_then_given_up(self, cast, hook):
        hook.answers = [500]
        at = clock.now()
        where = target(cast.company, hook.url)
        tell(cast.company, now=at)
        for number, pause in enumerate((1, 5, 30, 120), start=1):
            assert deliveries.deliver_due(now=at).failed == 1
            delivery = NoticeDelivery.objects.get()
            assert (delivery.attempts, delivery.error) == (number, "It answered 500")
            due_at = at + timedelta(minutes=pause)
            assert delivery.next_try_at == due_at == deliveries.next_due(at)
            assert deliveries.deliver_due(now=due_at - timedelta(seconds=1)).failed == 0
            at = due_at
        assert deliveries.deliver_due(now=at).given_up == 1
        assert NoticeDelivery.objects.get().state == "given_up"
        assert deliveries.next_due(at) is None
        keys = {got.headers["Idempotency-Key"] for got in hook.received}
        assert (len(hook.received), len(keys)) == (5, 1)
        assert [orjson.loads(got.body)["attempt"] for got in hook.received] == [1, 2, 3, 4, 5]
        where.refresh_from_db()
        assert where.last_outcome_ok is False

    def test_a_try_is_counted_before_it_is_made(self, cast, hook):
        """What a crash in the middle leaves behind is a counted try and a due time."""
        at = clock.now()
        target(cast.company, hook.url)
        tell(cast.company, now=at)
        seen = []
        hook.before = lambda: seen.append(True)
        crash = pytest.MonkeyPatch()
        crash.setattr(deliveries.couriers, "carry", _crash)
        with crash.context(), pytest.raises(KeyboardInterrupt):
            deliveries.deliver_due(now=at)
        crash.undo()
        delivery = NoticeDelivery.objects.get()
        assert (delivery.state, delivery.attempts) == ("pending", 1)
        assert deliveries.deliver_due(now=at).delivered == 0
        assert deliveries.deliver_due(now=at + timedelta(minutes=1)).delivered == 1

    def test_crashes_alone_end_too(self, cast, hook):
        target(cast.company, hook.url)
        tell(cast.company)
        NoticeDelivery.objects.update(attempts=deliveries.MOST_TRIES)
        assert deliveries.deliver_due(now=clock.now()).given_up == 1
        assert not hook.received

    @pytest.mark.parametrize(
        ("answers", "headers", "said"),
        [
            ([302], {"Location": "http://10.0.0.1/"}, "It answered 302, a redirect"),
            ([404], {}, "It answered 404"),
        ],
    )
    def test_what_is_not_taken_is_said(self, cast, hook, answers, headers, said):
        hook.answers, hook.headers = answers, headers
        target(cast.company, hook.url)
        tell(cast.company)
        deliveries.deliver_due(now=clock.now())
        assert NoticeDelivery.objects.get().error.startswith(said)

    def test_address_that_turns_private_is_not_called(self, cast, hook, settings):
        where = target(cast.company, hook.url)
        settings.OUTBOUND_ALLOW = []
        tell(cast.company)
        deliveries.deliver_due(now=clock.now())
        assert "private network" in NoticeDelivery.objects.get().error
        assert not hook.received
        with pytest.raises(Unprocessable, match="private network"):
            targets.try_out(target=where, actor=board(cast.company), now=clock.now())

    def test_withdrawn_in_mid_flight_stays_withdrawn(self, cast, hook):
        target(cast.company, hook.url)
        tell(cast.company)
        hook.before = lambda: None
        where = {
            "company_id": cast.company.pk,
            "kind": NoticeKind.ISSUE_STUCK,
            "key": "a",
            "now": clock.now(),
        }
        taken = deliveries._take(clock.now())
        notices.settle(**where)
        assert deliveries._try(taken, clock.now())
        assert NoticeDelivery.objects.get().state == "withdrawn"


def _crash(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.django_db
class TestMail:
    @pytest.fixture
    def post(self, settings):
        with listeners.post() as made:
            settings.EMAIL_URL = "smtp://"
            settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", made.port
            yield made

    def test_notice_arrives(self, cast, post):
        target(cast.company, "me@example.com", channel=Channel.EMAIL)
        tell(cast.company, title="T-1 is\nstuck")
        tell(cast.company)
        assert deliveries.deliver_due(now=clock.now()).delivered == 1
        (letter,) = post.letters
        assert letter["To"] == "me@example.com"
        assert letter["Subject"] == f"{cast.company.name}: T-1 is stuck"
        assert letter["Message-ID"] == f"<{NoticeDelivery.objects.get().pk}@paperclip>"
        text = letter.get_payload()
        assert "Nobody moves it" in text
        assert "/admin/x/" in text
        assert "Told 2 times" in text

    def test_refused_recipient_is_said(self, cast, post):
        post.refuses = "550 nobody of that name"
        target(cast.company, "me@example.com", channel=Channel.EMAIL)
        tell(cast.company)
        assert deliveries.deliver_due(now=clock.now()).failed == 1
        assert NoticeDelivery.objects.get().error == "The mail server refused the address"

    def test_server_that_is_away_is_said(self, cast, post, settings):
        settings.EMAIL_PORT = 9
        where = target(cast.company, "me@example.com", channel=Channel.EMAIL)
        with pytest.raises(Unprocessable, match="cannot be reached: Connection refused"):
            targets.try_out(target=where, actor=board(cast.company), now=clock.now())

    def test_mail_without_a_server_is_said(self, cast):
        where = target(cast.company, "me@example.com", channel=Channel.EMAIL)
        with pytest.raises(Unprocessable, match="EMAIL_URL"):
            targets.try_out(target=where, actor=board(cast.company), now=clock.now())


@pytest.mark.django_db
class TestTargets:
    @pytest.mark.parametrize(
        ("field", "fields"),
        [
            ("address", {"address": "http://127.0.0.1/"}),
            ("address", {"address": "mailto:x"}),
            ("address", {"channel": "email", "address": "not an address"}),
            ("kinds", {"kinds": []}),
            ("kinds", {"kinds": ["shouting"]}),
            ("channel", {"channel": "pigeon"}),
        ],
    )
    def test_what_cannot_work_is_refused_by_field(self, cast, field, fields):
        with pytest.raises(Invalid) as refusal:
            target(cast.company, **{"address": "https://1.1.1.1/"} | fields)
        assert refusal.value.issues[0]["path"] == [field]

    def test_only_the_operator_hears_of_the_installation(self, cast):
        person = board(cast.company)
        fields = {"channel": "webhook", "address": "https://1.1.1.1/", "kinds": ["disk_full"]}
        with pytest.raises(Forbidden):
            targets.create(
                company=cast.company, actor=person, now=clock.now(), hears_installation=True, **fields
            )
        made = targets.create(company=cast.company, actor=person, now=clock.now(), **fields)
        del fields["channel"]
        with pytest.raises(Forbidden):
            targets.update(target=made, actor=person, now=clock.now(), hears_installation=True, **fields)

    def test_agents_set_nothing_up(self, cast):
        fields = {"channel": "webhook", "address": "https://1.1.1.1/", "kinds": ["disk_full"]}
        with pytest.raises(Forbidden):
            targets.create(company=cast.company, actor=actors.for_agent(cast.ceo), now=clock.now(), **fields)

    def test_there_is_an_end_to_their_number(self, cast):
        for _ in range(targets.MOST_TARGETS):
            target(cast.company, "https://1.1.1.1/")
        with pytest.raises(Conflict):
            target(cast.company, "https://1.1.1.1/")

    def test_new_secret_voids_the_old_one(self, cast):
        made = target(cast.company, "https://1.1.1.1/")
        before = couriers.signing_key(made)
        after = targets.renew_secret(target=made, actor=board(cast.company), now=clock.now())
        assert after == couriers.signing_key(made) != before

    def test_the_log_names_the_host_and_never_the_path(self, cast):
        target(cast.company, "https://hooks.example.com/services/T0/B0/sesame")
        entry = Activity.objects.get(action="notification_target.created")
        assert entry.details["host"] == "hooks.example.com"
        assert "sesame" not in str(entry.details)
