"""A-75, A-77 and section 5.1 of companies: what helps to configure an agent."""

from __future__ import annotations

import sys

import pytest

from tests import factories


def look(caller, cast, config, kind="process"):
    path = f"/api/companies/{cast.company.id}/adapters/{kind}/test-environment"
    return caller.post(path, {"adapterConfig": config})


@pytest.mark.parametrize(
    ("config", "status", "codes"),
    [
        pytest.param({}, "fail", ["process_command_missing"], id="A-75 no command"),
        pytest.param(
            {"command": sys.executable}, "pass", ["process_command_present", "process_command_resolvable"],
            id="A-75 by path",
        ),
        pytest.param(
            {"command": "sh", "cwd": "/"}, "pass",
            ["process_command_present", "process_cwd_valid", "process_command_resolvable"], id="A-75 by name",
        ),
        pytest.param(
            {"command": "sh", "cwd": "/no/such/folder"}, "fail",
            ["process_command_present", "process_cwd_invalid", "process_command_resolvable"], id="A-75 no folder",
        ),
        pytest.param(
            {"command": "no-such-program-here"}, "fail",
            ["process_command_present", "process_command_unresolvable"], id="A-75 no program",
        ),
        pytest.param(
            {"command": "sh", "env": {"PATH": {"type": "plain", "value": "/nowhere"}}}, "fail",
            ["process_command_present", "process_command_unresolvable"], id="A-75 not on the agent's PATH",
        ),
    ],
)  # fmt: skip
def test_configuration_is_looked_at(cast, config, status, codes):
    answer = look(cast.as_owner, cast, config)
    assert answer.status_code == 200
    assert (answer.json()["status"], [check["code"] for check in answer.json()["checks"]]) == (status, codes)


def test_looking_makes_nothing(cast, tmp_path):
    look(cast.as_owner, cast, {"command": "sh", "cwd": str(tmp_path / "new")})
    assert not (tmp_path / "new").exists()


def test_adapter_that_cannot_run_here_is_said(cast):
    answer = look(cast.as_owner, cast, {}, "openclaw_gateway").json()
    assert (answer["status"], answer["checks"][0]["code"]) == ("fail", "adapter_unavailable")


@pytest.mark.parametrize("tail", ["models", "model-profiles"])
def test_process_agents_have_no_models(cast, tail):
    path = f"/api/companies/{cast.company.id}/adapters"
    assert cast.as_agent(cast.peer).get(f"{path}/process/{tail}").json() == []
    assert cast.as_agent(cast.peer).get(f"{path}/process/detect-model").json() is None
    unknown = cast.as_owner.get(f"{path}/nothing/{tail}")
    assert (unknown.status_code, unknown.json()["error"]) == (422, "Unknown adapter type: nothing")


def test_who_may_look(cast):
    assert look(cast.as_agent(cast.ceo), cast, {"command": "sh"}).status_code == 200
    for caller in (cast.as_operator, cast.as_agent(cast.peer), cast.as_viewer, cast.as_foreign_agent):
        assert look(caller, cast, {"command": "sh"}).status_code == 403
    path = f"/api/companies/{cast.company.id}/adapters/process/test-environment"
    assert cast.as_owner.post(path, {"environmentId": factories.NO_SUCH_ID}).status_code == 422


def test_agents_have_no_program_started_for_a_look(cast, tmp_path):  # which programs run is the board's
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\ntouch started")
    program.chmod(0o700)
    config = {"command": str(program), "cwd": str(tmp_path)}
    codes = [
        check["code"]
        for check in look(cast.as_agent(cast.ceo), cast, config, "claude_local").json()["checks"]
    ]
    assert codes[-1] == "claude_hello_probe_skipped"
    assert not (tmp_path / "started").exists()
    assert look(cast.as_owner, cast, config, "claude_local").json()["status"] == "fail"
    assert (tmp_path / "started").exists()


def test_claude_agents_have_models_and_a_cheap_profile(cast):
    path = f"/api/companies/{cast.company.id}/adapters/claude_local"
    models = cast.as_viewer.get(f"{path}/models").json()
    assert {"id": "claude-sonnet-4-6", "label": "claude-sonnet-4-6"} in models
    assert cast.as_viewer.get(f"{path}/model-profiles").json() == [{"key": "cheap", "label": "Cheap"}]
