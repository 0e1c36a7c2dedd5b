"""C-101, C-102: secrets kept, rotated, switched and destroyed."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from paperclip.companies import actors
from paperclip.companies.choices import SecretTarget
from paperclip.companies.models import Activity, SecretAccess, SecretBinding, SecretVersion
from paperclip.companies.secrets import resolving, store
from paperclip.companies.secrets.resolving import Occasion, Unresolved, Wanted
from paperclip.core import clock
from paperclip.core.errors import Conflict, Invalid, NotFound, Unprocessable
from tests import factories
from tests.companies.secrets.conftest import VALUE, keep

pytestmark = pytest.mark.django_db
ACTOR = actors.system("test")


@pytest.fixture
def company():
    return factories.company()


def value_of(secret, selector="latest", *, agent=None) -> str:
    agent = agent or factories.agent(secret.company)
    wanted = Wanted(SecretTarget.AGENT, agent.pk, "env.IT", "IT", secret.pk, selector)
    occasion = Occasion(secret.company_id, actors.for_agent(agent), bound={secret.pk})
    return resolving.resolve([wanted], occasion=occasion, now=clock.now()).values["IT"]


def rotate(secret, value):
    return store.rotate(secret=secret, fields={"value": value}, actor=ACTOR, now=clock.now())


def test_key_is_made_of_the_name_or_lowered(company):
    assert keep(company).key == "github-token"
    assert keep(company, name="Other", key="NPM_Token.v2").key == "npm_token.v2"


@pytest.mark.parametrize(
    ("fields", "error", "named"),
    [
        pytest.param({"value": None}, Invalid, "value", id="C-102 managed without a value"),
        pytest.param({"value": ""}, Invalid, "value", id="C-102 empty value"),
        pytest.param({"value": "a\0b"}, Invalid, "value", id="C-102 NUL"),
        pytest.param({"value": "\ud800"}, Invalid, "value", id="C-102 half a character"),
        pytest.param({"value": "x" * 65_537}, Invalid, "value", id="C-102 too long"),
        pytest.param({"external_ref": "a#b"}, Invalid, "externalRef", id="C-102 managed with a reference"),
        pytest.param(
            {"managed_mode": "external_reference", "provider": "vault", "external_ref": "a"},
            Invalid, "value", id="C-102 external with a value",
        ),
        pytest.param(
            {"managed_mode": "external_reference", "provider": "vault", "value": None},
            Invalid, "externalRef", id="C-102 external without a reference",
        ),
        pytest.param({"key": "a b"}, Invalid, "key", id="C-102 blank in key"),
        pytest.param({"key": "x" * 121}, Invalid, "key", id="C-102 key too long"),
        pytest.param({"name": "ß"}, Invalid, "key", id="C-102 name gives no key"),
        pytest.param({"provider": "vault"}, Unprocessable, "", id="C-102 managed elsewhere"),
        pytest.param(
            {"managed_mode": "external_reference", "value": None, "external_ref": "a", "provider": "local_encrypted"},
            Unprocessable, "", id="C-102 external and here",
        ),
        pytest.param(
            {
                "managed_mode": "external_reference", "value": None, "external_ref": "a", "provider": "vault",
                "provider_config_id": factories.NO_SUCH_ID,
            },
            Unprocessable, "", id="C-102 unknown vault",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(company, fields, error, named):
    with pytest.raises(error) as refused:
        keep(company, **fields)
    if named:
        assert refused.value.issues[0]["path"] == [named]
    assert not SecretVersion.objects.exists()


@pytest.mark.parametrize(
    "fields", [{"name": "GitHub token", "key": "other"}, {"name": "Other", "key": "GITHUB-TOKEN"}]
)
def test_names_and_keys_are_taken_once(company, fields):
    first = keep(company)
    with pytest.raises(Conflict):
        keep(company, **fields)
    keep(factories.company(), **fields)
    store.delete(secret=first, actor=ACTOR, now=clock.now())
    keep(company, **fields)


def test_rotation_makes_a_current_version_and_keeps_the_one_before(company):
    secret = rotate(keep(company), "second-value")
    assert (secret.latest_version, secret.last_rotated_at is not None) == (2, True)
    states = dict(SecretVersion.objects.filter(secret=secret).values_list("version", "status"))
    assert states == {1: "previous", 2: "current"}
    assert value_of(secret) == value_of(secret, "2") == "second-value"
    assert value_of(secret, "1") == VALUE


def test_destroyed_version_is_gone_and_the_current_one_stays(company):
    secret = rotate(keep(company), "second-value")
    with pytest.raises(Conflict):
        store.destroy_version(secret=secret, version=2, actor=ACTOR, now=clock.now())
    SecretBinding.objects.create(
        company=company, secret=secret, target_type="agent", target_id=factories.agent(company).pk,
        config_path="env.A", version_selector="1",
    )  # fmt: skip
    with pytest.raises(Conflict):
        store.destroy_version(secret=secret, version=1, actor=ACTOR, now=clock.now())
    SecretBinding.objects.all().delete()
    store.destroy_version(secret=secret, version=1, actor=ACTOR, now=clock.now())
    with pytest.raises(NotFound):
        store.destroy_version(secret=secret, version=1, actor=ACTOR, now=clock.now())
    assert SecretVersion.objects.get(version=1).material is None
    with pytest.raises(Unresolved, match="no version 1 that can be read"):
        value_of(secret, "1")
    assert value_of(secret) == "second-value"


@pytest.mark.parametrize("status", ["disabled", "archived"])
def test_secret_that_is_not_active_is_given_to_nobody(company, status):
    secret = keep(company)
    store.update(secret=secret, fields={"status": status}, actor=ACTOR, now=clock.now())
    with pytest.raises(Unresolved, match=f"Secret github-token for IT cannot be had: it is {status}"):
        value_of(secret)
    store.update(secret=secret, fields={"status": "active"}, actor=ACTOR, now=clock.now())
    assert value_of(secret) == VALUE


def test_every_resolution_is_an_event_and_failures_say_why(company):
    """C-101"""
    secret = keep(company)
    value_of(secret)
    store.update(secret=secret, fields={"status": "disabled"}, actor=ACTOR, now=clock.now())
    with pytest.raises(Unresolved):
        value_of(secret)
    events = SecretAccess.objects.filter(secret=secret).order_by("created_at")
    assert [(each.outcome, each.error_code, each.version) for each in events] == [
        ("success", None, 1),
        ("failure", "secret_disabled", 1),
    ]
    secret.refresh_from_db()
    assert secret.last_resolved_at == events[0].created_at


def test_deleting_destroys_every_value_and_keeps_the_record(company):
    secret = rotate(keep(company), "second-value")
    value_of(secret)
    store.delete(secret=secret, actor=ACTOR, now=clock.now())
    secret.refresh_from_db()
    assert (secret.status, secret.deleted_at is not None) == ("deleted", True)
    for version in SecretVersion.objects.filter(secret=secret):
        assert (version.status, version.material, version.value_sha256) == ("destroyed", None, None)
    assert secret.accesses.count() == 1
    for again in (
        lambda: store.delete(secret=secret, actor=ACTOR, now=clock.now()),
        lambda: rotate(secret, "x"),
        lambda: store.update(secret=secret, fields={"name": "x"}, actor=ACTOR, now=clock.now()),
    ):
        with pytest.raises(NotFound):
            again()


def test_archived_secret_takes_no_new_value(company):
    secret = store.update(secret=keep(company), fields={"status": "archived"}, actor=ACTOR, now=clock.now())
    with pytest.raises(Conflict):
        rotate(secret, "x")


def test_deeds_are_logged_without_values(company):
    secret = keep(company, description="for the shop")
    store.update(secret=secret, fields={"name": "Renamed"}, actor=ACTOR, now=clock.now())
    rotate(secret, "second-value")
    store.delete(secret=secret, actor=ACTOR, now=clock.now())
    rows = Activity.objects.filter(entity_type="secret").order_by("created_at")
    assert [row.action for row in rows] == [
        "secret.created", "secret.updated", "secret.rotated", "secret.deleted"
    ]  # fmt: skip
    assert rows[1].details["changedKeys"] == ["name"]
    assert VALUE not in str([row.details for row in rows])
    assert "second-value" not in str([row.details for row in rows])


def test_reference_outside_is_kept_and_cannot_be_had_without_its_vault(company):
    fields = {"managed_mode": "external_reference", "value": None, "external_ref": "shop/github#token"}
    aws = keep(company, name="A", provider="aws_secrets_manager", **fields)
    vault = keep(company, name="V", provider="vault", **fields)
    with pytest.raises(Unresolved, match="AWS Secrets Manager cannot be read from here"):
        value_of(aws)
    with pytest.raises(Unresolved, match="no HashiCorp Vault is set up for this company"):
        value_of(vault)
    assert set(SecretAccess.objects.values_list("error_code", flat=True)) == {"secret_provider_failed"}


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        pytest.param("secret", {"status": "gone"}, id="C-101 unknown status"),
        pytest.param("secret", {"external_ref": "x"}, id="C-101 reference of a managed one"),
        pytest.param("secret", {"status": "deleted"}, id="C-101 deleted without a time"),
        pytest.param("version", {"material": None}, id="C-101 sealed without material"),
        pytest.param("version", {"status": "destroyed"}, id="C-101 destroyed with material"),
    ],
)
def test_database_holds_the_rules_itself(company, model, changes):
    secret = keep(company)
    rows = type(secret).objects.filter(pk=secret.pk) if model == "secret" else secret.versions
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**changes)


def test_two_current_versions_cannot_be(company):
    secret = rotate(keep(company), "second-value")
    with pytest.raises(IntegrityError), transaction.atomic():
        secret.versions.update(status="current")
