"""C-54, C-61: the instructions of agents."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from paperclip.companies import instructions
from paperclip.companies.models import Activity, Agent, AgentConfigRevision
from tests import factories

BUNDLE = {"entryFile": "AGENTS.md", "files": {"AGENTS.md": "Be kind.", "tools/git.md": "Commit often."}}


def path_of(agent, tail: str) -> str:
    return f"/api/agents/{agent.id}/{tail}"


def file_path(agent, path: str) -> str:
    return path_of(agent, f"instructions-bundle/file?path={path}")


@pytest.fixture
def told(cast):
    """A Claude agent that was taken on with instructions."""
    made = cast.as_owner.post(
        f"/api/companies/{cast.company.id}/agents",
        {"name": "Told", "adapterType": "claude_local", "instructionsBundle": BUNDLE},
    )
    assert made.status_code == 201, made.json()
    return Agent.objects.get(pk=made.json()["id"])


def test_new_agent_has_its_instructions(cast, told):
    """C-54: the files are written, and the configuration says where."""
    root = instructions.managed_root(told)
    assert told.adapter_config == {
        "instructionsBundleMode": "managed",
        "instructionsRootPath": str(root),
        "instructionsEntryFile": "AGENTS.md",
        "instructionsFilePath": str(root / "AGENTS.md"),
    }
    assert (root / "tools/git.md").read_text() == "Commit often."
    assert root.is_relative_to(settings.PAPERCLIP_HOME)
    seen = cast.as_agent(cast.peer).get(path_of(told, "instructions-bundle")).json()
    assert (seen["mode"], seen["entryFile"], seen["editable"], seen["warnings"]) == (
        "managed",
        "AGENTS.md",
        True,
        [],
    )
    assert [(one["path"], one["isEntryFile"]) for one in seen["files"]] == [
        ("AGENTS.md", True),
        ("tools/git.md", False),
    ]
    file = cast.as_agent(cast.peer).get(file_path(told, "tools/git.md")).json()
    assert (file["content"], file["size"], file["markdown"]) == ("Commit often.", 13, True)


@pytest.mark.parametrize(
    ("bundle", "status"),
    [
        pytest.param({"files": {}}, 400, id="C-54 no files"),
        pytest.param({"files": {"AGENTS.md": 5}}, 400, id="C-54 no text"),
        pytest.param({"files": {"AGENTS.md": "x", "../evil.md": "x"}}, 422, id="C-54 leaves the folder"),
        pytest.param({"files": {"OTHER.md": "x"}}, 422, id="C-54 entry file missing"),
        pytest.param({"files": {"AGENTS.md": "x" * 600_000}}, 400, id="C-54 too large"),
    ],
)
def test_bad_instructions_make_no_agent(cast, bundle, status):
    before = Agent.objects.count()
    answer = cast.as_owner.post(
        f"/api/companies/{cast.company.id}/agents", {"name": "Bad", "instructionsBundle": bundle}
    )
    assert (answer.status_code, Agent.objects.count()) == (status, before)


def test_prompt_template_of_the_old_kind_is_refused_for_new_agents(cast):
    """C-54: where a bundle takes its place; a program of any kind may keep one."""
    body = {"name": "Old", "adapterType": "claude_local", "adapterConfig": {"promptTemplate": "You are …"}}
    path = f"/api/companies/{cast.company.id}/agents"
    answer = cast.as_owner.post(path, body)
    assert (answer.status_code, "promptTemplate" in answer.json()["error"]) == (422, True)
    assert cast.as_owner.post(path, body | {"adapterType": "process"}).status_code == 201


def test_hired_agent_has_its_instructions(cast):
    hired = cast.as_agent(cast.ceo).post(
        f"/api/companies/{cast.company.id}/agent-hires",
        {
            "name": "Hired",
            "adapterType": "codex_local",
            "instructionsBundle": BUNDLE,
            "desiredSkills": ["paperclip"],
        },
    )
    assert hired.status_code == 201, hired.json()
    agent = Agent.objects.get(pk=hired.json()["agent"]["id"])
    assert instructions.read(agent, "AGENTS.md").content == "Be kind."
    assert agent.adapter_config["paperclipSkillSync"] == {"desiredSkills": ["paperclip/paperclip"]}


def test_person_writes_and_deletes_files(cast, told):
    """C-61: with an entry in the log each; the entry file stays."""
    told_path = path_of(told, "instructions-bundle/file")
    written = cast.as_owner.put(told_path, {"path": "SOUL.md", "content": "Patience."})
    assert (written.status_code, written.json()["content"]) == (200, "Patience.")
    changed = cast.as_owner.put(told_path, {"path": "AGENTS.md", "content": "Be brief."})
    assert (changed.status_code, instructions.read(told, "AGENTS.md").content) == (200, "Be brief.")
    assert cast.as_owner.delete(file_path(told, "SOUL.md")).status_code == 200
    assert cast.as_owner.get(file_path(told, "SOUL.md")).status_code == 404
    assert cast.as_owner.delete(file_path(told, "SOUL.md")).status_code == 404
    kept = cast.as_owner.delete(file_path(told, "AGENTS.md"))
    assert (kept.status_code, "entry file" in kept.json()["error"]) == (422, True)
    deeds = (
        Activity.objects.filter(entity_id=str(told.id)).exclude(action="agent.created").order_by("created_at")
    )
    assert [(row.action, row.details["path"]) for row in deeds] == [
        ("agent.instructions_file_updated", "SOUL.md"),
        ("agent.instructions_file_updated", "AGENTS.md"),
        ("agent.instructions_file_deleted", "SOUL.md"),
    ]


def test_first_file_gives_an_agent_a_folder_and_a_revision(cast):
    """C-64: the configuration changed with it; later files change texts only."""
    put = path_of(cast.engineer, "instructions-bundle/file")
    for text in ("one", "two"):
        assert cast.as_owner.put(put, {"path": "AGENTS.md", "content": text}).status_code == 200
    revision = AgentConfigRevision.objects.get(agent=cast.engineer)
    assert (revision.source, revision.changed_keys) == ("instructions_bundle_file_put", ["adapterConfig"])
    cast.engineer.refresh_from_db()
    assert cast.engineer.adapter_config["instructionsBundleMode"] == "managed"


def test_old_prompt_template_is_cleared_when_asked(cast):
    agent = factories.agent(
        cast.company, adapter_type="claude_local", adapter_config={"promptTemplate": "old"}
    )
    bundle = path_of(agent, "instructions-bundle")
    assert cast.as_owner.get(bundle).json()["legacyPromptTemplateActive"] is True
    kept = cast.as_owner.patch(bundle, {"mode": "managed"}).json()
    assert kept["legacyPromptTemplateActive"] is True
    cleared = cast.as_owner.patch(bundle, {"clearLegacyPromptTemplate": True}).json()
    assert cleared["legacyPromptTemplateActive"] is False


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("..%2F..%2Fsecret.key", id="C-61 up"),
        pytest.param("%2Fetc%2Fpasswd", id="C-61 absolute"),
        pytest.param("a%0Ab", id="C-61 line break"),
        pytest.param("", id="C-61 none"),
    ],
)
def test_path_out_of_the_folder_is_refused(cast, told, path):
    answer = cast.as_owner.get(file_path(told, path))
    assert answer.status_code == 422
    if not path:
        assert answer.json()["error"] == "Query parameter 'path' is required"


def test_link_in_the_folder_leads_nowhere(cast, told, tmp_path):
    (tmp_path / "secret.md").write_text("the secret")
    root = instructions.managed_root(told)
    (root / "way").symlink_to(tmp_path)
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    for path in ("way/secret.md", "link.md"):
        answers = [
            cast.as_owner.get(file_path(told, path)),
            cast.as_owner.put(path_of(told, "instructions-bundle/file"), {"path": path, "content": "x"}),
            cast.as_owner.delete(file_path(told, path)),
        ]
        assert [answer.status_code for answer in answers] == [422, 422, 422]
        assert not any(b"the secret" in answer.content for answer in answers)
    assert (tmp_path / "secret.md").read_text() == "the secret"


def test_external_folder_is_read_and_written(cast, told, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "START.md").write_text("From outside.")
    body = {"mode": "external", "rootPath": str(folder), "entryFile": "START.md"}
    set_up = cast.as_owner.patch(path_of(told, "instructions-bundle"), body)
    assert (set_up.status_code, set_up.json()["rootPath"]) == (200, str(folder))
    assert cast.as_agent(told).get(file_path(told, "START.md")).json()["content"] == "From outside."
    put = cast.as_owner.put(path_of(told, "instructions-bundle/file"), {"path": "NEW.md", "content": "x"})
    assert (put.status_code, (folder / "NEW.md").read_text()) == (200, "x")
    told.refresh_from_db()
    assert told.adapter_config["instructionsFilePath"] == str(folder / "START.md")
    assert AgentConfigRevision.objects.get(agent=told).source == "instructions_bundle_patch"
    back = cast.as_owner.patch(
        path_of(told, "instructions-bundle"), {"mode": "managed", "entryFile": "AGENTS.md"}
    )
    assert [one["path"] for one in back.json()["files"]] == ["AGENTS.md", "tools/git.md"]


def test_folder_that_cannot_serve_is_refused(cast, told, tmp_path):
    """C-61: also one that holds the server's key, or leads to it."""
    (tmp_path / "link").symlink_to(settings.PAPERCLIP_HOME)
    Path(settings.PAPERCLIP_HOME).mkdir(parents=True, exist_ok=True)
    for root in (
        None, "relative/folder", str(tmp_path / "missing"), "/", str(settings.PAPERCLIP_HOME),
        str(settings.PAPERCLIP_HOME.parent), str(settings.RUNS_ROOT), str(tmp_path / "link"), f"{tmp_path}/../x",
    ):  # fmt: skip
        answer = cast.as_owner.patch(
            path_of(told, "instructions-bundle"), {"mode": "external", "rootPath": root}
        )
        assert answer.status_code == 422, root
    told.refresh_from_db()
    assert told.adapter_config["instructionsBundleMode"] == "managed"


