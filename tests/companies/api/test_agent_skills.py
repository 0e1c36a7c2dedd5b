"""C-39, C-50, C-52, C-53, C-61: skills, the texts for agents, and the drawing of the tree."""

from __future__ import annotations

import io
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from PIL import Image

from paperclip.companies import org, org_picture
from paperclip.companies.choices import ADAPTER_TYPES
from paperclip.companies.models import Activity, Agent, AgentConfigRevision
from tests import factories


@pytest.fixture
def claude(cast):
    return factories.agent(cast.company, name="Claude", adapter_type="claude_local")


def sync(caller, agent, *named, **more):
    return caller.post(f"/api/agents/{agent.id}/skills/sync", {"desiredSkills": list(named), **more})


def test_required_skill_stands_with_every_agent(cast, claude):
    """C-52"""
    seen = cast.as_agent(cast.peer).get(f"/api/agents/{claude.id}/skills").json()
    assert set(seen) == {"adapterType", "supported", "mode", "desiredSkills", "entries", "warnings"}
    assert (seen["adapterType"], seen["supported"], seen["desiredSkills"], seen["warnings"]) == (
        "claude_local", True, [], [],
    )  # fmt: skip
    own = next(entry for entry in seen["entries"] if entry["key"] == "paperclip/paperclip")
    assert (own["required"], own["desired"], own["state"], own["runtimeName"]) == (
        True,
        True,
        "configured",
        "paperclip",
    )


def test_agent_that_cannot_be_given_skills_keeps_what_it_wants(cast):
    answer = sync(cast.as_owner, cast.engineer, "paperclip")
    seen = answer.json()
    assert (answer.status_code, seen["supported"], seen["mode"]) == (200, False, "unsupported")
    assert seen["desiredSkills"] == ["paperclip/paperclip"]
    assert "process" in seen["warnings"][0]


def test_skills_are_added_removed_and_replaced(cast, claude):
    """K-20: `mode`; without one the list is replaced"""
    steps = [
        (("PAPERCLIP", "acme/reviews"), {}, ["paperclip/paperclip", "acme/reviews"]),
        (
            ("acme/docs", "acme/reviews"),
            {"mode": "add"},
            ["paperclip/paperclip", "acme/reviews", "acme/docs"],
        ),
        (("acme/reviews",), {"mode": "remove"}, ["paperclip/paperclip", "acme/docs"]),
        (("acme/docs",), {"mode": "replace"}, ["acme/docs"]),
        ((), {}, []),
    ]
    for named, more, wanted in steps:
        assert sync(cast.as_owner, claude, *named, **more).json()["desiredSkills"] == wanted
    assert sync(cast.as_owner, claude, "x", mode="guess").status_code == 400
    deed = Activity.objects.filter(action="agent.skills_synced").order_by("created_at").first()
    assert deed.details["desiredSkills"] == ["paperclip/paperclip", "acme/reviews"]
    assert set(AgentConfigRevision.objects.filter(agent=claude).values_list("source", flat=True)) == {
        "skill-sync"
    }


def test_unknown_skill_is_kept_and_said(cast, claude):
    seen = sync(cast.as_owner, claude, "acme/reviews").json()
    entry = next(one for one in seen["entries"] if one["key"] == "acme/reviews")
    assert (entry["managed"], entry["state"], len(seen["warnings"])) == (False, "missing", 1)


def test_desired_skills_of_a_new_agent_are_kept(cast):
    """C-54"""
    made = cast.as_owner.post(
        f"/api/companies/{cast.company.id}/agents", {"name": "Keen", "desiredSkills": ["paperclip"]}
    ).json()
    assert made["adapterConfig"]["paperclipSkillSync"] == {"desiredSkills": ["paperclip/paperclip"]}


def test_who_may_set_skills(cast, claude):
    """C-28: patch rights"""
    assert sync(cast.as_agent(claude), claude, "a").status_code == 200
    assert sync(cast.as_agent(cast.ceo), claude, "a").status_code == 200
    for caller in (cast.as_agent(cast.peer), cast.as_operator, cast.as_viewer):
        assert sync(caller, claude, "b").status_code == 403
    assert cast.as_operator.get(f"/api/agents/{claude.id}/skills").status_code == 403
    assert sync(cast.as_foreign_agent, claude, "b").status_code == 404


