"""What all adapters of programs share: settings, sessions, bundles, materials, probes, and lines of logs."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from heartbeat.adapters import bundles, materials, probes, registry, saved, settings
from heartbeat.adapters.base import Folder
from heartbeat.adapters.settings import COMBOBOX, LIST, NUMBER, OBJECT, SELECT, TOGGLE, Setting
from heartbeat.runner import logs
from paperclip.companies import actors, agents
from paperclip.companies.models import Agent
from paperclip.core import clock
from paperclip.core.errors import Invalid
from tests.heartbeat.adapters.assignments import assignment

TABLE = (
    Setting("word", "Word", is_required=True, hint="Say it"),
    Setting("way", "Way", SELECT, options=("a", "b"), default="a"),
    Setting("model", "Model", COMBOBOX, options=("m1",)),
    Setting("on", "On", TOGGLE),
    Setting("count", "Count", NUMBER, least=0, most=10),
    Setting("list", "List", LIST),
    Setting("map", "Map", OBJECT),
    Setting("place", "Place", is_path=True),
)


@pytest.mark.parametrize(
    ("config", "faults"),
    [
        pytest.param({}, {}, id="A-2 a draft may be empty"),
        pytest.param(
            {"word": "x", "model": "any", "place": "/a", "other": 5, "on": None, "way": ""}, {}, id="A-2 fine"
        ),
        pytest.param(
            {"word": 5, "place": "a/b"}, {"word": "a text", "place": "absolute path"}, id="A-2 texts"
        ),
        pytest.param({"word": "a\0b", "way": "c"}, {"word": "NUL", "way": "one of a, b"}, id="A-2 choices"),
        pytest.param({"on": 1, "count": True}, {"on": "true or false", "count": "a number"}, id="A-9 kinds"),
        pytest.param({"count": 11}, {"count": "at most 10"}, id="A-2 most"),
        pytest.param({"count": -0.5}, {"count": "at least 0"}, id="A-2 least"),
        pytest.param(
            {"list": ["a", 1], "map": []}, {"list": "list of texts", "map": "an object"}, id="A-9 lists"
        ),
    ],
)
def test_values_that_do_not_fit_are_said(config, faults):
    found = {problem.key: problem.message for problem in settings.problems(TABLE, config)}
    assert found.keys() == faults.keys()
    for key, said in faults.items():
        assert said in found[key]


def test_settings_are_told_as_the_interface_writes_them():
    assert TABLE[0].told() == {
        "key": "word",
        "label": "Word",
        "type": "text",
        "hint": "Say it",
        "required": True,
    }
    assert TABLE[1].told()["options"] == [{"value": "a", "label": "a"}, {"value": "b", "label": "b"}]
    assert TABLE[5].told()["type"] == "textarea"
    kinds = {"text", "select", "toggle", "number", "textarea", "combobox"}
    for kind in registry.KINDS:
        table = [setting.told() for setting in registry.get(kind).settings]
        assert {told["type"] for told in table} <= kinds
        assert len({told["key"] for told in table}) == len(table)
        defaults = {told["key"]: told["default"] for told in table if "default" in told}
        assert not list(settings.problems(registry.get(kind).settings, defaults)), "defaults fit themselves"


def test_configuration_is_checked_when_it_is_saved(cast):
    def change(**config):
        fields = {"adapter_type": "claude_local", "adapter_config": config}
        agents.update(
            agent=Agent.objects.get(pk=cast.engineer.pk),
            fields=fields,
            actor=actors.for_user(cast.owner),
            now=clock.now(),
        )

    change(model="claude-opus-4-7", maxTurnsPerRun=20, unknown={"a": 1})
    with pytest.raises(Invalid) as refused:
        change(maxTurnsPerRun="20", chrome="yes")
    faults = {tuple(issue["path"]): issue["message"] for issue in refused.value.issues}
    assert faults == {
        ("adapterConfig", "maxTurnsPerRun"): "Expected a number",
        ("adapterConfig", "chrome"): "Expected true or false",
    }
    assert Agent.objects.get(pk=cast.engineer.pk).adapter_config["maxTurnsPerRun"] == 20


def test_stored_session_is_read_back():  # A-44, B-43
    session = saved.read({"session_id": " s ", "workdir": "/a", "workspaceId": "", "x": 1, "costUsd": 0.5})
    assert session is not None
    assert (session.id, session.facts, session.cost_usd) == ("s", {"cwd": "/a"}, 0.5)
    assert saved.read(session.to_json()) == session
    assert len(saved.Session("i" * 200).display_id) == 128
    for nothing in (None, {}, {"sessionId": "  "}, {"cwd": "/a"}):
        assert saved.read(nothing) is None
    assert saved.read({"sessionId": "s", "costUsd": True}).cost_usd == 0
    assert saved.refusal(session, assignment(cwd=Path("/a/"))) is None
    assert "saved in /a" in (saved.refusal(session, assignment()) or "")


def test_bundle_is_made_once_and_old_ones_go(tmp_path):  # A-56, AW-25
    files = {"a.md": "one", ".claude/skills/x/SKILL.md": "two"}
    folder = Folder(tmp_path / "cache" / bundles.key_of(files), files)
    old, young = tmp_path / "cache" / "old", tmp_path / "cache" / "young"
    for place in (old, young):
        place.mkdir(parents=True)
    os.utime(old, (0, time.time() - bundles.KEPT_SECONDS - 60))
    bundles.put(folder)
    assert (folder.path / ".claude/skills/x/SKILL.md").read_text() == "two"
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {folder.path.name, "young"}
    assert (folder.path.stat().st_mode & 0o777, (folder.path / "a.md").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )
    os.utime(folder.path, (0, 0))
    bundles.put(folder)
    assert folder.path.stat().st_mtime > time.time() - 60, "one that is used is young again"
    assert bundles.key_of(files) != bundles.key_of({**files, "a.md": "other"})


def test_materials_are_read_where_they_are(tmp_path):  # B-40, B-41
    path = tmp_path / "AGENTS.md"
    path.write_bytes(b"Be kind \xff")
    found = materials.gather("claude_local", {"instructionsFilePath": "AGENTS.md"}, tmp_path)
    assert found.instructions is not None
    assert (found.instructions.path, found.instructions.text) == (path, "Be kind \ufffd")
    for named, fault in (("gone.md", "No such file"), (str(tmp_path), "directory")):
        unread = materials.gather("claude_local", {"instructionsFilePath": named}, tmp_path).instructions
        assert unread is not None
        assert unread.text is None
        assert fault in (unread.fault or "")
    path.write_bytes(b"x" * (materials.MOST_BYTES + 1))
    large = materials.gather("claude_local", {"instructionsFilePath": str(path)}, tmp_path).instructions
    assert large is not None
    assert "larger" in (large.fault or "")
    for wanted in ([], ["paperclip"], ["nobody/knows"]):
        config = {"paperclipSkillSync": {"desiredSkills": wanted}}
        (skill,) = materials.gather("claude_local", config, tmp_path).skills
        assert skill.key == "paperclip/paperclip"
        assert {"SKILL.md", "references/api.md"} <= skill.files.keys()
    assert materials.gather("process", {"instructionsFilePath": str(path)}, tmp_path) == materials.Materials()


def test_lines_of_a_log_are_whole(runs):  # AW-14
    code = (
        "import sys, time\nout = sys.stdout.buffer\n"
        "for piece in ('{\"a\": \"ü'.encode()[:-1], 'ü'.encode()[1:] + b'\"}\\nsecond\\n', b'x' * 300 + b'\\nlast'):\n"
        "    out.write(piece); out.flush(); time.sleep(0.05); print('noise', file=sys.stderr, flush=True)\n"
    )
    directory, _ = runs.run([sys.executable, "-c", code])
    assert list(directory.lines("stdout")) == ['{"a": "ü"}', "second", "x" * 300, "last"]
    assert list(directory.lines("stdout", most_chars=100)) == ['{"a": "ü"}', "second", "last"]
    assert list(directory.lines("stderr")) == ["noise"] * 3
    assert list(logs.lines(directory.path / "nothing", "stdout", most_chars=10)) == []


def test_probe_ends_with_its_whole_group():
    ended = probes.ask(
        ["/bin/sh", "-c", "sleep 60 & read line; echo $line; wait"], environment={"PATH": os.environ["PATH"]}, cwd="/",
        seconds=0.3,
    )  # fmt: skip
    assert (ended.timed_out, ended.signal, ended.stdout.strip()) == (True, "SIGTERM", probes.PROMPT.rstrip())
    missing = probes.ask(["/no/such/program"], environment={}, cwd="/")
    assert (missing.exit_code, missing.stderr) == (127, "No such file or directory")
    assert probes.first_line("\n  key sk-ant-0123456789abcdef0123\nrest") == "key ***REDACTED***"