def test_path_of_one_file(cast):
    """C-61: a relative path begins in the configured folder, null takes it away."""
    agent = factories.agent(cast.company, adapter_type="claude_local", adapter_config={"cwd": "/srv/work"})
    path = path_of(agent, "instructions-path")
    assert cast.as_owner.patch(path, {"path": "docs/ME.md"}).json() == {
        "agentId": str(agent.id),
        "adapterType": "claude_local",
        "adapterConfigKey": "instructionsFilePath",
        "path": "/srv/work/docs/ME.md",
    }
    assert AgentConfigRevision.objects.get(agent=agent).source == "instructions_path_patch"
    assert cast.as_owner.patch(path, {"path": None}).json()["path"] is None
    agent.refresh_from_db()
    assert agent.adapter_config == {"cwd": "/srv/work"}
    Agent.objects.filter(pk=agent.pk).update(adapter_config={})
    answer = cast.as_owner.patch(path, {"path": "docs/ME.md"})
    assert (answer.status_code, "adapterConfig.cwd" in answer.json()["error"]) == (422, True)
    Agent.objects.filter(pk=agent.pk).update(adapter_type="process")
    assert cast.as_owner.patch(path, {"path": "/a.md"}).status_code == 422
    assert cast.as_owner.patch(path, {"path": "/a.md", "adapterConfigKey": "command"}).status_code == 422
    assert cast.as_owner.patch(path, {"path": "/a.md", "adapterConfigKey": "rulesFile"}).status_code == 200


def test_agents_and_operators_change_nothing(cast, told):
    """C-28: instructions are written by people who manage agents; people who do not may not read them either."""
    for caller in (cast.as_agent(cast.ceo), cast.as_agent(told), cast.as_operator, cast.as_viewer):
        answers = [
            caller.patch(path_of(told, "instructions-path"), {"path": "/a.md"}),
            caller.patch(path_of(told, "instructions-bundle"), {"mode": "managed"}),
            caller.put(path_of(told, "instructions-bundle/file"), {"path": "a.md", "content": "x"}),
            caller.delete(file_path(told, "tools/git.md")),
        ]
        assert [answer.status_code for answer in answers] == [403] * 4
    assert cast.as_operator.get(path_of(told, "instructions-bundle")).status_code == 403
    assert cast.as_foreign_agent.get(path_of(told, "instructions-bundle")).status_code == 404
