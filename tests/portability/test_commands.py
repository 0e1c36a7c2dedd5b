"""export_company and import_company at the terminal."""

from __future__ import annotations

import io
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from issues.models import Issue
from paperclip.companies.models import Agent, Company
from paperclip.portability import archives
from paperclip.portability.faults import Findings
from tests.portability import companies

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_company_goes_out_and_comes_in(tmp_path, name):
    place, owner = companies.full()
    package = str(tmp_path / name)
    said, warned = run("export_company", place.issue_prefix, "--out", package, "--user", owner.username)
    assert "3 agents, 1 project, 3 issues, 1 routine, 2 goals" in said
    assert "what looks like a secret was taken out" in warned
    before = Company.objects.count()
    planned, _ = run("import_company", package, "--dry-run", "--new", "Copy", "--user", owner.username)
    assert "agent: create Ada Boss (starts paused" in planned
    assert "to be given: API_TOKEN (secret) of agent ada-boss" in planned
    assert planned.endswith("Nothing was written.\n")
    assert Company.objects.count() == before
    done, _ = run("import_company", package, "--new", "Copy", "--user", owner.username)
    copy = Company.objects.get(name="Copy")
    assert f"Copy ({copy.issue_prefix}) created: {copy.pk}" in done
    assert Agent.objects.filter(company=copy).count() == 3
    into = ("--into", copy.issue_prefix, "--collision", "skip", "--user", owner.username)
    again, _ = run("import_company", package, *into)
    assert "agent: skip Ada Boss (Ada Boss is there already)" in again
    assert Issue.objects.filter(company=copy, title="Let it dry").count() == 1


def test_zip_holds_what_a_folder_holds(tmp_path):
    place, owner = companies.full()
    for name in ("out", "out.zip"):
        run("export_company", place.issue_prefix, "--out", str(tmp_path / name), "--user", owner.username)
    findings = Findings()
    packed = archives.read_zip(io.BytesIO((tmp_path / "out.zip").read_bytes()), findings)
    assert packed == archives.read_folder(tmp_path / "out", findings)
    assert not findings.errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["export_company", "{prefix}", "--out", "{full}"], "is not empty", id="folder in use"),
        pytest.param(["export_company", "NOBODY", "--out", "{new}"], "There is no company", id="stranger"),
        pytest.param(["import_company", "{new}", "--new", "X"], "cannot be read", id="no package"),
        pytest.param(["import_company", "{full}", "--new", "X"], "nothing was written", id="broken package"),
        pytest.param(
            ["import_company", "https://example.com/x", "--new", "X"], "must be a repository", id="address"
        ),
        pytest.param(["import_company", "{full}"], "one of the arguments --into --new", id="nowhere to"),
    ],
)
def test_bad_call_says_why(tmp_path, arguments, said):
    place, _ = companies.full()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("hello")
    words = {"prefix": place.issue_prefix, "full": str(tmp_path / "full"), "new": str(tmp_path / "new")}
    before = Company.objects.count()
    with pytest.raises(CommandError, match=said):
        run(*(argument.format(**words) for argument in arguments))
    assert Company.objects.count() == before
