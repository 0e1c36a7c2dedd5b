"""Nothing secret leaves, wherever it stands; what is needed is named (C-106)."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issues import lifecycle
from paperclip.companies import actors, agents, projects
from paperclip.companies.models import AgentApiKey
from paperclip.companies.secrets import store
from paperclip.core import clock
from paperclip.portability import archives, files
from tests import factories
from tests.portability import companies

pytestmark = pytest.mark.django_db

# What people keep secret: long enough to be told from words.
VALUES = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, blacklist_characters="\\'\""), min_size=12, max_size=40
)
PLACES = st.lists(
    st.sampled_from(
        [
            "env",
            "profile",
            "project",
            "header",
            "argument",
            "address",
            "description",
            "company",
            "metadata",
            "policy",
        ]
    ),
    min_size=1,
    max_size=10,
    unique=True,
)


def everything(place) -> bytes:
    made = companies.taken(place, expand_skills=True)
    told = json.dumps({"warnings": list(made.warnings)}, ensure_ascii=False).encode()
    return b"\0".join(
        [told, *(files.to_bytes(content) for content in made.files.values()), *map(str.encode, made.files)]
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES, where=PLACES)
def test_no_secret_value_is_in_any_exported_byte(value, where):
    """A company secret, and the same value written down wherever people write things down."""
    place = factories.company(description=f"Log in with {value} please" if "company" in where else None)
    owner = factories.user(member_of=place, is_superuser=True)
    actor, now = actors.for_user(owner), clock.now()
    store.create(
        company_id=place.pk,
        fields={"name": "The key", "value": value},
        actor=actor,
        now=now,
    )
    config = {"model": "opus"}
    if "env" in where:
        config["env"] = {"SETTING": value}
    if "header" in where:
        config["headers"] = {"X-Custom": value, "Accept": "json"}
    if "argument" in where:
        config["args"] = ["--quiet", "--custom", value]
    runtime = (
        {"modelProfiles": {"cheap": {"adapterConfig": {"env": {"OTHER": value}}}}}
        if "profile" in where
        else {}
    )
    agent = agents.create(
        company=place,
        fields={
            "name": "Agent",
            "adapter_config": config,
            "runtime_config": runtime,
            "metadata": {"note": value} if "metadata" in where else None,
        },
        actor=actor,
        now=now,
    )
    token = factories.agent_key(agent)
    fields = {"name": "Project", "env": {"IN_PROJECT": value} if "project" in where else None}
    if "address" in where:
        fields["description"] = f"Clone https://bot:{token}@git.example.com/x.git"
    if "policy" in where:
        fields["execution_workspace_policy"] = {"workspaceStrategy": {"provisionCommand": f"login {value}"}}
    projects.create(company=place, fields=fields, actor=actor, now=now)
    if "description" in where:
        text = f"The value is {value}, the key {token}"
        lifecycle.create(
            company_id=place.pk, fields={"title": text, "description": text}, actor=actor, now=now
        )
    left = everything(place)
    assert value.encode() not in left
    assert token.encode() not in left
    assert AgentApiKey.objects.get(agent=agent).key_hash.encode() not in left


def test_variables_are_named_with_their_kind_and_no_value():
    place, _ = companies.full()
    made = companies.taken(place)
    assert [(each.key, each.kind, each.owner) for each in made.package.env_inputs] == [
        ("API_TOKEN", "secret", "agent ada-boss"),
        ("MODE", "plain", "agent ada-boss"),
        ("PAD_KEY", "secret", "project launch-pad"),
    ]
    left = everything(place)
    assert b"prod-mode" not in left
    assert companies.SECRET.encode() not in left
    assert tuple(companies.planned(made.files).env_inputs) == made.package.env_inputs
    assert "projects/launch-pad: the password in the repository's address is left out" in made.warnings


def test_what_was_left_out_is_told_and_leaves_no_marker_behind():
    place = factories.company()
    factories.agent(
        place,
        name="Caller",
        adapter_config={"url": "https://example.com", "headers": {"Authorization": "Bearer abc123def456ghi"}},
    )
    made = companies.taken(place)
    assert made.package.agents[0].adapter_config == {"url": "https://example.com", "headers": {}}
    assert (
        "agents/caller: adapterConfig.headers.Authorization was left out: it looks like a secret"
        in made.warnings
    )
    assert not companies.planned(made.files).errors


def test_archive_of_the_same_company_is_the_same_bytes():
    place, _ = companies.full()
    first, second = (archives.write_zip(companies.taken(place).files) for _ in range(2))
    assert first == second
