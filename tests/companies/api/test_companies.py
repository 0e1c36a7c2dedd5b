"""C-29 to C-31: companies."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from paperclip.companies import lifecycle, signals
from paperclip.companies.models import Activity, Company, Grant, Member
from tests import factories
from tests.cast import Caller


@pytest.fixture
def stopped():
    """The reasons of the companies stopped in a test."""
    reasons: list[tuple[str, str]] = []

    def keep(company, reason, **_):
        reasons.append((company.status, reason))

    signals.company_stopped.connect(keep)
    yield reasons
    signals.company_stopped.disconnect(keep)


def spend(agent, cents, at="2026-01-01T00:00:00Z"):
    agent.cost_events.create(
        company=agent.company, provider="p", biller="p", model="m", cost_cents=cents, occurred_at=at
    )


def test_list_shows_own_companies_with_this_months_spend(cast):
    """C-30, B-95: last month's costs do not count."""
    from paperclip.core import clock

    now = clock.now()
    spend(cast.engineer, 70, now)
    spend(cast.peer, 5, clock.month_start(now))
    spend(cast.engineer, 1000, "2020-01-01T00:00:00Z")
    (found,) = cast.as_owner.get("/api/companies").json()
    assert (found["id"], found["spentMonthlyCents"]) == (str(cast.company.id), 75)
    assert set(found) == {
        "id",
        "name",
        "description",
        "status",
        "pauseReason",
        "pausedAt",
        "issuePrefix",
        "issueCounter",
        "budgetMonthlyCents",
        "spentMonthlyCents",
        "attachmentMaxBytes",
        "maxConcurrentRuns",
        "drainingSince",
        "requireBoardApprovalForNewAgents",
        "feedbackDataSharingEnabled",
        "feedbackDataSharingConsentAt",
        "feedbackDataSharingConsentByUserId",
        "feedbackDataSharingTermsVersion",
        "brandColor",
        "logoAssetId",
        "logoUrl",
        "createdAt",
        "updatedAt",
    }


def test_stats_count_terminated_agents(cast):
    """C-30"""
    factories.agent(cast.company, status="terminated")
    factories.issue(cast.company)
    stats = cast.as_owner.get("/api/companies/stats").json()
    assert stats == {str(cast.company.id): {"agentCount": 5, "issueCount": 1}}


def test_issues_of_no_company_are_a_named_slip(cast):
    """C-30"""
    answer = cast.as_nobody.get("/api/companies/issues")
    assert answer.status_code == 400
    assert answer.json()["error"] == "Missing companyId in path. Use /api/companies/{companyId}/issues."


def test_creator_owns_the_company_with_every_owners_right(cast):
    """CW-19"""
    answer = cast.as_owner.post("/api/companies", {"name": "Acme Rockets", "budgetMonthlyCents": 5})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["issuePrefix"], made["budgetMonthlyCents"], made["status"]) == ("ACM", 5, "active")
    member = Member.objects.get(company_id=made["id"])
    assert (member.principal_id, member.membership_role, member.status) == (cast.owner.id, "owner", "active")
    keys = Grant.objects.filter(company_id=made["id"], principal_id=cast.owner.id).values_list(
        "permission_key", flat=True
    )
    assert set(keys) == {
        "agents:create",
        "users:invite",
        "users:manage_permissions",
        "tasks:assign",
        "joins:approve",
    }
    told = Activity.objects.filter(company_id=made["id"]).values_list("action", flat=True)
    assert sorted(told) == ["budget.policy_upserted", "company.created"]
    assert cast.as_owner.get(f"/api/companies/{made['id']}/members").status_code == 200


def test_prefixes_of_like_names_differ(cast):
    """C-29: `A`, then `AA`, is appended."""
    made = [cast.as_owner.post("/api/companies", {"name": "Acme"}).json()["issuePrefix"] for _ in range(3)]
    assert made == ["ACM", "ACMA", "ACMAA"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        pytest.param("Acme", ["ACM", "ACMA", "ACMAA"], id="C-29 letters"),
        pytest.param("a 1 b", ["AB", "ABA", "ABAA"], id="C-29 few letters"),
        pytest.param("123", ["CMP", "CMPA", "CMPAA"], id="C-29 no letters"),
        pytest.param("日本 élan", ["LAN", "LANA", "LANAA"], id="C-29 other letters are skipped"),
    ],
)
def test_prefix_candidates(name, wanted):
    found = lifecycle.prefixes(name)
    assert [next(found) for _ in wanted] == wanted


