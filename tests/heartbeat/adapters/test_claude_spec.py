"""A-22, A-26 to A-34, A-50, A-56, A-69, B-1 to B-6, B-15 to B-17: how Claude Code is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from heartbeat.adapters import checks
from heartbeat.adapters.claude_local.adapter import ADAPTER
from tests.heartbeat.adapters.assignments import assignment, instructions

BASE = ["claude", "--print", "--output-format", "stream-json", "--verbose"]


def spec(config=None, **changes):
    return ADAPTER.spec(assignment(config, **changes))


def saved(program, **changes):
    """The session that a run of `program` leaves behind."""
    return {"sessionId": "s-1", **program.memo["session"], **changes}


@pytest.mark.parametrize(
    ("config", "flags"),
    [
        pytest.param({}, ["--dangerously-skip-permissions"], id="A-50 plain"),
        pytest.param({"dangerouslySkipPermissions": False}, [], id="A-50 asks"),
        pytest.param(
            {"dangerouslySkipPermissions": "no", "chrome": "yes", "maxTurnsPerRun": "5"},
            ["--dangerously-skip-permissions"], id="A-9 wrong types fall back",
        ),
        pytest.param(
            {"model": " opus ", "effort": "high", "chrome": True, "maxTurnsPerRun": 3.7},
            ["--dangerously-skip-permissions", "--chrome", "--model", "opus", "--effort", "high", "--max-turns", "3"],
            id="A-50 all",
        ),
    ],
)  # fmt: skip
def test_flags_are_those_of_the_configuration(config, flags):
    program = spec(config)
    assert list(program.argv) == [*BASE, *flags, "--add-dir", str(program.folder.path)]


def test_further_arguments_come_last():
    assert spec({"extraArgs": ["--x", 1], "args": ["--y"]}).argv[-1] == "--x"
    assert spec({"args": ["--y"]}).argv[-1] == "--y"


def test_root_is_given_tools_by_name():  # AW-19, B-17
    program = spec(is_root=True)
    assert "--dangerously-skip-permissions" not in program.argv
    assert "Bash" in program.argv[program.argv.index("--allowedTools") + 1].split(",")
    assert any("root" in note for note in program.notes)


def test_bedrock_takes_its_own_models_only():
    bedrock = {"PATH": "/bin", "CLAUDE_CODE_USE_BEDROCK": "1"}
    assert "--model" not in spec({"model": "claude-opus-4-7"}, environment=bedrock).argv
    for model in ("us.anthropic.claude-x", "arn:aws:bedrock:eu:1:x"):
        assert model in spec({"model": model}, environment=bedrock).argv
    assert spec(environment=bedrock).memo["isBedrock"] is True


def test_environment_is_that_of_the_run_without_what_confuses_it():  # A-34, B-16, AW-11
    nested = {"CLAUDE_CODE_ENTRYPOINT": "x", "CLAUDE_CODE_SESSION": "x", "CLAUDE_CODE_PARENT_SESSION": "x"}
    environment = spec(environment={"PATH": "/bin", "CLAUDECODE": "1", "MINE": "1", **nested}).environment
    assert environment == {
        "PATH": "/bin", "MINE": "1", "CLAUDE_CODE_MAX_RETRIES": "2", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }  # fmt: skip
    assert spec(environment={"CLAUDE_CODE_MAX_RETRIES": "9"}).environment["CLAUDE_CODE_MAX_RETRIES"] == "9"


def test_instructions_are_passed_in_a_file_of_their_own():  # A-33, B-1, B-4
    program = spec(materials=instructions())
    place = program.argv[program.argv.index("--append-system-prompt-file") + 1]
    assert place == str(program.folder.path / "agent-instructions.md")
    text = program.folder.files["agent-instructions.md"]
    assert text.startswith("Be kind.\n")
    assert all(word in text for word in ("/house/agents/AGENTS.md", "HEARTBEAT.md", "SOUL.md", "TOOLS.md"))
    assert [note for note in program.notes if "--append-system-prompt-file" in note]
    assert "Be kind" not in program.stdin


def test_instructions_that_cannot_be_read_are_warned_of():
    program = spec(materials=instructions(None, fault="No such file or directory"))
    assert "--append-system-prompt-file" not in program.argv
    assert "cannot be read (No such file or directory)" in program.notes[0]


def test_skills_are_files_of_the_bundle():
    files = spec().folder.files
    assert files == {
        ".claude/skills/paperclip/SKILL.md": "# How",
        ".claude/skills/paperclip/references/api.md": "GET",
    }
    assert spec().folder.path == spec().folder.path
    assert spec(materials=instructions()).folder.path != spec().folder.path
    assert spec().folder.path.parent == Path("/bundles/claude-prompt-cache")


def test_saved_session_is_gone_on_with():  # B-2, B-5, A-27
    first = spec(materials=instructions())
    program = spec(materials=instructions(), session_params=saved(first, costUsd=0.5))
    assert program.argv[:7] == [*BASE, "--resume", "s-1"]
    assert "--append-system-prompt-file" not in program.argv
    assert list(program.notes) == []
    assert program.folder.path == first.folder.path
    assert (program.memo["resumed"], program.memo["costBefore"], program.starts_fresh) == ("s-1", 0.5, False)
    assert "News since you stopped" in program.stdin
    assert "This is one heartbeat" not in program.stdin
    assert program.prompt_metrics["heartbeatPromptChars"] == 0


def test_session_resumed_without_news_is_told_everything():
    program = spec(session_params={"sessionId": "s-1"}, wake=None)
    assert "--resume" in program.argv
    assert "This is one heartbeat" in program.stdin


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"cwd": "/elsewhere"}, "saved in /elsewhere, and this run is in /work", id="A-22 another folder"
        ),
        pytest.param(
            {"promptBundleKey": "old"}, "instructions or skills have changed", id="B-6 edited instructions"
        ),
    ],
)
def test_session_that_does_not_fit_is_left_alone(changes, said):
    program = spec(session_params=saved(spec(), **changes))
    assert "--resume" not in program.argv
    assert program.starts_fresh
    assert "s-1 will not be resumed" in program.notes[0]
    assert said in program.notes[0]
    assert "This is one heartbeat" in program.stdin
    assert (program.memo["resumed"], program.memo["costBefore"]) == (None, 0)


def test_session_of_older_names_is_understood():  # A-44, B-43
    program = spec(session_params={"session_id": "s-2", "folder": "/work/", "unknown": 1})
    assert program.argv[6] == "s-2"


def test_what_is_kept_with_the_session_says_where_it_is():
    context = {"paperclipWorkspace": {"workspaceId": "w1", "repoUrl": "u", "repoRef": None}}
    program = spec(context=context)
    bundle = program.folder.path.name
    assert program.memo["session"] == {
        "cwd": "/work",
        "workspaceId": "w1",
        "repoUrl": "u",
        "promptBundleKey": bundle,
    }


@pytest.mark.parametrize(
    ("config", "timeout", "grace"),
    [
        pytest.param({}, 4 * 3600, 20, id="AW-10 a limit by default"),
        pytest.param({"timeoutSec": 0}, 0, 20, id="B-48 none when asked"),
        pytest.param({"timeoutSec": 90, "graceSec": 0}, 90, 1, id="A-10 as configured"),
    ],
)
def test_limits(config, timeout, grace):
    program = spec(config)
    assert (program.timeout_seconds, program.grace_seconds) == (timeout, grace)


def test_configuration_is_looked_at_without_a_start(tmp_path):  # A-75, B-53
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\ntouch started\necho '{}'")
    program.chmod(0o700)

    def look(*, may_start=True, **config):
        config = {"command": str(program), "cwd": str(tmp_path), **config}
        return [check.code for check in checks.look("claude_local", config, may_start=may_start).checks]

    good = ["claude_cwd_valid", "claude_command_resolvable"]
    own, key = "claude_subscription_mode_possible", "claude_anthropic_api_key_overrides_subscription"
    assert look(may_start=False) == [*good, own, "claude_hello_probe_skipped"]
    secret = {"ANTHROPIC_API_KEY": {"type": "secret_ref", "secretId": "x"}}
    assert look(may_start=False, env=secret) == [*good, key, "claude_hello_probe_skipped"]
    bedrock = {**secret, "CLAUDE_CODE_USE_BEDROCK": "1"}
    assert "claude_bedrock_auth" in look(may_start=False, env=bedrock)
    assert look(cwd="/no/such") == ["claude_cwd_invalid", "claude_command_resolvable", own]
    assert look(command="no-claude-here") == ["claude_cwd_valid", "claude_command_unresolvable", own]
    assert not (tmp_path / "started").exists()
    assert look(command="/bin/true")[-1] == "claude_hello_probe_skipped_custom_command"
    assert look()[-1] == "claude_hello_probe_failed", "exit 0 without a result is no hello"
    assert (tmp_path / "started").exists()
    assert look(effort=5, may_start=False)[0] == "claude_local_setting_invalid"
