"""Keeping, rotating and destroying secrets with the mouse; values go in and never come back."""

from __future__ import annotations

import pytest

from paperclip.companies import actors, agents, projects
from paperclip.companies.models import Agent, Project, Secret, SecretBinding, SecretVersion
from paperclip.companies.secrets import resolving, store
from paperclip.core import clock
from tests.board.conftest import browse

LIST = "/admin/companies/secret/"
VALUE = "black-tulip-1637"
FIELDS = {"name": "Shop token", "key": "", "provider": "local_encrypted", "value": VALUE, "external_ref": ""}


def do(client, secret: Secret, deed: str, **fields):
    return client.post(f"{LIST}{secret.pk}/do/{deed}/", fields, follow=True).content.decode()


def test_secret_is_made_and_its_value_never_shown(scene):
    client = browse(scene.owner)
    page = client.post(
        f"{LIST}add/", {**FIELDS, "value": "line one\r\nline two"}, follow=True
    ).content.decode()
    made = Secret.objects.get(name="Shop token")
    version = SecretVersion.objects.get(secret=made)
    assert resolving.unsealed(version, made) == "line one\r\nline two"
    assert made.key == "shop-token"
    assert "line one" not in page
    assert "line one" not in client.get(f"{LIST}{made.pk}/edit/").content.decode()
    assert "shop-token" in client.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"value": ""}, "needs a value"),
        ({"name": "GitHub token", "key": "other"}, "exists already"),
        ({"key": "a b"}, "A key is made of"),
        ({"provider": "vault"}, "takes no value"),
        ({"provider": "vault", "value": ""}, "needs an externalRef"),
    ],
)
def test_mistakes_are_shown_and_the_value_is_typed_again(scene, changes, said):
    answer = browse(scene.owner).post(f"{LIST}add/", FIELDS | changes)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert VALUE not in answer.content.decode()
    assert not Secret.objects.filter(name="Shop token").exists()


def test_rotate_switch_and_destroy(scene):
    client, secret = browse(scene.owner), scene.secret
    said = do(client, secret, "rotate", value=VALUE)
    assert "Version 3 is what runs get from now on" in said
    assert VALUE not in said
    assert resolving.unsealed(secret.versions.get(version=3), secret) == VALUE
    assert "Version 1 is destroyed" in do(client, secret, "destroy-version", version="1")
    assert "rotate first" in do(client, secret, "destroy-version", version="3")
    for deed, status in (("disable", "disabled"), ("enable", "active"), ("archive", "archived")):
        do(client, secret, deed)
        assert Secret.objects.get(pk=secret.pk).status == status
    assert "Secret is in use in 1 place" in do(client, secret, "destroy")
    assert "Every value of GitHub token is destroyed" in do(client, secret, "destroy", even_if_used="yes")
    page = client.get(f"{LIST}{secret.pk}/change/").content.decode()
    assert 'data-dialog="rotate"' not in page
    assert secret.name not in client.get(LIST).content.decode()
    assert secret.name in client.get(f"{LIST}?status=deleted").content.decode()


def test_page_tells_who_uses_it_and_who_was_given_it(scene):
    page = browse(scene.owner).get(f"{LIST}{scene.secret.pk}/change/").content.decode()
    assert f"/admin/companies/agent/{scene.backend.pk}/change/" in page
    assert f"/admin/heartbeat/run/{scene.running.pk}/change/" in page
    assert "secret_disabled" in page


def test_viewers_look_and_change_nothing(scene, viewer):
    client = browse(viewer)
    page = client.get(f"{LIST}{scene.secret.pk}/change/").content.decode()
    assert scene.secret.name in page
    assert 'data-dialog="rotate"' not in page
    assert client.post(f"{LIST}{scene.secret.pk}/do/rotate/", {"value": VALUE}).status_code in (403, 404)


def test_secrets_of_an_agent_are_chosen_by_their_keys(scene):
    client, secret = browse(scene.owner), scene.secret
    actor = actors.for_user(scene.owner)
    fields = {"name": "Gardener", "adapter_config": {"command": "true", "env": {"MODE": "fast"}}}
    agent = agents.create(company=scene.company, fields=fields, actor=actor, now=clock.now())
    path = f"/admin/companies/agent/{agent.pk}/edit/"
    form = client.get(path).context["form"]
    assert secret.key in form.fields["secrets"].help_text
    sent = {**_shown(form), "secrets": f"GITHUB_TOKEN = {secret.key}\nOLD={secret.key} @1"}
    assert client.post(path, sent).status_code == 302
    env = Agent.objects.get(pk=agent.pk).adapter_config["env"]
    assert env == {
        "MODE": {"type": "plain", "value": "fast"},
        "GITHUB_TOKEN": {"type": "secret_ref", "secretId": str(secret.pk), "version": "latest"},
        "OLD": {"type": "secret_ref", "secretId": str(secret.pk), "version": 1},
    }
    form = client.get(path).context["form"]
    assert form.initial["secrets"].splitlines() == [f"GITHUB_TOKEN = {secret.key}", f"OLD = {secret.key} @1"]
    client.post(path, {**_shown(form), "secrets": ""})
    assert Agent.objects.get(pk=agent.pk).adapter_config["env"] == {
        "MODE": {"type": "plain", "value": "fast"}
    }
    assert not SecretBinding.objects.filter(target_id=agent.pk).exists()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("GITHUB_TOKEN", "Write NAME = key"),
        ("A = no-such-key", "secret not found"),
        ("1A = github-token", "Invalid env"),
    ],
)
def test_lines_that_name_no_secret_are_refused(scene, lines, said):
    client = browse(scene.owner)
    path = f"/admin/companies/project/{scene.project.pk}/edit/"
    sent = {**_shown(client.get(path).context["form"]), "secrets": lines}
    answer = client.post(path, sent)
    assert answer.status_code == 200
    assert said in answer.content.decode()


def test_secrets_of_a_project_are_chosen_by_their_keys(scene):
    client = browse(scene.owner)
    Project.objects.filter(pk=scene.project.pk).update(env={"MODE": {"type": "plain", "value": "fast"}})
    path = f"/admin/companies/project/{scene.project.pk}/edit/"
    sent = {**_shown(client.get(path).context["form"]), "secrets": f"TOKEN = {scene.secret.key}"}
    assert client.post(path, sent).status_code == 302
    assert set(Project.objects.get(pk=scene.project.pk).env) == {"MODE", "TOKEN"}
    assert SecretBinding.objects.filter(target_type="project", target_id=scene.project.pk).count() == 1


def test_strangers_see_nothing(scene, outsider):
    assert browse(outsider).get(f"{LIST}{scene.secret.pk}/change/").status_code == 404


def _shown(form) -> dict[str, str]:
    """What a browser would send back of a form untouched."""
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value not in (None, False)}


def test_deleted_secret_stays_readable_in_a_form(scene):
    actor = actors.for_user(scene.owner)
    secret = store.create(
        company_id=scene.company.pk, fields={"name": "Gone", "value": VALUE}, actor=actor, now=clock.now()
    )
    env = {"A": {"type": "secret_ref", "secretId": str(secret.pk)}}
    project = projects.create(
        company=scene.company, fields={"name": "P", "env": env}, actor=actor, now=clock.now()
    )
    store.delete(secret=secret, actor=actor, now=clock.now(), even_if_used=True)
    client = browse(scene.owner)
    path = f"/admin/companies/project/{project.pk}/edit/"
    sent = _shown(client.get(path).context["form"])
    assert str(secret.pk) in sent["secrets"]
    assert client.post(path, sent).status_code == 302