def test_prefixes_never_run_out():
    found = lifecycle.prefixes("x")
    many = [next(found) for _ in range(2_000)]
    assert len(set(many)) == len(many)
    assert all(len(prefix) <= 64 for prefix in many)


@pytest.mark.django_db(transaction=True)
def test_companies_founded_at_once_get_prefixes_of_their_own():
    caller = Caller(factories.board_token(factories.user(is_superuser=True)))
    answers = []

    def found_one():
        answers.append(caller.post("/api/companies", {"name": "Race"}))
        connection.close()

    threads = [threading.Thread(target=found_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.json()["issuePrefix"] for answer in answers}) == 8


def test_patch_writes_what_was_sent_and_logs_it(cast):
    """C-30: details are the body."""
    body = {
        "description": None,
        "requireBoardApprovalForNewAgents": True,
        "spentMonthlyCents": 99,
        "unknown": 1,
    }
    answer = cast.as_operator.patch(f"/api/companies/{cast.company.id}", body)
    assert answer.status_code == 200
    assert answer.json()["requireBoardApprovalForNewAgents"] is True
    assert answer.json()["spentMonthlyCents"] == 0
    entry = Activity.objects.get(action="company.updated")
    assert entry.details == {
        "description": None,
        "requireBoardApprovalForNewAgents": True,
        "spentMonthlyCents": 99,
    }
    assert (entry.actor_type, entry.actor_id) == ("user", str(cast.operator.id))


def test_feedback_consent_is_stamped_once(cast):
    """C-30"""
    path = f"/api/companies/{cast.company.id}"
    first = cast.as_owner.patch(path, {"feedbackDataSharingEnabled": True}).json()
    assert first["feedbackDataSharingConsentByUserId"] == str(cast.owner.id)
    assert first["feedbackDataSharingTermsVersion"] == "feedback-data-sharing-v1"
    again = cast.as_operator.patch(path, {"feedbackDataSharingEnabled": True}).json()
    assert again["feedbackDataSharingConsentAt"] == first["feedbackDataSharingConsentAt"]


def test_pausing_a_company_shows_and_stops_its_work(cast, stopped):
    """CW-21, CW-34"""
    path = f"/api/companies/{cast.company.id}"
    paused = cast.as_owner.patch(path, {"status": "paused"}).json()
    assert (paused["status"], paused["pauseReason"]) == ("paused", "manual")
    assert paused["pausedAt"] is not None
    assert cast.as_owner.get(path).json()["pauseReason"] == "manual"
    assert stopped == [("paused", "Cancelled because the company was paused")]
    active = cast.as_owner.patch(path, {"status": "active"}).json()
    assert (active["status"], active["pauseReason"], active["pausedAt"]) == ("active", None, None)
    assert len(stopped) == 1


def test_archiving_twice_stops_and_logs_once(cast, stopped):
    """C-30, CW-34"""
    path = f"/api/companies/{cast.company.id}/archive"
    assert cast.as_owner.post(path).json()["status"] == "archived"
    assert cast.as_owner.post(path).json()["status"] == "archived"
    assert stopped == [("archived", "Cancelled because the company was archived")]
    assert Activity.objects.filter(action="company.archived").count() == 1
    assert [one["id"] for one in cast.as_owner.get("/api/companies").json()] == [str(cast.company.id)]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        pytest.param({"name": ""}, ["name"], id="C-29 empty name"),
        pytest.param({"name": None}, ["name"], id="C-5 null name"),
        pytest.param({"budgetMonthlyCents": -1}, ["budgetMonthlyCents"], id="C-29 negative budget"),
        pytest.param({"budgetMonthlyCents": 1.5}, ["budgetMonthlyCents"], id="C-29 part of a cent"),
        pytest.param({"budgetMonthlyCents": "5"}, ["budgetMonthlyCents"], id="C-5 number as text"),
        pytest.param({"attachmentMaxBytes": 0}, ["attachmentMaxBytes"], id="C-29 no attachments"),
        pytest.param({"attachmentMaxBytes": 2**31}, ["attachmentMaxBytes"], id="C-29 endless attachments"),
        pytest.param({"status": "closed"}, ["status"], id="C-29 unknown status"),
        pytest.param({"brandColor": "red"}, ["brandColor"], id="C-29 colour word"),
        pytest.param({"logoAssetId": "x"}, ["logoAssetId"], id="C-5 no uuid"),
    ],
)
def test_bad_patch_is_refused(cast, body, path):
    answer = cast.as_owner.patch(f"/api/companies/{cast.company.id}", body)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["path"] == path


