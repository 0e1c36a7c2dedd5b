"""The rules of the house, held by tools: floors, types, lint, migrations, loose ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command, get_commands
from django.utils.module_loading import import_string

ROOT = Path(__file__).resolve().parent.parent.parent
OUR_APPS = ("paperclip.", "issues", "workspaces", "heartbeat", "routines")


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"


def test_lint():
    run("ruff", "check", ".")


def test_format():
    run("ruff", "format", "--check", ".")


def test_types():
    run("mypy", "paperclip", "issues", "workspaces", "heartbeat", "routines")


def test_floors():
    run("importlinter.cli", "lint")


@pytest.mark.django_db
def test_no_migration_is_missing(capsys):
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_no_migration_imports_our_code():
    for path in ROOT.glob("**/migrations/0*.py"):
        if ".venv" in path.parts:
            continue
        imports = [line for line in path.read_text().splitlines() if line.startswith(("import ", "from "))]
        ours = [
            line
            for line in imports
            if line.split()[1].split(".")[0] in {"paperclip", "issues", "workspaces", "heartbeat", "routines"}
        ]
        assert not ours, f"{path}: {ours}"


@pytest.mark.parametrize(
    "path",
    [settings.SIGN_IN_LINK_FACTORY, settings.RUN_LOOKUP, settings.LAST_TICK_AGE, settings.RUNNER_RESTS],
    ids=lambda path: path,
)
def test_every_dotted_path_of_the_settings_resolves(path):
    assert callable(import_string(path))


@pytest.mark.django_db
def test_every_scheduled_task_resolves():
    from django_q.models import Schedule

    paths = set(Schedule.objects.values_list("func", flat=True))
    assert "heartbeat.tasks.tick" in paths
    for path in paths:
        assert callable(import_string(path))


def our_commands() -> list[str]:
    return sorted(name for name, app in get_commands().items() if str(app).startswith(OUR_APPS))


@pytest.mark.parametrize("name", our_commands())
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command(name, "--help")
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_the_openapi_document_builds_without_a_warning(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "openapi.yaml"))


def test_requirements_are_pinned():
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = [line.strip() for line in (ROOT / name).read_text().splitlines()]
        wanted = [line for line in lines if line and not line.startswith(("#", "-r"))]
        assert all("==" in line for line in wanted), name
