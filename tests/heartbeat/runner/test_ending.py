"""What the runner makes of a program that has ended."""

from __future__ import annotations

import pytest

from heartbeat.adapters.process.adapter import ProcessAdapter
from heartbeat.models import Run
from heartbeat.runner import ending, records, rundir
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_adapter_that_fails_fails_its_run(cast, runs, monkeypatch, caplog):  # H-31, H-101
    """Not even a fault in reading the result keeps a run from ending; what was said stays readable."""
    run = factories.run(cast.engineer, issue=factories.issue(cast.company, assignee_agent=cast.engineer))
    spec = records.Spec(
        run_id=str(run.pk), argv=("echo", "hello"), cwd="/", stdin=None, timeout_sec=0, grace_sec=1,
        max_log_bytes=1 << 20, adapter_type="process", claim_token=str(run.claim_token),
    )  # fmt: skip
    directory = rundir.create(runs.root, str(run.pk), spec, {"PATH": "/usr/bin:/bin"})
    runs.launch(directory)
    runs.finish(directory)

    def broken(self, ended):
        raise KeyError("usage")

    monkeypatch.setattr(ProcessAdapter, "parse", broken)

    assert ending.end(run_id=run.pk, claim_token=run.claim_token, directory=directory)

    run = Run.objects.get(pk=run.pk)
    assert (run.status, run.error_code) == ("failed", "adapter_failed")
    assert run.error == "The adapter could not read what its program left behind: KeyError"
    assert (run.exit_code, run.stdout_excerpt) == (0, "hello\n")
    assert "the adapter cannot read" in caplog.text
