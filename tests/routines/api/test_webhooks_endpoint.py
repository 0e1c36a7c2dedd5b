"""`POST /routine-triggers/public/:publicId/fire` (section 8)."""

from __future__ import annotations

import hashlib
import hmac
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection

from issues.models import Issue
from paperclip.companies.models import Activity, Grant, Secret, SecretAccess, SecretVersion
from paperclip.core import clock
from routines import firing, webhooks
from routines.models import RoutineRun, Trigger, WebhookReceipt
from tests import cast as standing
from tests.cast import Caller
from tests.routines import recipes

pytestmark = pytest.mark.django_db
BODY = b'{"ref": "main"}'


def fire(made, body=BODY, content_type="application/json", **headers):
    return Caller().generic(
        "POST",
        f"/api/routine-triggers/public/{made.trigger.public_id}/fire",
        body,
        content_type=content_type,
        headers=headers,
    )


def stamp(seconds: float = 0, *, as_ms: bool = False) -> str:
    at = clock.now().timestamp() + seconds
    return str(int(at * 1000)) if as_ms else str(int(at))


def signed(made, body=BODY, *, at: str | None = None, prefix="sha256="):
    at = stamp() if at is None else at
    told = at.encode() + b"." + body
    signature = hmac.new(made.material.secret.encode(), told, hashlib.sha256).hexdigest()
    return {"X-Paperclip-Timestamp": at, "X-Paperclip-Signature": prefix + signature}


def with_secret(made, secret):
    """The same webhook as its sender knows it with another secret."""
    return replace(made, material=replace(made.material, secret=secret))


def signed_by_github(made, body=BODY):
    signature = hmac.new(made.material.secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={signature}"}


@pytest.fixture
def routine(cast):
    return recipes.routine(cast, concurrency_policy="always_enqueue")


@pytest.fixture
def hook(routine):
    return recipes.webhook(routine, signing_mode="hmac_sha256")


def test_a_webhook_is_made_with_its_secret_shown_once(cast, routine):
    address = f"/api/routines/{routine.pk}/triggers"
    made = cast.as_owner.post(address, {"kind": "webhook", "label": "Deploys"}).json()
    trigger, material = made["trigger"], made["secretMaterial"]
    assert len(trigger["publicId"]) == 24
    assert len(material["webhookSecret"]) == 48
    assert material["webhookUrl"].endswith(f"/api/routine-triggers/public/{trigger['publicId']}/fire")
    assert (trigger["signingMode"], trigger["replayWindowSec"]) == ("bearer", 300)
    assert trigger["lastRotatedAt"] is not None
    secret = Secret.objects.get()
    assert str(secret.pk) == trigger["secretId"]
    assert secret.name.startswith(f"routine-{routine.pk}-")
    binding = secret.bindings.get()
    assert (binding.target_type, binding.target_id) == ("routine", routine.pk)
    assert binding.config_path == f"webhookSecret:{secret.pk}"
    shown = cast.as_owner.get(f"/api/routines/{routine.pk}")
    assert material["webhookSecret"] not in shown.content.decode()
    run = cast.as_nobody.generic(
        "POST", material["webhookUrl"].partition("/api")[1] + material["webhookUrl"].partition("/api")[2],
        b"", headers={"Authorization": f"Bearer {material['webhookSecret']}"},
    )  # fmt: skip
    assert run.status_code == 202, run.content


def test_an_external_provider_leaves_webhook_secrets_here(cast, routine, settings):  # RC-39
    settings.SECRETS_PROVIDER = "aws_secrets_manager"
    made = recipes.webhook(routine)
    assert Secret.objects.get().provider == "local_encrypted"
    assert fire(made, Authorization=f"Bearer {made.material.secret}").status_code == 202


@pytest.mark.parametrize(
    ("at", "prefix", "status"),
    [
        pytest.param(lambda: stamp(), "sha256=", 202, id="RC-30 seconds"),
        pytest.param(lambda: stamp(as_ms=True), "", 202, id="RC-31 milliseconds, no prefix"),
        pytest.param(lambda: stamp(-400), "", 401, id="RC-32 too old"),
        pytest.param(lambda: stamp(200), "", 202, id="RC-33 ahead within the window"),
        pytest.param(lambda: stamp(400), "", 401, id="R-69 too far ahead"),
        pytest.param(lambda: "", "", 401, id="RC-34 no timestamp"),
        pytest.param(lambda: "soon", "", 401, id="RC-34 not numeric"),
        pytest.param(lambda: "9" * 400, "", 401, id="R-72 beyond all time"),
        pytest.param(lambda: "9999999999999999", "", 401, id="R-72 beyond the calendar"),
    ],
)
def test_signatures_over_time_and_body(hook, at, prefix, status):
    answer = fire(hook, **signed(hook, at=at(), prefix=prefix))
    assert answer.status_code == status, answer.content
    if status == 401:
        assert answer.json() == {"error": "Unauthorized"}
        assert not RoutineRun.objects.exists()
        return
    run = RoutineRun.objects.get()
    assert (run.source, run.trigger_id, run.trigger_payload) == ("webhook", hook.trigger.pk, {"ref": "main"})
    assert answer.json()["id"] == str(run.pk)
    written = Activity.objects.get(action="routine.run_triggered")
    assert (written.actor_type, written.actor_id) == ("system", "routine-webhook")
    assert Issue.objects.get(pk=run.linked_issue_id).created_by_user_id is None


def test_a_webhook_without_a_mode_signs_with_the_time(cast, hook):
    address = f"/api/routine-triggers/{hook.trigger.pk}"
    cast.as_owner.patch(address, {"signingMode": None, "replayWindowSec": None})
    assert fire(hook, Authorization=f"Bearer {hook.material.secret}").status_code == 401
    assert fire(hook, **signed(hook, at=stamp(-250))).status_code == 202


def test_signatures_as_github_makes_them(routine):
    hook = recipes.webhook(routine, signing_mode="github_hmac")
    assert fire(hook, **{"X-Hub-Signature-256": "sha256=" + "0" * 64}).status_code == 401  # RC-36
    assert fire(hook).status_code == 401
    good = signed_by_github(hook)
    assert fire(hook, b'{"ref": "other"}', **good).status_code == 401, "of another body"
    assert fire(hook, **good).status_code == 202  # RC-35
    under_our_name = {"X-Paperclip-Signature": signed_by_github(hook, b"[1]")["X-Hub-Signature-256"]}
    assert fire(hook, b"[1]", **under_our_name).status_code == 202


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param("bearer {}", id="R-68 scheme in lower case"),
        pytest.param("Bearer  {}", id="R-68 two spaces"),
        pytest.param("{}", id="R-68 bare"),
        pytest.param("Bearer {}x", id="R-68 longer"),
        pytest.param("Bearer é", id="R-68 not of this alphabet"),
    ],
)
def test_the_secret_itself_is_compared_exactly(routine, sent):
    hook = recipes.webhook(routine)
    assert fire(hook, Authorization=sent.format(hook.material.secret)).status_code == 401
    assert fire(hook).status_code == 401
    assert fire(hook, Authorization=f"Bearer {hook.material.secret}").status_code == 202


