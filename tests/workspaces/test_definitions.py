"""What workspaces declare, and what is to run: tables over the pure parts of runtime services."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from workspaces import definitions, service_specs, states
from workspaces.choices import ServiceScope
from workspaces.refusals import PlaceError
from workspaces.service_specs import Surroundings


def test_commands_are_services_and_jobs_in_order():  # WC-52, W-67 to W-70
    runtime = {
        "commands": [
            {"id": "web", "name": "Web", "command": "serve"},
            "nonsense",
            {"id": "DB Migrate", "kind": "job", "command": "migrate"},
            {"label": "Worker", "lifecycle": "ephemeral"},
            {"id": "web", "title": "Other"},
        ],
        "services": [{"name": "ignored"}],
    }
    found = definitions.read(runtime)
    assert [(each.id, each.kind, each.service_index, each.name) for each in found] == [
        ("web", "service", 0, "Web"),
        ("db-migrate", "job", None, "Job 1"),
        ("service:worker", "service", 1, "Worker"),
        ("web-commands-4", "service", 2, "Other"),
    ]
    assert [each.lifecycle for each in found] == ["shared", "shared", "ephemeral", "shared"]


def test_older_lists_are_read_too():  # WC-53
    found = definitions.read({"services": [{"name": "web"}], "jobs": [{"name": "lint"}], "commands": []})
    assert [(each.id, each.service_index) for each in found] == [("service:web", 0), ("job:lint", None)]
    assert definitions.read(None) == definitions.read({"commands": "x"}) == []


@pytest.mark.parametrize(
    ("row", "score"),
    [
        pytest.param({"service_name": "web", "command": "serve", "cwd": "/srv/w/app"}, 10, id="W-71 all"),
        pytest.param({"service_name": "web", "command": "serve --old", "cwd": "/srv/w/app"}, 0, id="WC-54"),
        pytest.param({"service_name": "other", "command": "serve", "cwd": "/srv"}, 4, id="W-71 command"),
        pytest.param({"service_name": "other", "command": None, "cwd": "/srv/w/app"}, 0, id="W-71 nothing"),
    ],
)
def test_a_row_fits_its_definition(row, score):
    (definition,) = definitions.read({"services": [{"name": "web", "command": "serve", "cwd": "./app"}]})
    assert definitions.match(definition, SimpleNamespace(**row)) == score


def test_what_is_to_run_follows_what_was_asked_for():  # WC-44, WC-45, W-108
    now = states.current("running", None, count=2, any_running=True)
    after = states.after(now, running=False, selected=1)
    assert (after.state, after.services) == ("running", {"0": "running", "1": "stopped"})
    assert states.after(after, running=False, selected=None).state == "stopped"

    manual = states.current("manual", None, count=1, any_running=False)
    for running in (True, False):
        manual = states.after(manual, running=running, selected=0)
        assert (manual.state, manual.services) == ("manual", {"0": "manual"})
    assert states.current(None, None, count=1, any_running=True).state == "running"
    assert states.current(None, None, count=1, any_running=False).state == "stopped"


def spec(tmp_path, **entry):
    (definition,) = definitions.read({"services": [{"name": "web", "command": "serve", **entry}]})
    around = Surroundings(tmp_path, {"workspace.branchName": "b", "workspace.cwd": str(tmp_path)})
    return service_specs.resolve(definition, around, default_scope=ServiceScope.EXECUTION_WORKSPACE), around


@pytest.mark.parametrize(
    ("entry", "seconds"),
    [
        pytest.param({"command": "pnpm dev"}, 90, id="WC-46 pnpm dev"),
        pytest.param({"command": "npm run dev -- --host"}, 90, id="WC-46 npm run dev"),
        pytest.param({"command": "node server.js"}, 30, id="WC-46 node"),
        pytest.param({"command": "pnpm dev", "readiness": {"timeoutSec": 12}}, 12, id="WC-46 asked"),
        pytest.param({"command": "x", "readiness": {"timeoutSec": -1}}, 30, id="W-92 nonsense"),
    ],
)
def test_how_long_a_service_may_take(tmp_path, entry, seconds):
    assert service_specs.readiness_seconds(spec(tmp_path, **entry)[0]) == seconds


def test_templates_know_workspace_and_port(tmp_path):  # W-74 to W-78, W-83, WW-20
    (tmp_path / "b").mkdir()
    made, around = spec(
        tmp_path,
        cwd="{{workspace.branchName}}",
        env={"BRANCH": "{{workspace.branchName}}{{nothing}}", "BAD NAME": "x", "N": 5},
        port={"type": "auto", "envKey": "WEB_PORT"},
        expose={"urlTemplate": "http://127.0.0.1:{{port}}/"},
        readiness={"type": "http", "urlTemplate": "http://127.0.0.1:{{port}}/health", "intervalMs": 5},
    )
    assert (made.cwd, made.env, made.port, made.port_key) == (
        tmp_path / "b",
        {"BRANCH": "b"},
        "auto",
        "WEB_PORT",
    )
    ready = service_specs.readiness_of(made, around, 81, "http://127.0.0.1:81/")
    assert (ready.kind, ready.target, ready.interval) == ("http", "http://127.0.0.1:81/health", 0.1)
    assert service_specs.render(made.url_template, around, 81) == "http://127.0.0.1:81/"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        pytest.param({"cwd": "gone"}, "does not exist", id="W-74 folder"),
        pytest.param({"command": " "}, "no command", id="W-73 command"),
        pytest.param({"port": 70_000}, "no port number", id="W-76 port"),
        pytest.param({"readiness": {"type": "log", "pattern": "("}}, "no pattern", id="W-92 pattern"),
    ],
)
def test_what_cannot_be_started_is_named(tmp_path, entry, words):
    with pytest.raises(PlaceError, match=words):
        spec(tmp_path, **entry)


def test_the_same_service_has_one_key(tmp_path):  # W-85, WC-39, WW-8
    one, _ = spec(tmp_path)
    assert one.scope == "execution_workspace"
    key = service_specs.reuse_key(one, "w1")
    assert key == service_specs.reuse_key(spec(tmp_path)[0], "w1")
    others = [
        service_specs.reuse_key(one, "w2"),
        service_specs.reuse_key(spec(tmp_path, env={"A": "b"})[0], "w1"),
        service_specs.reuse_key(spec(tmp_path, port=8080)[0], "w1"),
    ]
    assert len({key, *others}) == 4
    fleeting, _ = spec(tmp_path, lifecycle="ephemeral")
    assert (fleeting.scope, service_specs.reuse_key(fleeting, "w1")) == ("run", None)
    assert fleeting.stop_policy == {"type": "on_run_finish"}