def test_texts_of_skills(cast):
    """C-39"""
    listed = cast.as_agent(cast.peer).get("/api/skills/available").json()["skills"]
    assert "paperclip" in [skill["name"] for skill in listed]
    for link in cast.as_agent(cast.peer).get("/api/skills/index").json()["skills"]:
        text = cast.as_agent(cast.peer).get(link["path"])
        assert text["Content-Type"].startswith("text/markdown")
        assert f"name: {link['name']}" in text.content.decode()
    assert cast.as_agent(cast.peer).get("/api/skills/..%2Fpaperclip").status_code == 404
    assert cast.as_agent(cast.peer).get("/api/skills/none").status_code == 404
    page = cast.as_agent(cast.peer).get("/api/skills/paperclip/files/references/routines.md")
    assert (page.status_code, page["Content-Type"]) == (200, "text/markdown; charset=utf-8")
    assert page.content.startswith(b"# Recurring work")
    for wrong in (
        "references/none.md",
        "../../README.md",
        "references/../../../README.md",
        "%2e%2e/SKILL.md",
    ):
        assert cast.as_agent(cast.peer).get(f"/api/skills/paperclip/files/{wrong}").status_code == 404
    assert cast.as_nobody.get("/api/skills/available").status_code == 401


@pytest.mark.parametrize("base", [pytest.param("/llms", id="C-53"), pytest.param("/api/llms", id="K-38")])
def test_texts_about_configuration(cast, base):
    index = cast.as_owner.get(f"{base}/agent-configuration.txt")
    assert index["Content-Type"] == "text/plain; charset=utf-8"
    for kind in ADAPTER_TYPES:
        link = f"{base}/agent-configuration/{kind}.txt"
        assert link in index.content.decode()
        page = cast.as_agent(cast.ceo).get(link)
        assert (page.status_code, f"# {kind}" in page.content.decode()) == (200, True)
    assert "- rocket" in cast.as_owner.get(f"{base}/agent-icons.txt").content.decode()
    assert cast.as_owner.get(f"{base}/agent-configuration/nothing.txt").status_code == 404
    assert cast.as_agent(cast.peer).get(f"{base}/agent-configuration.txt").status_code == 403
    assert cast.as_nobody.get(f"{base}/agent-configuration.txt").status_code == 401


def test_tree_is_drawn(cast):
    """C-50: each agent once, joined to its manager; names are text, whatever stands in them."""
    Agent.objects.filter(pk=cast.peer.pk).update(name="<script>alert(1)</script>&\u0007")
    Agent.objects.filter(pk=cast.engineer.pk).update(status="terminated")
    answer = cast.as_agent(cast.peer).get(f"/api/companies/{cast.company.id}/org.svg")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
    drawn = ElementTree.fromstring(answer.content)
    texts = ["".join(node.itertext()) for node in drawn.iter() if node.tag.endswith("text")]
    assert [text for text in texts if "·" not in text] == ["Ceo", "Manager", "<script>alert(1)</scrip…"]
    assert len([node for node in drawn.iter() if node.tag.endswith("path")]) == 2
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_tree_is_painted(cast):
    """C-50, K-21: the same boxes as dots, in the style that is asked for; a large company stays within bounds."""
    path = f"/api/companies/{cast.company.id}/org.png"
    Agent.objects.filter(pk=cast.peer.pk).update(name="Zoë 日本 💥\u0007")
    answer = cast.as_agent(cast.peer).get(path)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == (2 * (2 * 184 + 24 + 48), 2 * (3 * 58 + 2 * 52 + 48))
    paper = {
        style: Image.open(io.BytesIO(cast.as_owner.get(f"{path}?style={style}").content)).getpixel((0, 0))
        for style in ("warmth", "x", "night")
    }
    assert paper == {"warmth": (251, 247, 241), "x": (251, 247, 241), "night": (15, 23, 42)}
    wide = [org.Node(id=uuid4(), name=str(n), role="general", status="idle", reports=[]) for n in range(400)]
    width, height = Image.open(io.BytesIO(org_picture.png(wide, style=None))).size
    assert max(width, height) <= 30_000
    assert width * height <= 12_000_000


def test_drawing_of_an_unknown_style_is_the_usual_one(cast):
    """C-50"""
    path = f"/api/companies/{cast.company.id}/org.svg"
    usual, unknown, night = (
        cast.as_owner.get(f"{path}?style={style}").content for style in ("warmth", "x", "night")
    )
    assert usual == unknown != night