def test_the_address_alone_may_be_enough(routine):  # RC-37, R-71
    hook = recipes.webhook(routine, signing_mode="none")
    assert fire(hook).status_code == 202
    assert not SecretAccess.objects.exists()


def test_every_proof_is_compared_in_constant_time(routine, monkeypatch):
    compared = []
    real = hmac.compare_digest

    def watched(left, right):
        compared.append((left, right))
        return real(left, right)

    monkeypatch.setattr(webhooks.hmac, "compare_digest", watched)
    for mode in ("bearer", "hmac_sha256", "github_hmac"):
        hook = recipes.webhook(routine, signing_mode=mode)
        for headers in ({}, {"Authorization": "Bearer x", "X-Paperclip-Signature": "x"}, signed(hook)):
            compared.clear()
            fire(hook, **headers)
            assert len(compared) == 1, "one comparison decides, whatever was sent"


def test_an_unknown_address_is_not_found(cast):  # RC-38
    answer = Caller().post("/api/routine-triggers/public/nothing/fire")
    assert (answer.status_code, answer.json()["error"]) == (404, "Routine trigger not found")


@pytest.mark.parametrize("off", ["trigger", "paused", "archived", "company"])
def test_what_is_switched_off_is_said_before_the_proof_is_looked_at(routine, hook, off):
    if off == "trigger":
        Trigger.objects.update(enabled=False)
    elif off == "company":
        type(routine.company).objects.filter(pk=routine.company_id).update(status="archived")
    else:
        type(routine).objects.update(status=off)
    answer = fire(hook)
    assert (answer.status_code, answer.json()["error"]) == (409, "Routine trigger is not active")


def test_a_webhook_whose_secret_is_gone_says_so(hook):
    Secret.objects.update(status="deleted", deleted_at=clock.now())
    answer = fire(hook, **signed(hook))
    assert (answer.status_code, answer.json()["error"]) == (404, "Routine trigger secret not found")


