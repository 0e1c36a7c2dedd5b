"""The runner against real programs: what goes wrong with them is said in words a person can act on."""

from __future__ import annotations

import os
import sys
import time

import pytest

from heartbeat import lifecycle, outcomes, progress
from heartbeat.models import Run, RunEvent, Runner
from issues.models import Issue
from paperclip.companies import actors
from paperclip.companies import signals as company_signals
from paperclip.companies.models import Agent
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_wakeups import comment_wake, wake
from tests.product import wait_for

PYTHON = [sys.executable, "-I", "-c"]


def agent(company, code: str | None = None, **config) -> Agent:
    if code is not None:
        config = {"command": PYTHON[0], "args": [*PYTHON[1:], code]} | config
    return factories.agent(company, adapter_config=config, runtime_config={})


def ended(run: Run, *, seconds: float = 15) -> Run:
    wait_for(
        lambda: progress.is_over(Run.objects.values_list("status", flat=True).get(pk=run.pk)),
        seconds=seconds,
        what="the run to end",
    )
    return Run.objects.get(pk=run.pk)


def started(run: Run) -> Run:
    wait_for(
        lambda: Run.objects.filter(pk=run.pk, process_pid__isnull=False).exists(),
        seconds=10,
        what="the program to start",
    )
    return Run.objects.get(pk=run.pk)


def test_programs_and_their_faults(product, tmp_path):  # H-31, H-89, H-102
    company = factories.company()
    plain = tmp_path / "plain.txt"
    plain.write_text("not a program")
    ignore = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    term_ignoring = ignore + "print('up', flush=True)\ntime.sleep(60)"
    table = {
        "fine": (agent(company, "print('hello')"), "succeeded", None, None),
        "exit 3": (
            agent(company, "import sys; print('no luck', file=sys.stderr); sys.exit(3)"),
            "failed",
            "adapter_failed",
            "exited with code 3: no luck",
        ),
        "killed": (
            agent(company, "import os; os.kill(os.getpid(), 9)"),
            "failed",
            "adapter_failed",
            "was killed by SIGKILL",
        ),
        "slow": (
            agent(company, term_ignoring, timeoutSec=1, graceSec=1),
            "timed_out",
            "timeout",
            "Timed out after 1s",
        ),
        "missing command": (
            agent(company, command="no-such-program"),
            "failed",
            "command_not_found",
            "no-such-program",
        ),
        "not executable": (
            agent(company, command=str(plain)),
            "failed",
            "command_not_executable",
            "plain.txt",
        ),
        "missing folder": (
            agent(company, "print()", cwd=str(tmp_path / "gone")),
            "failed",
            "cwd_missing",
            "gone",
        ),
        "no command": (agent(company), "failed", "adapter_config_invalid", "no `command`"),
        "unknown adapter": (
            factories.agent(company, adapter_type="pi_local"),
            "failed",
            "adapter_unknown",
            "pi_local",
        ),
    }
    runs = {name: wake(who, reason="manual", source="on_demand").run for name, (who, *_) in table.items()}
    product.start("runner")

    for name, (_, status, code, said) in table.items():
        run = ended(runs[name])
        assert (run.status, run.error_code) == (status, code), name
        assert said is None or said in run.error, name
    fine = Run.objects.get(pk=runs["fine"].pk)
    assert (fine.exit_code, fine.stdout_excerpt) == (0, "hello\n")
    assert fine.log_sha256
    assert fine.log_bytes == (product.home / "runs" / str(fine.pk) / "log.ndjson").stat().st_size
    slow = Run.objects.get(pk=runs["slow"].pk)
    assert (slow.signal, slow.stdout_excerpt) == ("SIGKILL", "up\n")


def test_a_program_gets_its_variables_and_no_key_to_the_house(product, tmp_path):  # H-83, H-84, K-43, C-13
    company = factories.company()
    target = tmp_path / "env"
    who = agent(
        company,
        f"import os; open({str(target)!r}, 'w').write('\\0'.join(f'{{k}}={{v}}' for k, v in os.environ.items()))",
    )
    who.adapter_config["env"] = {"MY_SETTING": {"type": "plain", "value": "forty-two"}}
    who.save()
    issue = factories.issue(company, assignee_agent=who, title="Look around")
    comment = factories.comment(issue, "Please look")
    run = comment_wake(who, issue, comment).run
    product.start("runner")

    assert ended(run).status == "succeeded"
    seen = dict(item.split("=", 1) for item in target.read_text().split("\0"))
    assert seen["PAPERCLIP_AGENT_ID"] == str(who.pk)
    assert seen["PAPERCLIP_COMPANY_ID"] == str(company.pk)
    assert seen["PAPERCLIP_RUN_ID"] == str(run.pk)
    assert seen["PAPERCLIP_TASK_ID"] == str(issue.pk)
    assert seen["PAPERCLIP_WAKE_REASON"] == "issue_commented"
    assert seen["PAPERCLIP_WAKE_COMMENT_ID"] == str(comment.pk)
    assert seen["PAPERCLIP_API_URL"] == product.url
    assert seen["PAPERCLIP_API_KEY"].count(".") == 2
    assert "Please look" in seen["PAPERCLIP_WAKE_PAYLOAD_JSON"]
    assert seen["MY_SETTING"] == "forty-two"
    assert not {"DATABASE_URL", "PAPERCLIP_HOME", "DJANGO_SETTINGS_MODULE"} & set(seen)


def test_what_a_program_prints_of_its_secrets_is_masked(product):
    company = factories.company()
    who = agent(company, "import os; print('token', os.environ['PAPERCLIP_API_KEY'], os.environ['MINE'])")
    who.adapter_config["env"] = {"MINE": "tulip-bulb-1637"}
    who.save()
    who.adapter_config["args"] += ["--key", "tulip-bulb-1637"]
    who.save()
    run = wake(who, reason="manual", source="on_demand").run
    product.start("runner")

    run = ended(run)
    assert run.stdout_excerpt == "token ***REDACTED*** ***REDACTED***\n"
    told = RunEvent.objects.get(run=run, event_type="adapter.invoke")  # H-82, K-33
    assert (told.seq, told.payload["adapterType"], told.payload["command"]) == (2, "process", PYTHON[0])
    assert told.payload["env"]["PAPERCLIP_RUN_ID"] == str(run.pk)
    assert told.payload["env"]["MINE"] == told.payload["env"]["PAPERCLIP_API_KEY"] == "***REDACTED***"
    assert told.payload["commandArgs"][-1] == "***REDACTED***"
    assert "tulip" not in str(told.payload)
    assert "HOME" not in told.payload["env"], "what the host has anyway is not repeated"
    assert b"tulip" not in (product.home / "runs" / str(run.pk) / "log.ndjson").read_bytes()
    assert not (product.home / "runs" / str(run.pk) / "env.json").exists()


def test_what_a_project_binds_is_masked_too_in_log_and_excerpts(product):
    company = factories.company()
    project = factories.project(company, env={"DEPLOY_KEY": {"type": "plain", "value": "tulip-bulb-1637"}})
    code = "import os, sys\nk = os.environ['DEPLOY_KEY']\nprint(k[:4], end='', flush=True)\nprint(k[4:])\nsys.exit(k)"
    who = agent(company, code)
    issue = factories.issue(company, assignee_agent=who, project=project)
    run = wake(who, issue=issue).run
    product.start("runner")

    run = ended(run)
    assert run.stdout_excerpt == "***REDACTED***\n"
    assert "tulip" not in f"{run.error} {run.stderr_excerpt} {run.result_json}"
    assert b"tulip" not in (product.home / "runs" / str(run.pk) / "log.ndjson").read_bytes()


def test_cancel_and_pause_stop_the_whole_group(product, tmp_path):  # H-156, H-157
    company = factories.company()
    parent = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-I', '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    cancelled, paused = agent(company, parent), agent(company, parent)
    first = wake(cancelled, reason="manual", source="on_demand").run
    second = wake(paused, reason="manual", source="on_demand").run
    product.start("runner")
    children = [int(_first_line(product, started(run))) for run in (first, second)]
    board = actors.system("test")

    lifecycle.cancel(run_id=first.pk, reason="Cancelled by the board", actor=board, now=clock.now())
    Agent.objects.filter(pk=paused.pk).update(status="paused")
    company_signals.agent_stopped.send(
        sender=Agent, agent=paused, reason="Cancelled due to agent pause", actor=board, now=clock.now()
    )

    assert ended(first, seconds=5).result_json["stopReason"] == "cancelled"
    assert ended(second, seconds=5).result_json["stopReason"] == "paused"
    for pid in children:
        wait_for(lambda pid=pid: not _alive(pid), seconds=5, what="the grandchild to be gone")
    paused.refresh_from_db()
    assert paused.status == "paused"
    assert Run.objects.count() == 2


def test_a_run_whose_shim_is_killed_is_tried_once_more(product, tmp_path):  # HB-5, HW-6, H-139
    company = factories.company()
    marker = tmp_path / "once"
    code = (
        f"import os, pathlib, time\nmarker = pathlib.Path({str(marker)!r})\n"
        "if not marker.exists():\n    marker.write_text(str(os.getpid()))\n    time.sleep(60)\n"
    )
    issue_agent = agent(company, code)
    issue = factories.issue(company, assignee_agent=issue_agent)
    run = wake(issue_agent, issue=issue).run
    product.start("runner")
    wait_for(lambda: marker.exists() and marker.read_text(), seconds=10, what="the program to start")
    shim = product.home / "runs" / str(run.pk) / "shim.pid"
    import json

    os.kill(json.loads(shim.read_text())["pid"], 9)

    lost = ended(run)
    assert (lost.error_code, lost.followup_mechanism) == ("process_lost", "process_loss_retry")
    retry = ended(Run.objects.get(retry_of_run=run))
    assert retry.status == "succeeded"
    assert not _alive(int(marker.read_text())), (
        "what the shim left behind is killed before anything new starts"
    )
    assert Issue.objects.get(pk=issue.pk).checkout_run_id == retry.pk


def test_capacity_bounds_what_runs_at_once(product):
    company = factories.company()
    agents = [agent(company, "import time; time.sleep(0.6)") for _ in range(6)]
    runs = [wake(who, reason="manual", source="on_demand").run for who in agents]
    product.start("runner", PAPERCLIP_RUNNER_CAPACITY="2")
    most = 0
    until = time.monotonic() + 20
    while Run.objects.filter(status__in=("queued", "running")).exists() and time.monotonic() < until:
        most = max(most, Run.objects.filter(status="running").count())
        time.sleep(0.02)
    assert most == 2
    assert {ended(run).status for run in runs} == {"succeeded"}


def test_a_second_runner_on_a_home_is_refused_and_a_stop_says_so(product):
    first = product.start("runner")
    wait_for(
        lambda: Runner.objects.filter(state="active").exists(), seconds=10, what="the runner to register"
    )
    second = product.start("runner")
    assert second.wait(timeout=10) == 1
    assert "Another runner already works" in product.logs[-1].read_text()
    first.terminate()
    assert first.wait(timeout=10) == 0
    assert Runner.objects.get().state == "stopped"


def _first_line(product, run: Run) -> str:
    from heartbeat.runner.rundir import RunDir

    directory = RunDir.open(product.home / "runs", str(run.pk))
    return wait_for(lambda: directory.tail_excerpt("stdout"), seconds=10, what="the first line").splitlines()[
        0
    ]


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(autouse=True)
def _no_leftovers(product):
    yield
    product.stop()


def test_a_program_taken_from_its_runner_while_it_was_away_is_ended(product):
    """Another host recovered the run; the runner that comes back may not let the old program go on."""
    company = factories.company()
    run = wake(agent(company, "import time; time.sleep(60)"), reason="manual", source="on_demand").run
    product.start("runner")
    pid = started(run).process_pid
    product.kill("runner")
    lifecycle.lose(run_id=run.pk, message="the host was silent", remains=outcomes.Remains(), now=clock.now())
    Run.objects.filter(retry_of_run=run).update(status="cancelled")

    product.start("runner")

    wait_for(lambda: not _alive(pid), seconds=10, what="the stray program to be gone")
    assert Run.objects.get(pk=run.pk).error_code == "process_lost"
