"""`Idempotency-Key`: a request whose answer was lost may be sent again."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from issues.models import Comment, Issue
from paperclip.companies import replies
from paperclip.companies.models import Activity, Agent, Goal, Project, Reply
from paperclip.core import clock
from tests import cast as standing
from tests import factories

KEY = {"HTTP_IDEMPOTENCY_KEY": "once-1"}
MAKERS = [
    pytest.param("/api/companies/{c}/issues", {"title": "x"}, Issue, id="issue"),
    pytest.param("/api/issues/{i}/children", {"title": "x"}, Issue, id="child"),
    pytest.param("/api/issues/{i}/comments", {"body": "x"}, Comment, id="comment"),
    pytest.param("/api/companies/{c}/agents", {"name": "x"}, Agent, id="agent"),
    pytest.param("/api/companies/{c}/projects", {"name": "x"}, Project, id="project"),
    pytest.param("/api/companies/{c}/goals", {"title": "x"}, Goal, id="goal"),
]


@pytest.mark.parametrize(("template", "body", "model"), MAKERS)
def test_repeated_request_makes_one_thing(cast, template, body, model):
    path = template.format(c=cast.company.id, i=factories.issue(cast.company).id)
    before = model.objects.count()
    first = cast.as_owner.post(path, body, **KEY)
    told = Activity.objects.count()
    again = cast.as_owner.post(path, body, **KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert (model.objects.count(), Activity.objects.count()) == (before + 1, told)
    assert cast.as_owner.post(path, body).json()["id"] != first.json()["id"]


def test_key_of_another_request_is_refused(cast):
    path = f"/api/companies/{cast.company.id}/issues"
    assert cast.as_owner.post(path, {"title": "x"}, **KEY).status_code == 201
    other = cast.as_owner.post(path, {"title": "y"}, **KEY)
    assert (other.status_code, other.json()["details"]) == (409, {"idempotencyKey": "once-1"})
    elsewhere = cast.as_owner.post(f"/api/companies/{cast.company.id}/goals", {"title": "x"}, **KEY)
    assert elsewhere.status_code == 409
    assert Issue.objects.filter(company=cast.company).count() == 1


def test_keys_of_different_callers_do_not_meet(cast):
    path = f"/api/companies/{cast.company.id}/issues"
    made = {
        caller.post(path, {"title": "x"}, **KEY).json()["id"]
        for caller in (
            cast.as_owner,
            cast.as_operator,
            cast.as_agent(cast.engineer),
            cast.as_agent(cast.peer),
        )
    }
    assert len(made) == 4


def test_refused_request_may_be_repaired_under_its_key(cast):
    path = f"/api/companies/{cast.company.id}/issues"
    wrong = {"title": "x", "assigneeAgentId": factories.NO_SUCH_ID}
    assert cast.as_owner.post(path, wrong, **KEY).status_code == 404
    assert not Reply.objects.exists()
    assert cast.as_owner.post(path, {"title": "x"}, **KEY).status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "a\tb"])
def test_key_that_is_none_is_refused(cast, key):
    answer = cast.as_owner.post(
        f"/api/companies/{cast.company.id}/issues", {"title": "x"}, HTTP_IDEMPOTENCY_KEY=key
    )
    assert (answer.status_code, Issue.objects.count()) == (400, 0)


def test_who_may_not_any_more_is_not_answered_from_memory(cast):
    path = f"/api/companies/{cast.company.id}/issues"
    assert cast.as_operator.post(path, {"title": "x"}, **KEY).status_code == 201
    cast.company.members.filter(principal_id=cast.operator.id).update(status="suspended")
    assert cast.as_operator.post(path, {"title": "x"}, **KEY).status_code == 403


def test_answers_are_kept_for_a_day(cast):
    path = f"/api/companies/{cast.company.id}/issues"
    cast.as_owner.post(path, {"title": "x"}, **KEY)
    now = clock.now()
    assert replies.prune(now=now + timedelta(hours=23)).replies == 0
    assert replies.prune(now=now + timedelta(hours=25)).replies == 1
    assert cast.as_owner.post(path, {"title": "x"}, **KEY).get("Idempotency-Replayed") is None


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_thing(transactional_db):
    cast = standing.make()
    path, start, made = f"/api/companies/{cast.company.id}/issues", threading.Barrier(6), []
    callers = [standing.Caller(factories.board_token(cast.owner)) for _ in range(6)]

    def send(caller) -> None:
        try:
            start.wait(20)
            answer = caller.post(path, {"title": "x"}, **KEY)
            made.append((answer.status_code, answer.json().get("id")))
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 6
    assert len(set(made)) == 1, made
    assert Issue.objects.count() == 1