# --- Replays -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["hmac_sha256", "github_hmac"])
def test_a_replay_is_refused(routine, mode):  # R-75, RW-7
    hook = recipes.webhook(routine, signing_mode=mode)
    headers = signed(hook) if mode == "hmac_sha256" else signed_by_github(hook)
    assert fire(hook, **headers).status_code == 202
    for again in (headers, headers | {"Idempotency-Key": "another"}):
        answer = fire(hook, **again)
        assert (answer.status_code, answer.json()["error"]) == (409, "Webhook replay detected")
    assert RoutineRun.objects.get().idempotency_key.startswith("webhook-hmac:")
    WebhookReceipt.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert firing.fire_due(now=clock.now()).cleared == 1


def test_a_request_that_made_nothing_may_come_again(cast):
    """What is refused for its variables is not remembered: the sender may mend the routine and send it again."""
    routine = recipes.routine(cast, title="{{branch}}", variables=[recipes.text("branch")])
    hook = recipes.webhook(routine, signing_mode="hmac_sha256")
    headers = signed(hook)
    answer = fire(hook, **headers)
    assert (answer.status_code, answer.json()["error"]) == (422, "Missing routine variables: branch")
    assert not WebhookReceipt.objects.exists()
    type(routine).objects.update(variables=[], title="x")
    assert fire(hook, **headers).status_code == 202


def test_the_same_key_is_the_same_run(routine):
    hook = recipes.webhook(routine)
    headers = {"Authorization": f"Bearer {hook.material.secret}", "Idempotency-Key": "delivery-1"}
    first = fire(hook, **headers).json()
    assert fire(hook, b"{}", **headers).json()["id"] == first["id"]
    assert fire(hook, **(headers | {"Idempotency-Key": "delivery-2"})).json()["id"] != first["id"]
    assert fire(hook, **(headers | {"Idempotency-Key": "k" * 256})).status_code == 400
    assert RoutineRun.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", ["bearer", "hmac_sha256"])
def test_a_burst_with_one_key_makes_one_run(mode):
    routine = recipes.routine(standing.make(), concurrency_policy="always_enqueue")
    hook = recipes.webhook(routine, signing_mode=mode)
    codes: list[int] = []

    def send(count):
        try:
            for _ in range(count):
                headers = (
                    signed(hook) if mode != "bearer" else {"Authorization": f"Bearer {hook.material.secret}"}
                )
                codes.append(fire(hook, **headers, **{"Idempotency-Key": "one"}).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[25]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)

    assert len(codes) == 200
    assert set(codes) <= ({202} if mode == "bearer" else {202, 409})
    assert RoutineRun.objects.count() == Issue.objects.filter(origin_kind="routine_execution").count() == 1


def test_one_who_tries_too_often_must_wait(routine, hook, monkeypatch):
    monkeypatch.setattr(webhooks, "FIRE", webhooks.Limit("webhook-fire", 2, timedelta(minutes=1)))
    for number in range(3):
        answer = fire(hook, b"[%d]" % number, **signed(hook, b"[%d]" % number))
        assert answer.status_code == (202 if number < 2 else 429)
    monkeypatch.setattr(webhooks, "TRY", webhooks.Limit("webhook-try-2", 1, timedelta(minutes=1)))
    assert [fire(hook).status_code for _ in range(2)] == [401, 429]


# --- Bodies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content_type", "payload"),
    [
        pytest.param(b"", "application/json", None, id="R-74 nothing"),
        pytest.param(b'{"a": {"b": [1]}}', "application/json", {"a": {"b": [1]}}, id="R-74 object"),
        pytest.param(b'["a", 2]', "application/json", ["a", 2], id="R-74 array"),
        pytest.param(b'{"a": 1}', "application/x-www-form-urlencoded", {"a": 1}, id="curl -d"),
        pytest.param(b'{"a": 1}', "multipart/form-data; boundary=x", {"a": 1}, id="whatever the type says"),
    ],
)
def test_what_a_webhook_brings(routine, body, content_type, payload):
    hook = recipes.webhook(routine, signing_mode="github_hmac")
    answer = fire(hook, body, content_type, **signed_by_github(hook, body))
    assert answer.status_code == 202, answer.content
    assert RoutineRun.objects.get().trigger_payload == payload


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="cut off"),
        pytest.param(b'"text"', id="R-74 a text"),
        pytest.param(b'{"a": "\\u0000"}', id="NUL"),
        pytest.param(b"[" * 5000 + b"]" * 5000, id="deep"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b"payload=%7B%7D", id="a form"),
    ],
)
def test_a_body_that_is_no_json_is_refused(routine, body):
    hook = recipes.webhook(routine, signing_mode="none")
    answer = fire(hook, body)
    assert answer.status_code == 400
    assert not RoutineRun.objects.exists()