def test_unknown_logo_is_refused(cast):
    """C-31"""
    body = {"logoAssetId": "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c"}
    answer = cast.as_owner.patch(f"/api/companies/{cast.company.id}/branding", body)
    assert (answer.status_code, answer.json()["error"]) == (404, "Logo asset not found")


def test_ceo_may_brand_and_nothing_else(cast):
    """B-101, C-31"""
    ceo = cast.as_agent(cast.ceo)
    path = f"/api/companies/{cast.company.id}"
    assert ceo.patch(f"{path}/branding", {"brandColor": "#00ff00"}).json()["brandColor"] == "#00ff00"
    assert ceo.patch(path, {"name": "Renamed"}).json()["name"] == "Renamed"
    refused = ceo.patch(path, {"status": "paused"})
    assert refused.status_code == 400
    assert (refused.json()["details"][0]["code"], refused.json()["details"][0]["keys"]) == (
        "unrecognized_keys",
        ["status"],
    )
    assert Company.objects.get(pk=cast.company.pk).status == "active"
    other = cast.as_agent(cast.engineer).patch(f"{path}/branding", {"brandColor": "#00ff00"})
    assert (other.status_code, other.json()["error"]) == (403, "Only CEO agents can update company branding")


def test_empty_branding_is_refused(cast):
    """B-102"""
    answer = cast.as_owner.patch(f"/api/companies/{cast.company.id}/branding", {})
    assert answer.status_code == 400
    assert answer.json()["details"][0]["message"] == "At least one branding field must be provided"


def test_change_of_a_company_is_lost_whole_when_its_news_fails(cast):
    """Cause and consequence commit together."""

    def fail(**_):
        raise RuntimeError("receiver failed")

    cast.as_owner.may_fail = True
    signals.company_stopped.connect(fail)
    try:
        assert (
            cast.as_owner.patch(f"/api/companies/{cast.company.id}", {"status": "paused"}).status_code == 500
        )
    finally:
        signals.company_stopped.disconnect(fail)
    assert Company.objects.get(pk=cast.company.pk).status == "active"
    assert not Activity.objects.filter(action="company.updated").exists()


def test_a_company_is_drained_and_takes_up_its_work_again(cast):
    path = f"/api/companies/{cast.company.id}"

    drained = cast.as_operator.post(f"{path}/drain").json()
    again = cast.as_owner.post(f"{path}/drain").json()
    resumed = cast.as_owner.post(f"{path}/undrain").json()
    cast.as_owner.post(f"{path}/undrain")

    assert drained["drainingSince"] is not None
    assert again["drainingSince"] == drained["drainingSince"]
    assert (resumed["drainingSince"], resumed["status"]) == (None, "active")
    logged = Activity.objects.filter(entity_id=str(cast.company.id)).order_by("created_at")
    assert list(logged.values_list("action", flat=True)) == ["company.drained", "company.undrained"]


@pytest.mark.parametrize("deed", ["drain", "undrain"])
@pytest.mark.parametrize(
    ("caller", "status"),
    [
        pytest.param("as_viewer", 403, id="viewer"),
        pytest.param("as_outsider", 403, id="outsider"),
        pytest.param("as_foreign_agent", 403, id="foreign agent"),
        pytest.param("as_nobody", 401, id="nobody"),
    ],
)
def test_who_may_not_drain_a_company(cast, deed, caller, status):
    assert getattr(cast, caller).post(f"/api/companies/{cast.company.id}/{deed}").status_code == status
    assert cast.as_agent(cast.ceo).post(f"/api/companies/{cast.company.id}/{deed}").status_code == 403


def test_an_archived_company_is_not_drained(cast):
    cast.as_owner.post(f"/api/companies/{cast.company.id}/archive")
    assert cast.as_owner.post(f"/api/companies/{cast.company.id}/drain").status_code == 409


@pytest.mark.parametrize(
    ("sent", "status", "kept"),
    [
        pytest.param(3, 200, 3, id="a number"),
        pytest.param(None, 200, None, id="no limit"),
        pytest.param(0, 400, 7, id="none at all"),
        pytest.param("3", 400, 7, id="text"),
        pytest.param(10_001, 400, 7, id="too many"),
    ],
)
def test_the_limit_of_a_companys_runs(cast, sent, status, kept):
    Company.objects.filter(pk=cast.company.pk).update(max_concurrent_runs=7)

    answer = cast.as_owner.patch(f"/api/companies/{cast.company.id}", {"maxConcurrentRuns": sent})

    assert answer.status_code == status
    assert Company.objects.get(pk=cast.company.pk).max_concurrent_runs == kept
    if status == 400:
        assert answer.json()["details"][0]["path"] == ["maxConcurrentRuns"]
