"""Questions put to the board."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from heartbeat.models import Run
from paperclip.companies.models import Activity, Agent
from paperclip.governance import signals
from paperclip.governance.models import Approval
from tests import cast as standing
from tests import factories


def ask(caller, cast, **fields):
    body = {"type": "request_board_approval", "payload": {"title": "May I?"}} | fields
    return caller.post(f"/api/companies/{cast.company.id}/approvals", body)


def say(caller, approval, verb, body=None):
    return caller.post(f"/api/approvals/{approval['id']}/{verb}", body)


@pytest.fixture
def question(cast):
    return ask(cast.as_agent(cast.peer), cast).json()


def actions() -> list[str]:
    return list(Activity.objects.order_by("created_at").values_list("action", flat=True))


class TestAsking:
    def test_agent_asks_in_its_own_name(self, cast):
        """B-69"""
        issue = factories.issue(cast.company)
        answer = ask(cast.as_agent(cast.peer), cast, issueIds=[str(issue.id)])
        assert answer.status_code == 201
        made = answer.json()
        assert (made["status"], made["requestedByAgentId"], made["requestedByUserId"]) == (
            "pending",
            str(cast.peer.id),
            None,
        )
        (link,) = issue.approval_links.all()
        assert (str(link.approval_id), link.linked_by_agent_id) == (made["id"], cast.peer.id)
        assert Activity.objects.get(action="approval.created").details == {
            "type": "request_board_approval",
            "issueIds": [str(issue.id)],
        }

    def test_person_may_ask_for_an_agent(self, cast):
        made = ask(cast.as_operator, cast, requestedByAgentId=str(cast.peer.id)).json()
        assert (made["requestedByAgentId"], made["requestedByUserId"]) == (
            str(cast.peer.id),
            str(cast.operator.id),
        )

    @pytest.mark.parametrize(
        ("who", "fields", "status"),
        [
            pytest.param("agent", {"requestedByAgentId": "CEO"}, 403, id="CW-17 agent for another"),
            pytest.param("owner", {"requestedByAgentId": "FOREIGN"}, 422, id="CW-17 foreign agent"),
            pytest.param("agent", {"issueIds": ["UNKNOWN"]}, 404, id="C-73 unknown issue"),
            pytest.param("agent", {"issueIds": ["ISSUE", "FOREIGN_ISSUE"]}, 422, id="C-73 foreign issue"),
        ],
    )
    def test_refused_by_rule(self, cast, who, fields, status):
        ids = {
            "CEO": cast.ceo.id,
            "FOREIGN": cast.foreign_agent.id,
            "UNKNOWN": "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c",
            "ISSUE": factories.issue(cast.company).id,
            "FOREIGN_ISSUE": factories.issue(cast.elsewhere).id,
        }
        body = {
            key: [str(ids[one]) for one in value] if isinstance(value, list) else str(ids[value])
            for key, value in fields.items()
        }
        caller = cast.as_owner if who == "owner" else cast.as_agent(cast.peer)
        assert ask(caller, cast, **body).status_code == status
        assert not Approval.objects.exists()
        assert actions() == []

    @pytest.mark.parametrize(
        ("fields", "where"),
        [
            pytest.param({"type": "x"}, ["type"], id="C-71 type"),
            pytest.param({"payload": []}, ["payload"], id="C-71 payload"),
            pytest.param({"issueIds": ["x"]}, ["issueIds", 0], id="C-7"),
        ],
    )
    def test_refused_by_shape(self, cast, fields, where):
        answer = ask(cast.as_owner, cast, **fields)
        assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, where)


class TestReading:
    def test_newest_first_by_status(self, cast):
        """C-72"""
        made = [ask(cast.as_owner, cast, payload={"n": n}).json()["id"] for n in range(3)]
        path = f"/api/companies/{cast.company.id}/approvals"
        assert [one["id"] for one in cast.as_viewer.get(path).json()] == made[::-1]
        assert len(cast.as_viewer.get(f"{path}?status=pending").json()) == 3
        assert cast.as_viewer.get(f"{path}?status=nonsense").json() == []

    def test_payload_leaves_without_secrets(self, cast):
        """C-71"""
        made = ask(
            cast.as_owner, cast, payload={"apiKey": "sk-1", "env": {"A": {"type": "plain", "value": "x"}}}
        ).json()
        assert made["payload"]["apiKey"] == "***REDACTED***"
        assert cast.as_owner.get(f"/api/approvals/{made['id']}").json()["payload"]["env"]["A"]["value"] == "x"


class TestDeciding:
    def test_yes(self, cast, question):
        """C-75, C-81, B-68: the caller decides, whatever the body says."""
        body = {"decisionNote": "fine\\nby me", "decidedByUserId": str(cast.owner.id)}
        found = say(cast.as_operator, question, "approve", body).json()
        assert (found["status"], found["decidedByUserId"]) == ("approved", str(cast.operator.id))
        assert found["decisionNote"] == "fine\nby me"
        assert found["decidedAt"] is not None
        assert actions() == ["approval.created", "approval.approved", "approval.requester_wakeup_queued"]
        run = Run.objects.get(agent=cast.peer)
        assert run.context_snapshot["approvalId"] == question["id"]

    def test_yes_twice_is_once(self, cast, question):
        """B-64"""
        first = say(cast.as_owner, question, "approve").json()
        second = say(cast.as_operator, question, "approve", {"decisionNote": "again"})
        assert (second.status_code, second.json()) == (200, first)
        assert Run.objects.count() == 1
        assert actions().count("approval.approved") == 1

    @pytest.mark.parametrize(
        ("verb", "status"),
        [
            (verb, status)
            for verb in ("approve", "reject")
            for status in ("approved", "rejected", "cancelled")
        ],
    )
    def test_decided_is_decided(self, cast, question, verb, status):
        """B-65, C-75"""
        Approval.objects.update(status=status)
        answer = say(cast.as_owner, question, verb)
        if {"approve": "approved", "reject": "rejected"}[verb] == status:
            assert answer.status_code == 200
        else:
            word = {"approve": "approved", "reject": "rejected"}[verb]
            assert answer.status_code == 422
            assert answer.json()["error"] == f"Only pending or revision requested approvals can be {word}"
        assert Approval.objects.get().status == status

    def test_no(self, cast, question):
        assert say(cast.as_owner, question, "reject").json()["status"] == "rejected"
        assert actions() == ["approval.created", "approval.rejected"]
        assert not Run.objects.exists()

    def test_back_and_again(self, cast, question):
        """C-76, C-77, B-70"""
        sent_back = say(cast.as_owner, question, "request-revision", {"decisionNote": "more"}).json()
        assert (sent_back["status"], sent_back["decisionNote"]) == ("revision_requested", "more")
        assert say(cast.as_owner, question, "request-revision").status_code == 422
        stranger = say(cast.as_agent(cast.engineer), question, "resubmit")
        assert stranger.json()["error"] == "Only requesting agent can resubmit this approval"
        again = say(cast.as_agent(cast.peer), question, "resubmit").json()
        assert (again["status"], again["decisionNote"], again["decidedAt"]) == ("pending", None, None)
        assert again["payload"] == {"title": "May I?"}
        refused = say(cast.as_agent(cast.peer), question, "resubmit")
        assert refused.json()["error"] == "Only revision requested approvals can be resubmitted"
        say(cast.as_owner, question, "request-revision")
        changed = say(cast.as_agent(cast.peer), question, "resubmit", {"payload": {"title": "Please?"}})
        assert changed.json()["payload"] == {"title": "Please?"}

    def test_outsider_decides_nothing(self, cast, question):
        """B-67"""
        for verb in ("approve", "reject", "request-revision"):
            assert say(cast.as_outsider, question, verb).status_code == 404
        assert Approval.objects.get().status == "pending"

    def test_decision_and_effects_commit_together(self, cast, question):
        """CW-27: a failure in what follows undoes the decision, and a repeat finds it undone."""

        def fail(**_):
            raise RuntimeError("no wake today")

        cast.as_owner.may_fail = True
        signals.approval_approved.connect(fail)
        try:
            assert say(cast.as_owner, question, "approve").status_code == 500
        finally:
            signals.approval_approved.disconnect(fail)
        assert Approval.objects.get().status == "pending"
        assert actions() == ["approval.created"]
        assert say(cast.as_owner, question, "approve").status_code == 200
        assert Run.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_yes_and_no_at_once():
    """B-66: exactly one wins, and only its effects happen."""
    cast = standing.make()
    for _ in range(6):
        agent = factories.agent(cast.company, status="pending_approval")
        approval = Approval.objects.create(
            company=cast.company, type="hire_agent", payload={"agentId": str(agent.id)}
        )
        statuses = []
        start = threading.Barrier(2)

        def decide(verb, approval=approval, start=start, statuses=statuses):
            start.wait()
            statuses.append(say(cast.as_owner, {"id": approval.id}, verb).status_code)
            connection.close()

        threads = [threading.Thread(target=decide, args=(verb,)) for verb in ("approve", "reject")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200, 422]
        approval.refresh_from_db()
        wanted = {"approved": "idle", "rejected": "terminated"}[approval.status]
        assert Agent.objects.get(pk=agent.pk).status == wanted


@pytest.mark.django_db(transaction=True)
def test_approving_agent_and_approval_at_once():
    """Both doors lead to one activation (CW-9)."""
    cast = standing.make()
    for _ in range(6):
        agent = factories.agent(cast.company, status="pending_approval")
        approval = Approval.objects.create(
            company=cast.company, type="hire_agent", payload={"agentId": str(agent.id)}
        )
        statuses = []
        start = threading.Barrier(2)

        def decide(path, start=start, statuses=statuses):
            start.wait()
            statuses.append(cast.as_owner.post(path).status_code)
            connection.close()

        paths = (f"/api/agents/{agent.id}/approve", f"/api/approvals/{approval.id}/approve")
        threads = [threading.Thread(target=decide, args=(path,)) for path in paths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(statuses) <= {200, 409}
        approval.refresh_from_db()
        assert (approval.status, Agent.objects.get(pk=agent.pk).status) == ("approved", "idle")
        log = Activity.objects.filter(entity_id__in=[str(agent.id), str(approval.id)])
        assert sorted(log.values_list("action", flat=True)) == ["agent.approved", "approval.approved"]