def test_the_members_of_a_payload_are_variables(cast):
    declared = [recipes.text("ref"), recipes.text("zero") | {"required": False}]
    routine = recipes.routine(cast, title="Build {{ref}} {{zero}}", variables=declared)
    hook = recipes.webhook(routine, signing_mode="none")
    run = fire(hook).json()
    assert Issue.objects.get(pk=run["linkedIssueId"]).title == "Build main {{zero}}"
    assert run["triggerPayload"] == {"ref": "main", "variables": {"ref": "main"}}


# --- Secrets -------------------------------------------------------------------------------------------


def test_a_new_secret_ends_the_earlier_one(cast, hook):
    address = f"/api/routine-triggers/{hook.trigger.pk}/rotate-secret"
    answer = cast.as_owner.post(address)
    assert answer.status_code == 200, answer.json()
    new = answer.json()["secretMaterial"]["webhookSecret"]
    assert new != hook.material.secret
    assert answer.json()["revision"]["changeSummary"] == "Rotated webhook trigger secret"
    assert answer.json()["trigger"]["publicId"] == hook.trigger.public_id
    assert fire(hook, **signed(hook)).status_code == 401
    renewed = with_secret(hook, new)
    assert fire(hook, **signed(renewed)).status_code == 202
    statuses = SecretVersion.objects.order_by("version").values_list("status", flat=True)
    assert list(statuses) == ["destroyed", "current"]
    row = Activity.objects.get(action="routine.trigger_secret_rotated")
    assert row.details == {"routineId": str(hook.trigger.routine_id)}


def test_a_secret_that_was_deleted_is_made_anew(cast, hook):
    Secret.objects.update(status="deleted", deleted_at=clock.now())
    answer = cast.as_owner.post(f"/api/routine-triggers/{hook.trigger.pk}/rotate-secret").json()
    renewed = with_secret(hook, answer["secretMaterial"]["webhookSecret"])
    assert fire(hook, **signed(renewed)).status_code == 202


def test_other_triggers_have_no_secret_to_replace(cast, routine):
    trigger = recipes.schedule(routine, due=None)
    answer = cast.as_owner.post(f"/api/routine-triggers/{trigger.pk}/rotate-secret")
    assert (answer.status_code, answer.json()["error"]) == (422, "Only webhook triggers can rotate secrets")


def test_secrets_die_with_their_trigger(cast, hook):  # RW-15
    other = recipes.webhook(hook.trigger.routine)
    assert cast.as_owner.delete(f"/api/routine-triggers/{hook.trigger.pk}").status_code == 204
    gone = Secret.objects.get(pk=hook.trigger.secret_id)
    assert gone.status == "deleted"
    assert set(gone.versions.values_list("status", flat=True)) == {"destroyed"}
    assert not gone.bindings.exists()
    assert Secret.objects.get(pk=other.trigger.secret_id).status == "active"


def test_each_look_at_a_secret_is_recorded_and_none_is_told(hook):
    fire(hook, **signed(hook))
    access = SecretAccess.objects.get()
    assert (access.consumer_type, access.consumer_id) == ("routine", hook.trigger.routine_id)
    for row in Activity.objects.all():
        assert hook.material.secret not in str(row.details)
    assert hook.material.secret not in repr(hook)


def test_the_address_is_shown_to_whoever_may_manage_it(cast, hook):  # RW-14
    address = f"/api/routines/{hook.trigger.routine_id}"
    for who, shown in (
        (cast.as_owner, True), (cast.as_viewer, True), (cast.as_agent(cast.engineer), True),
        (cast.as_agent(cast.peer), False),
    ):  # fmt: skip
        (trigger,) = who.get(address).json()["triggers"]
        assert (trigger["publicId"] == hook.trigger.public_id) is shown


def test_who_may_replace_a_secret(cast, hook):  # RW-15, R-108
    address = f"/api/routine-triggers/{hook.trigger.pk}/rotate-secret"
    assert cast.as_agent(cast.peer).post(address).status_code == 403
    assert cast.as_agent(cast.engineer).post(address).status_code == 200, "its own routine's"
    Grant.objects.filter(principal_id=cast.operator.pk).delete()
    answer = cast.as_operator.post(address)
    assert (answer.status_code, answer.json()["error"]) == (403, "Missing permission: tasks:assign")
