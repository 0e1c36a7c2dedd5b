from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from heartbeat import duties
from paperclip.core import clock
from workspaces import operation_logs, upkeep
from workspaces.models import WorkspaceOperation
from workspaces.operation_logs import OperationLog

pytestmark = pytest.mark.django_db


def operation(company, *, began, **fields):
    return WorkspaceOperation.objects.create(
        **{"company": company, "phase": "workspace_provision", "started_at": began} | fields
    )


def test_an_interrupted_operation_is_ended_and_says_so(cast):
    now = clock.now()
    lost = operation(cast.company, began=now - timedelta(hours=1))
    going = operation(cast.company, began=now - timedelta(minutes=20))
    assert upkeep.prune(now=now) == upkeep.Pass(interrupted=1, removed=0)
    for row in (lost, going):
        row.refresh_from_db()
    assert (lost.status, lost.stderr_excerpt, lost.finished_at) == ("failed", upkeep.INTERRUPTED, now)
    assert going.status == "running"


def test_old_operations_go_with_their_logs(cast, settings, tmp_path):
    settings.OPERATIONS_ROOT = tmp_path
    now, rows = clock.now(), []
    for age in (settings.RUN_HISTORY_DAYS + 1, 1):
        ended = now - timedelta(days=age)
        ref = operation_logs.ref_of(cast.company.pk, uuid4())
        OperationLog(ref, str).close()
        row = operation(cast.company, began=ended, finished_at=ended, status="succeeded", log_ref=ref)
        rows.append(row)
    assert upkeep.NAME in duties.names()
    assert upkeep.prune(now=now) == upkeep.Pass(interrupted=0, removed=1)
    assert list(WorkspaceOperation.objects.all()) == [rows[1]]
    assert [path.name for path in tmp_path.glob("*/*")] == [rows[1].log_ref.split("/")[1]]
    settings.RUN_HISTORY_DAYS = 0
    assert upkeep.prune(now=now + timedelta(days=9999)).removed == 0
