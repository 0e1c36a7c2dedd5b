"""What agents are given to read: instructions and skills, written and chosen on the board (C-52, C-61)."""

from __future__ import annotations

import pytest

from paperclip.companies import instruction_changes, instructions, skills
from paperclip.companies.models import Activity, Agent
from tests.board.conftest import browse


def page(agent: Agent, query: str = "") -> str:
    return f"/admin/companies/agent/{agent.pk}/instructions/{query}"


@pytest.fixture
def agent(scene, settings, tmp_path) -> Agent:
    settings.INSTRUCTIONS_ROOT = tmp_path
    return scene.backend


def write(client, agent, **fields):
    return client.post(page(agent), {"act": "save", "base": "", "is_new": "1", **fields}, follow=True)


def test_instructions_are_written_looked_at_and_deleted(scene, agent):
    client = browse(scene.owner)
    first = client.get(page(agent)).content.decode()
    assert 'value="AGENTS.md"' in first  # a new agent begins with the file that is read first
    write(client, agent, path="AGENTS.md", content="# Be kind\r\n")
    agent.refresh_from_db()
    assert instructions.read(agent, "AGENTS.md").content == "# Be kind\n"
    shown = write(client, agent, path="notes/TONE.md", content="Short sentences.").content.decode()
    assert "notes/TONE.md is saved" in shown
    assert "Short sentences." in shown
    preview = client.post(
        page(agent), {"act": "preview", "path": "AGENTS.md", "content": "# Be *very* kind <script>x</script>"}
    ).content.decode()
    assert "<em>very</em>" in preview
    assert "<script>x" not in preview
    assert instructions.read(agent, "AGENTS.md").content == "# Be kind\n"
    gone = client.post(
        f"/admin/companies/agent/{agent.pk}/do/delete-file/", {"path": "notes/TONE.md"}, follow=True
    )
    assert "notes/TONE.md is deleted" in gone.content.decode()
    refused = client.post(
        f"/admin/companies/agent/{agent.pk}/do/delete-file/", {"path": "AGENTS.md"}, follow=True
    )
    assert "The entry file cannot be deleted" in refused.content.decode()
    revision = agent.config_revisions.get(source="instructions_bundle_file_put")
    assert revision.changed_keys == ["adapterConfig"]
    told = Activity.objects.filter(entity_id=str(agent.pk), action="agent.instructions_file_updated")
    assert told.count() == 2


def test_what_somebody_else_wrote_is_not_written_over(scene, agent):
    client = browse(scene.owner)
    write(client, agent, path="AGENTS.md", content="One")
    base = instruction_changes.digest("One")
    write(client, agent, path="AGENTS.md", content="Two", base=base, is_new="")
    late = write(client, agent, path="AGENTS.md", content="Mine", base=base, is_new="").content.decode()
    assert "has been changed meanwhile" in late
    assert "Mine" in late  # what was typed is still there
    taken = write(client, agent, path="AGENTS.md", content="New").content.decode()
    assert "There is a file AGENTS.md already" in taken
    agent.refresh_from_db()
    assert instructions.read(agent, "AGENTS.md").content == "Two"


@pytest.mark.parametrize("path", ["../x.md", "/etc/passwd", "a//b", ""])
def test_a_path_that_leads_out_is_refused_in_a_sentence(scene, agent, path):
    shown = write(browse(scene.owner), agent, path=path, content="x").content.decode()
    assert "must be a plain relative path" in shown
    assert browse(scene.owner).get(page(agent, "?file=../x")).status_code == 404


def test_who_may_not_manage_agents_reads_no_instructions(scene, agent, viewer):
    client = browse(viewer)
    assert client.get(page(agent)).status_code == 403
    assert client.post(page(agent), {"act": "save", "path": "AGENTS.md"}).status_code == 403
    assert "Read and write" not in client.get(f"/admin/companies/agent/{agent.pk}/change/").content.decode()


def test_skills_are_given_on_the_page_of_an_agent(scene, agent):
    client = browse(scene.owner)
    shown = client.get(f"/admin/companies/agent/{agent.pk}/change/").content.decode()
    assert "every agent has it" in shown
    deed = f"/admin/companies/agent/{agent.pk}/do/skills/"
    client.post(deed, {"more": "house/painting"})
    agent.refresh_from_db()
    assert skills.wanted(agent.adapter_config) == ["house/painting"]
    client.post(deed, {})
    agent.refresh_from_db()
    assert skills.wanted(agent.adapter_config) == []
    assert Activity.objects.filter(action="agent.skills_synced", entity_id=str(agent.pk)).count() == 2


def test_skills_are_given_on_the_page_of_a_skill(scene, agent, viewer, settings, tmp_path):
    (tmp_path / "sewing").mkdir()
    (tmp_path / "sewing" / "SKILL.md").write_text(
        "---\nname: sewing\ndescription: How to sew.\nrequired: false\n---\n\n# Thread the *needle*\n"
    )
    settings.SKILLS_ROOT = tmp_path
    skills.catalogue.cache_clear()
    try:
        client = browse(scene.owner)
        assert "How to sew." in client.get("/admin/skills/").content.decode()
        shown = client.get("/admin/skills/sewing/").content.decode()
        assert "<em>needle</em>" in shown
        given = client.post("/admin/skills/sewing/", {"agent": [str(agent.pk)]}, follow=True)
        assert f"Saved: {agent.name}." in given.content.decode()
        agent.refresh_from_db()
        assert skills.wanted(agent.adapter_config) == ["paperclip/sewing"]
        assert (
            "Nothing was changed"
            in client.post("/admin/skills/sewing/", {"agent": [str(agent.pk)]}, follow=True).content.decode()
        )
        watching = browse(viewer)
        assert "disabled" in watching.get("/admin/skills/sewing/").content.decode()
        assert watching.post("/admin/skills/sewing/", {}).status_code == 403
        client.post("/admin/skills/sewing/", {})
        agent.refresh_from_db()
        assert skills.wanted(agent.adapter_config) == []
        assert client.get("/admin/skills/knitting/").status_code == 404
    finally:
        skills.catalogue.cache_clear()
