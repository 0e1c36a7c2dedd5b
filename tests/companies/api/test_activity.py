"""C-95 to C-97: the log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paperclip.companies import activity, actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from tests import factories


def path(cast) -> str:
    return f"/api/companies/{cast.company.id}/activity"


def write(cast, number: int = 1, **fields) -> None:
    now = clock.now()
    defaults = {"actor": actors.system("test"), "action": "a.b", "entity_type": "thing", "entity_id": "1"}
    for _ in range(number):
        activity.record(company_id=cast.company.id, now=now, **defaults | fields)


def test_rows_of_one_deed_keep_their_order(cast):
    now = clock.now()
    for action in ("first", "second", "third"):
        activity.record(
            company_id=cast.company.id,
            actor=actors.system("t"),
            action=action,
            entity_type="e",
            entity_id="1",
            now=now,
        )
    assert [row["action"] for row in cast.as_owner.get(path(cast)).json()] == ["third", "second", "first"]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        pytest.param("", 100, id="B-98 default"),
        pytest.param("?limit=9999", 500, id="B-98 most"),
        pytest.param("?limit=0", 1, id="C-96 least"),
        pytest.param("?limit=abc", 100, id="C-96 no number"),
        pytest.param("?limit=7", 7, id="C-96 as asked"),
    ],
)
def test_limit(cast, query, number):
    Activity.objects.bulk_create(
        Activity(
            company=cast.company,
            actor_type="system",
            actor_id="t",
            action="a",
            entity_type="e",
            entity_id="1",
        )
        for _ in range(510)
    )
    assert len(cast.as_owner.get(path(cast) + query).json()) == number


def test_filters(cast):
    write(cast, actor=actors.for_agent(cast.peer))
    write(cast, entity_type="goal", entity_id="7")
    for query in (f"agentId={cast.peer.id}", "entityType=goal", "entityType=goal&entityId=7"):
        assert len(cast.as_owner.get(f"{path(cast)}?{query}").json()) == 1, query
    assert cast.as_owner.get(f"{path(cast)}?entityId=nothing").json() == []
    assert cast.as_owner.get(f"{path(cast)}?agentId=x").status_code == 400


def test_whole_log_is_read_piece_by_piece(cast):
    """CW-29: behind an entry come the older ones, also where many share a moment, and with the same filters."""
    now = clock.now()
    Activity.objects.bulk_create(
        Activity(
            company=cast.company, actor_type="system", actor_id="t", action="a", entity_type="e",
            entity_id=str(number % 2), created_at=now,
        )
        for number in range(25)
    )  # fmt: skip
    whole = [row["id"] for row in cast.as_owner.get(f"{path(cast)}?limit=100").json()]
    seen: list[str] = []
    while piece := cast.as_owner.get(
        f"{path(cast)}?limit=10" + (f"&after={seen[-1]}" if seen else "")
    ).json():
        seen += [row["id"] for row in piece]
    assert seen == whole
    odd = cast.as_owner.get(f"{path(cast)}?entityId=1&limit=5").json()
    rest = cast.as_owner.get(f"{path(cast)}?entityId=1&after={odd[-1]['id']}").json()
    assert len(odd + rest) == 12
    for nothing in (factories.NO_SUCH_ID, "x"):
        assert cast.as_owner.get(f"{path(cast)}?after={nothing}").json() == []


def test_row_has_what_the_contract_says(cast):
    """C-95: who, what, to which thing, from which run; a run that does not exist is nowhere named."""
    run = factories.run(cast.peer)
    cast.as_agent(cast.peer, run_id=run.pk).post(f"/api/companies/{cast.company.id}/goals", {"title": "G"})
    (row,) = cast.as_owner.get(f"{path(cast)}?entityType=goal").json()
    assert set(row) == {
        "id", "companyId", "actorType", "actorId", "action", "entityType", "entityId", "agentId", "runId", "details",
        "createdAt",
    }  # fmt: skip
    told = (row["actorType"], row["actorId"], row["agentId"], row["runId"])
    assert told == ("agent", str(cast.peer.id), str(cast.peer.id), str(run.pk))
    assert row["details"] == {"title": "G"}


def test_rows_about_hidden_issues_are_left_out_and_made_up_for(cast):
    """C-96: the page is full all the same."""
    hidden = factories.issue(cast.company, hidden_at=clock.now())
    shown = factories.issue(cast.company)
    write(cast, 3, entity_type="issue", entity_id=shown.id)
    write(cast, 2, entity_type="issue", entity_id="no-uuid")
    write(cast, 20, entity_type="issue", entity_id=hidden.id)
    rows = cast.as_owner.get(f"{path(cast)}?limit=4").json()
    assert [row["entityId"] for row in rows] == ["no-uuid", "no-uuid", str(shown.id), str(shown.id)]


def test_secrets_are_taken_out_on_writing(cast):
    """B-100"""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    details = {
        "apiKey": "sk-1",
        "note": f"use {token}",
        "ref": {"type": "secret_ref", "secretId": "s"},
        "v": "1.2.3",
    }
    body = {"actorId": "s", "action": "a.b", "entityType": "e", "entityId": "1", "details": details}
    row = cast.as_owner.post(path(cast), body).json()
    assert row["details"] == {
        "apiKey": "***REDACTED***",
        "note": "use ***REDACTED***",
        "ref": {"type": "secret_ref", "secretId": "s"},
        "v": "1.2.3",
        "recordedByUserId": str(cast.owner.id),
    }
    assert token not in str(Activity.objects.get().details)


class TestByHand:
    """C-97, CW-35"""

    BODY = {"actorId": "importer", "action": "a.b", "entityType": "e", "entityId": "1"}

    def test_writer_is_kept(self, cast):
        answer = cast.as_operator.post(path(cast), self.BODY | {"agentId": str(cast.peer.id)})
        assert answer.status_code == 201
        row = answer.json()
        assert (row["actorType"], row["actorId"], row["agentId"]) == ("system", "importer", str(cast.peer.id))
        assert row["details"] == {"recordedByUserId": str(cast.operator.id)}

    @pytest.mark.parametrize(
        "fields",
        [
            pytest.param({"actorType": "user", "actorId": "OWNER"}, id="CW-35 another person"),
            pytest.param({"actorType": "agent", "actorId": "FOREIGN"}, id="CW-35 foreign agent"),
            pytest.param({"actorType": "agent", "actorId": "nobody"}, id="CW-35 no agent"),
            pytest.param({"agentId": "FOREIGN"}, id="CW-35 foreign agentId"),
        ],
    )
    def test_nobody_else_is_named(self, cast, fields):
        ids = {"OWNER": cast.owner.id, "FOREIGN": cast.foreign_agent.id}
        body = self.BODY | {key: str(ids.get(value, value)) for key, value in fields.items()}
        assert cast.as_operator.post(path(cast), body).status_code == 422
        assert not Activity.objects.exists()

    @pytest.mark.parametrize("field", ["actorId", "action", "entityType", "entityId"])
    def test_required(self, cast, field):
        for bad in ({field: ""}, {field: None}, {field: 1}):
            answer = cast.as_owner.post(path(cast), self.BODY | bad)
            assert answer.json()["details"][0]["path"] == [field]

    def test_board_of_another_company_writes_nothing(self, cast):
        """B-99"""
        assert cast.as_outsider.post(path(cast), self.BODY).status_code == 403


def test_newest_first_across_times(cast):
    old = clock.now() - timedelta(days=1)
    activity.record(
        company_id=cast.company.id,
        actor=actors.system("t"),
        action="old",
        entity_type="e",
        entity_id="1",
        now=old,
    )
    write(cast, action="new")
    assert [row["action"] for row in cast.as_owner.get(path(cast)).json()] == ["new", "old"]
