"""Runtime services as real processes: started, found again, watched, stopped with all they started."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import urllib.request
from datetime import timedelta

import pytest

from heartbeat import whereabouts
from paperclip.core import clock
from tests import factories
from tests.product import wait_for
from tests.workspaces import scenes
from tests.workspaces.scenes import WEB, make_place
from workspaces import programs, service_processes, service_watch
from workspaces.models import ExecutionWorkspace, RuntimeService, WorkspaceOperation

pytestmark = pytest.mark.django_db

PYTHON = sys.executable
SLEEPER = {"id": "worker", "name": "worker", "command": "echo ready; exec sleep 600"}


@pytest.fixture
def folder(tmp_path, settings):
    settings.SERVICES_ROOT = tmp_path / "services"
    settings.OPERATIONS_ROOT = tmp_path / "operations"
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "hello.txt").write_text("hello from here")
    yield folder
    for row in RuntimeService.objects.filter(status__in=("starting", "running")):
        service_processes.end(row, reason="The test is over", now=clock.now())


@pytest.fixture
def place(cast, folder):
    return make_place(cast, folder)


def control(caller, place, action, body=None, *, word="runtime-services"):
    return caller.post(f"/api/execution-workspaces/{place.pk}/{word}/{action}", body or {})


def fetch(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def refuses(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def services_of(answer):
    assert answer.status_code == 200, answer.content
    return {row["serviceName"]: row for row in answer.json()["workspace"]["runtimeServices"]}


def test_a_service_is_started_read_restarted_and_stopped(cast, place):  # W-88 to W-95, W-109, WC-41, WC-49
    started = control(cast.as_operator, place, "start")
    web = services_of(started)["web"]
    assert (web["status"], web["healthStatus"], web["lifecycle"]) == ("running", "healthy", "shared")
    assert fetch(f"{web['url']}hello.txt") == "hello from here"
    operation = started.json()["operation"]
    assert (operation["phase"], operation["status"]) == ("workspace_provision", "succeeded")
    assert operation["metadata"]["runtimeServiceCount"] == 1
    assert started.json()["workspace"]["config"]["desiredState"] == "running"

    again = services_of(control(cast.as_operator, place, "start"))["web"]
    assert (again["id"], again["providerRef"]) == (web["id"], web["providerRef"]), "it runs already"
    restarted = services_of(control(cast.as_operator, place, "restart"))["web"]
    assert (restarted["id"], restarted["url"]) == (web["id"], web["url"])
    assert restarted["providerRef"] != web["providerRef"]

    stopped = control(cast.as_operator, place, "stop", word="runtime-commands")
    row = services_of(stopped)["web"]
    assert (row["status"], row["healthStatus"]) == ("stopped", "unknown")
    assert row["stoppedAt"]
    assert stopped.json()["operation"]["phase"] == "workspace_teardown"
    assert stopped.json()["workspace"]["config"]["serviceStates"] == {"0": "stopped"}
    assert refuses(row["port"])
    assert services_of(control(cast.as_operator, place, "start"))["web"]["url"] == web["url"], "WC-49"


def test_one_of_several_is_meant(cast, folder):  # WC-43, WW-2, WC-44
    place = make_place(cast, folder, WEB, SLEEPER)
    only = services_of(control(cast.as_owner, place, "start", {"serviceIndex": 1}))
    assert set(only) == {"worker"}
    both = services_of(control(cast.as_owner, place, "start", {"workspaceCommandId": "web"}))
    assert {name: row["status"] for name, row in both.items()} == {"web": "running", "worker": "running"}
    left = control(cast.as_owner, place, "stop", {"runtimeServiceId": both["web"]["id"]})
    assert {name: row["status"] for name, row in services_of(left).items()} == {
        "web": "stopped",
        "worker": "running",
    }
    config = left.json()["workspace"]["config"]
    assert (config["desiredState"], config["serviceStates"]) == ("running", {"0": "stopped", "1": "running"})
    nothing = services_of(control(cast.as_owner, place, "stop", {"serviceIndex": 0}))
    assert nothing["worker"]["status"] == "running", "no live match is no reason to stop everything"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        pytest.param({"command": "echo broken >&2; exit 3"}, ["exit code 3", "broken"], id="W-93 exit"),
        pytest.param({"command": "sleep 60", "readiness": {"type": "tcp", "timeoutSec": 1}, "port": {"type": "auto"}},
                     ["not ready in time"], id="W-92 timeout"),
        pytest.param({"command": "true", "cwd": "gone"}, ["does not exist"], id="W-74 folder"),
    ],
)  # fmt: skip
def test_a_service_that_does_not_start_says_why(cast, folder, entry, words):  # WW-1, WW-7
    place = make_place(
        cast, folder, {"name": "web", "readiness": {"type": "tcp"}, "port": {"type": "auto"}, **entry}
    )
    answer = control(cast.as_owner, place, "start")
    assert answer.status_code == 422
    assert all(word in answer.json()["error"] for word in words), answer.json()
    operation = WorkspaceOperation.objects.get(pk=answer.json()["details"]["operationId"])
    assert operation.status == "failed"
    assert words[0] in operation.stderr_excerpt
    assert not RuntimeService.objects.filter(status__in=("starting", "running")).exists()


@pytest.mark.parametrize("kind", ["tcp", "log"])
def test_other_ways_to_be_ready(cast, folder, kind):
    readiness = {"type": "tcp"} if kind == "tcp" else {"type": "log", "pattern": r"Serving .* port \d+"}
    place = make_place(
        cast, folder, {**WEB, "readiness": readiness, "expose": {"urlTemplate": "http://127.0.0.1:{{port}}/"}}
    )
    row = services_of(control(cast.as_owner, place, "start"))["web"]
    assert row["status"] == "running"
    assert "hello" in fetch(f"{row['url']}hello.txt")


def test_a_service_outlives_whoever_started_it_and_is_found_again(cast, place, folder):  # WC-47, WC-48, W-96
    row = RuntimeService.objects.get(pk=services_of(control(cast.as_owner, place, "start"))["web"]["id"])
    # Nothing of it is in this process's memory: any other finds it by its folder.
    later = clock.now() + timedelta(minutes=1)
    assert service_watch.watch(now=later) == service_watch.Pass(checked=1, ended=0)
    row.refresh_from_db()
    assert (row.status, row.health_status, row.health_checked_at) == ("running", "healthy", later)

    os.kill(int(row.provider_ref), signal.SIGKILL)
    wait_for(lambda: programs.here().ended(row.launch_id), seconds=10, what="the shim to notice")
    assert service_watch.watch(now=later + timedelta(minutes=1)).ended == 1
    row.refresh_from_db()
    assert (row.status, row.health_status) == ("failed", "unhealthy")


def test_a_service_that_was_lost_with_its_host_is_started_again(
    cast, place, settings, tmp_path
):  # W-103, WW-3
    row = RuntimeService.objects.get(pk=services_of(control(cast.as_owner, place, "start"))["web"]["id"])
    service_processes.end(row, reason="power cut", now=clock.now())
    RuntimeService.objects.filter(pk=row.pk).update(status="running")  # what the database said when it went
    settings.SERVICES_ROOT = tmp_path / "services of the new boot"
    later = clock.now() + timedelta(minutes=1)
    service_watch.watch(now=later)
    wait_for(
        lambda: service_watch.watch(now=clock.now()) and not refuses(row.port),
        seconds=15,
        what="it to be back",
    )
    row.refresh_from_db()
    assert row.status in ("starting", "running")
    control(cast.as_owner, place, "stop")
    RuntimeService.objects.filter(pk=row.pk).update(status="running")
    settings.SERVICES_ROOT = tmp_path / "services of a third boot"
    service_watch.watch(now=clock.now() + timedelta(minutes=2))
    row.refresh_from_db()
    assert row.status == "stopped", "what is to be stopped stays so"


def test_an_idle_service_is_stopped_when_its_time_has_come(cast, place):  # W-97, WW-5
    row = RuntimeService.objects.get(pk=services_of(control(cast.as_owner, place, "start"))["web"]["id"])
    due = clock.now() + timedelta(minutes=1)
    RuntimeService.objects.filter(pk=row.pk).update(stop_at=due)
    service_watch.watch(now=due - timedelta(seconds=1))
    assert not refuses(row.port)
    assert service_watch.watch(now=due).ended == 1
    assert refuses(row.port)


def test_runs_see_their_services_and_the_last_one_to_end_lets_go(cast, folder):  # W-97, WC-38, W-46
    entry = {
        **WEB,
        "expose": {"urlTemplate": "http://127.0.0.1:{{port}}/"},
        "stopPolicy": {"type": "on_run_finish"},
    }
    place = make_place(cast, folder, entry, SLEEPER)
    control(cast.as_owner, place, "start")
    runs = []
    for who in (cast.engineer, cast.peer):
        issue = factories.issue(
            cast.company, execution_workspace=place, execution_workspace_preference="reuse_existing"
        )
        runs.append(factories.run(who, issue=issue))
    for run in runs:
        found = scenes.place(run.agent, run.issue, folder / "home", run_id=run.pk)
        told = whereabouts.variables(found, home=folder)
        web = RuntimeService.objects.get(service_name="web")
        assert told["PAPERCLIP_RUNTIME_PRIMARY_URL"] == web.url
        assert {each["serviceName"] for each in json.loads(told["PAPERCLIP_RUNTIME_SERVICES_JSON"])} == {
            "web",
            "worker",
        }
        assert whereabouts.told(found, home=folder)["paperclipRuntimePrimaryUrl"] == web.url
    for run, stays in zip(runs, (True, False), strict=True):
        run.status = "succeeded"
        run.save()
        service_watch.watch(now=clock.now())
        assert refuses(web.port) != stays
    left = dict(RuntimeService.objects.values_list("service_name", "status"))
    assert left == {"web": "stopped", "worker": "running"}, "a manual one stays"


def test_grandchildren_end_with_their_service(cast, folder):  # W-95, issue 6
    entry = {"name": "web", "command": "sleep 600 & echo child $!; (setsid sleep 601 &) ; wait"}
    place = make_place(cast, folder, entry)
    row = RuntimeService.objects.get(pk=services_of(control(cast.as_owner, place, "start"))["web"]["id"])
    wait_for(lambda: "child" in service_processes.output_of(row), seconds=10, what="the child")
    child = int(service_processes.output_of(row).split()[1])
    control(cast.as_owner, place, "stop")
    wait_for(lambda: not os.path.exists(f"/proc/{child}"), seconds=5, what="the child to end")
    marked = f"PAPERCLIP_RUN_ID={row.launch_id}".encode()
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and marked in environ(pid)]


def test_a_service_sees_no_key_to_the_house(cast, folder, monkeypatch):  # WC-40, W-90
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    monkeypatch.setenv("PAPERCLIP_SECRET_KEY", "hunter2hunter2")
    entry = {
        "name": "web",
        "command": "env; exec sleep 600",
        "env": {"MINE": "{{workspace.cwd}}"},
        "port": {"type": "auto"},
    }
    place = make_place(cast, folder, {**entry, "readiness": {"type": "log", "pattern": "MINE="}})
    row = RuntimeService.objects.get(pk=services_of(control(cast.as_owner, place, "start"))["web"]["id"])
    said = service_processes.output_of(row)
    assert f"MINE={folder}" in said
    assert f"PORT={row.port}" in said
    assert "DATABASE_URL" not in said
    assert "PAPERCLIP_SECRET_KEY" not in said


def test_jobs_run_to_their_end(cast, folder):  # WC-63, W-110
    place = make_place(cast, folder, WEB, {"id": "lint", "kind": "job", "command": "echo checked $PWD"},
                       {"id": "fail", "kind": "job", "command": "echo no luck >&2; exit 3"})  # fmt: skip
    fine = control(cast.as_owner, place, "run", {"workspaceCommandId": "lint"})
    assert fine.status_code == 200
    nested = WorkspaceOperation.objects.get(
        metadata__workspaceCommandId="lint", metadata__action__isnull=True
    )
    assert (nested.status, nested.stdout_excerpt) == ("succeeded", f"checked {folder}\n")
    failed = control(cast.as_owner, place, "run", {"workspaceCommandId": "fail"})
    assert failed.status_code == 422
    assert "exit code 3: no luck" in failed.json()["error"]
    assert set(
        WorkspaceOperation.objects.filter(command__contains="exit 3").values_list("status", flat=True)
    ) == {"failed"}


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        pytest.param("explode", {}, 404, id="W-106 action"),
        pytest.param("start", {"colour": "red"}, 400, id="WC-64 strict"),
        pytest.param("start", {"workspaceCommandId": "nope"}, 404, id="W-106 command"),
        pytest.param("stop", {"runtimeServiceId": factories.NO_SUCH_ID}, 404, id="W-106 service"),
        pytest.param("start", {"serviceIndex": 7}, 422, id="W-106 index"),
        pytest.param("start", {"serviceIndex": -1}, 400, id="W-104 index"),
        pytest.param("start", {"workspaceCommandId": "lint"}, 422, id="W-106 job"),
        pytest.param("run", {"workspaceCommandId": "web"}, 422, id="W-106 service is not run"),
        pytest.param("run", {}, 422, id="W-106 run what"),
    ],
)
def test_what_cannot_be_meant_is_refused(cast, folder, action, body, status):
    place = make_place(cast, folder, WEB, {"id": "lint", "kind": "job", "command": "true"})
    assert control(cast.as_owner, place, action, body).status_code == status
    assert not RuntimeService.objects.exists()


def test_closed_and_empty_workspaces_start_nothing(cast, folder):  # W-106, WW-15
    place = make_place(cast, folder)
    ExecutionWorkspace.objects.filter(pk=place.pk).update(status="archived")
    assert control(cast.as_owner, place, "start").status_code == 409
    bare = ExecutionWorkspace.objects.create(
        company=cast.company, mode="isolated_workspace", name="b", cwd=str(folder)
    )
    assert control(cast.as_owner, bare, "start").status_code == 422
    homeless = ExecutionWorkspace.objects.create(company=cast.company, mode="isolated_workspace", name="h")
    assert control(cast.as_owner, homeless, "start").status_code == 422


def test_who_may_control(cast, folder):  # WC-55 to WC-57, W-120 to W-122
    place = make_place(cast, folder, SLEEPER)
    issue = factories.issue(
        cast.company, execution_workspace=place, assignee_agent=cast.engineer, status="todo"
    )
    allowed = [cast.as_agent(who) for who in (cast.ceo, cast.engineer, cast.manager)]
    for caller in (*allowed, cast.as_operator):
        assert control(caller, place, "stop").status_code == 200
    for caller in (cast.as_agent(cast.peer), cast.as_viewer):
        assert control(caller, place, "start").status_code == 403
    assert control(cast.as_outsider, place, "start").status_code == 404
    issue.status = "done"
    issue.save()
    assert control(cast.as_agent(cast.engineer), place, "stop").status_code == 403

    project = factories.project(cast.company)
    code = project.workspaces.create(
        company=cast.company, name="code", cwd=str(folder), shared_workspace_key="k",
        runtime_config={"workspaceRuntime": {"commands": [SLEEPER]}},
    )  # fmt: skip
    base = f"/api/projects/{project.pk}/workspaces/{code.pk}/runtime-services"
    assert cast.as_agent(cast.ceo).post(f"{base}/stop").status_code == 403
    assert cast.as_agent(cast.ceo).post(f"{base}/restart").status_code == 403
    started = cast.as_agent(cast.ceo).post(f"{base}/start")
    assert started.status_code == 200
    (row,) = started.json()["workspace"]["runtimeServices"]
    assert (row["scopeType"], row["status"]) == ("project_workspace", "running")
    assert started.json()["workspace"]["runtimeConfig"]["desiredState"] == "running"
    shown = cast.as_viewer.get(f"/api/projects/{project.pk}").json()["primaryWorkspace"]
    assert shown is None or shown["id"] == str(code.pk)
    assert cast.as_owner.post(f"{base}/stop").json()["workspace"]["runtimeServices"][0]["status"] == "stopped"


def test_sibling_folders_and_workspaces_keep_their_services(cast, folder, tmp_path):  # WC-39, WC-42
    sibling = tmp_path / "work-extended"
    sibling.mkdir()
    places = [make_place(cast, folder), make_place(cast, sibling)]
    rows = [services_of(control(cast.as_owner, place, "start"))["web"] for place in places]
    assert len({row["port"] for row in rows}) == len({row["cwd"] for row in rows}) == 2
    control(cast.as_owner, places[0], "stop")
    assert refuses(rows[0]["port"])
    assert not refuses(rows[1]["port"])


def test_a_port_that_is_taken_is_named(cast, folder):  # W-88 (3)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        answer = control(cast.as_owner, make_place(cast, folder, {**WEB, "port": port}), "start")
    assert answer.status_code == 422
    assert f"Port {port}" in answer.json()["error"]


def environ(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []
