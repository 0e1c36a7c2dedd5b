"""Secrets of real runs: they reach the program's environment and nothing else (A-37, B-63, AW-15, design 8)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from heartbeat.models import Run
from paperclip.companies import actors, agents, projects
from paperclip.companies.models import Agent, Secret, SecretAccess, SecretMasterKey, SecretVersion
from paperclip.companies.secrets import keyring, store
from paperclip.core import clock
from tests import factories
from tests.cast import Caller
from tests.heartbeat.runner.test_runner import PYTHON, ended, started
from tests.heartbeat.test_wakeups import wake
from tests.product import ROOT, wait_for

VALUE = "tulip-bulb-1637-semper-augustus"
SYSTEM = actors.system("test")
SAY_IT = (
    "import json, os, sys\n"
    "print(os.environ['MINE'])\n"
    "print(json.dumps({'summary': 'used ' + os.environ['MINE']}), file=sys.stderr)\n"
    "sys.exit('could not sign in with ' + os.environ['MINE'])"
)


@pytest.fixture
def company(product, settings):
    settings.SECRETS_KEY_FILE = product.home / "secrets.key"
    keyring._known.clear()
    yield factories.company()
    keyring._known.clear()


def keep(company, value: str = VALUE, name: str = "Tulip") -> Secret:
    return store.create(
        company_id=company.pk, fields={"name": name, "value": value}, actor=SYSTEM, now=clock.now()
    )


def ref(secret: Secret, version: int | str = "latest") -> dict[str, Any]:
    return {"type": "secret_ref", "secretId": str(secret.pk), "version": version}


def agent(company, env: dict[str, Any], code: str) -> Agent:
    config = {"command": PYTHON[0], "args": [*PYTHON[1:], code], "env": env}
    fields = {"name": "Gardener", "adapter_config": config}
    return agents.create(company=company, fields=fields, actor=SYSTEM, now=clock.now())


def run_of(who: Agent, **call: Any) -> Run:
    if "issue" in call:
        return wake(who, **call).run
    return wake(who, reason="manual", source="on_demand").run


def everything_stored() -> str:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        texts = []
        for name in names:
            cursor.execute(f'SELECT t::text FROM "{name}" AS t')
            texts += [row[0] for row in cursor.fetchall()]
    return "\n".join(texts)


def files_with(value: str, root: Path) -> list[str]:
    found = []
    for path in root.rglob("*"):
        if path.is_file() and value.encode() in path.read_bytes():
            found.append(str(path))
    return found


def command_lines() -> str:
    lines = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                lines.append((folder / "cmdline").read_bytes().decode(errors="replace"))
            except OSError:
                continue
    return "\n".join(lines)


def test_value_reaches_the_program_and_is_found_nowhere_else(product, company, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    code = f"import os\nopen({str(gate)!r}).read()\n{SAY_IT}"
    secret = keep(company)
    issue_agent = agent(company, {"MINE": ref(secret)}, code)
    issue = factories.issue(company, assignee_agent=issue_agent)
    run = run_of(issue_agent, issue=issue)
    owner = factories.user(member_of=company, is_superuser=True)
    product.start("runner")

    pid = started(run).process_pid
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert f"MINE={VALUE}".encode() in environment
    assert VALUE not in command_lines()
    assert files_with(VALUE, product.home) == [], "not even while it runs"
    gate.write_text("go")

    run = ended(run)
    assert run.status == "failed"
    assert "could not sign in with ***REDACTED***" in run.error
    assert run.stdout_excerpt == "***REDACTED***\n"
    assert files_with(VALUE, product.home) == []
    assert VALUE not in everything_stored()
    assert VALUE not in product.said()
    board, own = Caller(factories.board_token(owner)), Caller(factories.agent_key(issue_agent))
    base = f"/api/companies/{company.pk}"
    for caller, path in (
        (board, f"/api/heartbeat-runs/{run.pk}"),
        (board, f"/api/heartbeat-runs/{run.pk}/events"),
        (board, f"/api/heartbeat-runs/{run.pk}/log"),
        (board, f"{base}/activity"),
        (board, f"{base}/agents"),
        (board, f"{base}/secrets"),
        (board, f"{base}/issues"),
        (board, f"/api/secrets/{secret.pk}/access-events"),
        (board, f"/api/agents/{issue_agent.pk}/config-revisions"),
        (own, "/api/agents/me"),
        (own, f"/api/issues/{issue.pk}"),
    ):
        answer = caller.get(path)
        assert VALUE not in answer.content.decode(), path
    entry = Run.objects.get(pk=run.pk).context_snapshot["paperclipSecrets"]["manifest"]
    assert entry == [
        {
            "configPath": "env.MINE", "envKey": "MINE", "secretId": str(secret.pk), "secretKey": "tulip",
            "version": 1, "provider": "local_encrypted", "outcome": "success",
        }
    ]  # fmt: skip
    shown = board.get(f"/api/heartbeat-runs/{run.pk}").json()["contextSnapshot"]
    assert shown["paperclipSecrets"]["manifest"] == entry
    event = SecretAccess.objects.get(heartbeat_run=run)
    assert (event.outcome, event.actor_id, event.issue_id) == ("success", str(issue_agent.pk), issue.pk)


def test_versions_and_projects_decide_which_value_a_run_gets(product, company, tmp_path):
    """A-36, H-75: a project's binding beats the agent's, and one it hides is not even fetched."""
    target = tmp_path / "seen"
    hidden, secret = keep(company, "of-the-agent-only", "Hidden"), keep(company)
    store.rotate(secret=secret, fields={"value": "second-value"}, actor=SYSTEM, now=clock.now())
    code = f"import json, os; open({str(target)!r}, 'w').write(json.dumps(dict(os.environ)))"
    env = {"A": ref(hidden), "B": ref(secret, 1), "C": ref(secret), "D": "plain", "E": ref(secret)}
    who = agent(company, env, code)
    project = projects.create(
        company=company,
        fields={"name": "P", "env": {"A": ref(secret, 2), "D": ref(secret), "E": "of-the-project"}},
        actor=SYSTEM,
        now=clock.now(),
    )
    issue = factories.issue(company, assignee_agent=who, project=project)
    run = run_of(who, issue=issue)
    product.start("runner")

    assert ended(run).status == "succeeded"
    seen = json.loads(target.read_text())
    assert [seen[name] for name in "ABCDE"] == [
        "second-value", VALUE, "second-value", "second-value", "of-the-project"
    ]  # fmt: skip
    assert not hidden.accesses.exists()
    kinds = set(SecretAccess.objects.values_list("consumer_type", "config_path"))
    assert kinds == {("project", "env.A"), ("agent", "env.B"), ("agent", "env.C"), ("project", "env.D")}


def test_secret_that_cannot_be_had_fails_the_run_in_words(product, company, tmp_path):
    marker = tmp_path / "ran"
    code = f"open({str(marker)!r}, 'w')"
    disabled, foreign = keep(company, name="Off"), keep(company, name="Not bound")
    first = agent(company, {"MINE": ref(disabled)}, code)
    store.update(secret=disabled, fields={"status": "disabled"}, actor=SYSTEM, now=clock.now())
    second = agent(company, {}, code)
    issue = factories.issue(
        company,
        assignee_agent=second,
        assignee_adapter_overrides={"adapterConfig": {"env": {"MINE": ref(foreign)}}},
    )
    runs = [run_of(first), run_of(second, issue=issue)]
    product.start("runner")

    texts = []
    for run in runs:
        run = ended(run)
        assert (run.status, run.error_code) == ("failed", "secret_resolution_failed")
        texts.append(run.error)
    assert texts[0] == "Secret off for MINE cannot be had: it is disabled; enable it on the board"
    assert texts[1].startswith("Secret not-bound for MINE cannot be had: it is not bound to this agent")
    assert not marker.exists()
    found = set(SecretAccess.objects.values_list("outcome", "error_code"))
    assert found == {("failure", "secret_disabled"), ("failure", "secret_not_bound")}


def test_master_key_is_changed_while_the_runner_works(product, company):
    """C-103: killed half-way and called again; the runner never notices."""
    code = "import os, sys; sys.exit(os.environ['MINE'] != 'tulip-bulb-1637-semper-augustus')"
    who = agent(company, {"MINE": ref(keep(company))}, code)
    product.start("runner")
    assert ended(run_of(who)).status == "succeeded"
    many = _versions(keep(company, name="Many"), 1_000)
    old = keyring.current()

    with transaction.atomic():
        # Held, so that the command cannot come to its end before it is killed.
        SecretVersion.objects.select_for_update().order_by("-id").first()
        _kill_half_way(product)
    begun = keyring.current()
    assert begun != old
    left = SecretVersion.objects.filter(sealed_with=old).count()
    assert 0 < left < many
    assert (product.home / "secrets.key.next").exists()
    assert ended(run_of(who)).status == "succeeded"
    keep(company, name="Meanwhile")

    done = product.manage("rotate_secrets_key")
    assert done.returncode == 0, done.stderr
    assert f"sealed with {begun} now" in done.stdout
    assert set(SecretVersion.objects.values_list("sealed_with", flat=True)) == {begun}
    assert not (product.home / "secrets.key.next").exists()
    assert dict(SecretMasterKey.objects.values_list("fingerprint", "status")) == {
        old: "retired",
        begun: "current",
    }
    assert ended(run_of(who)).status == "succeeded"
    wait_for(
        lambda: SecretAccess.objects.filter(outcome="success").count() == 3, seconds=5, what="3 accesses"
    )


def _kill_half_way(product) -> None:
    """Start a change of keys and kill it once a part of the values is sealed anew."""
    command = subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "manage.py"), "rotate_secrets_key"],
        env=product.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert command.stdout is not None
    assert b"values sealed with" in command.stdout.readline()
    os.killpg(command.pid, signal.SIGKILL)
    command.wait()
    command.stdout.close()


def _versions(secret: Secret, many: int) -> int:
    """Give a secret so many older versions, all at once."""
    key = keyring.key_of(keyring.current() or "")
    rows = [SecretVersion(secret=secret, version=number, status="previous") for number in range(2, many)]
    for row in rows:
        store.seal_into(row, secret, f"value-{row.version}", key=key)
    SecretVersion.objects.bulk_create(rows, batch_size=500)
    Secret.objects.filter(pk=secret.pk).update(latest_version=many)
    return many
