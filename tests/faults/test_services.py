"""Services survive the control plane, as runs do: same process, same address, and still to be stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from tests import factories
from tests.product import Product, wait_for
from workspaces.models import ExecutionWorkspace, RuntimeService

pytestmark = pytest.mark.faults


def call(product: Product, token: str, place: ExecutionWorkspace, action: str) -> dict:
    request = urllib.request.Request(
        f"{product.url}/api/execution-workspaces/{place.pk}/runtime-services/{action}",
        data=b"{}",
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def answers(row: RuntimeService) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", row.port)) == 0


def test_three_services_survive_kill_9_of_everything(product, tmp_path: Path):  # issue 6, W-102, WW-5, WW-6
    company = factories.company()
    token = factories.board_token(factories.user(member_of=company, is_superuser=True))
    folder = tmp_path / "work"
    folder.mkdir()
    # A grandchild holds the port: the service is the whole group.
    command = f"{sys.executable} -u -m http.server $PORT --bind 127.0.0.1 & wait"
    ready = {"type": "http", "urlTemplate": "http://127.0.0.1:{{port}}/"}
    commands = [
        {"name": name, "command": command, "port": {"type": "auto"}, "readiness": ready}
        for name in ("one", "two", "three")
    ]
    place = ExecutionWorkspace.objects.create(
        company=company, mode="isolated_workspace", name="w", cwd=str(folder),
        metadata={"config": {"workspaceRuntime": {"commands": commands}}},
    )  # fmt: skip
    for part in ("web", "runner"):
        product.start(part)
    wait_for(product.answers, seconds=30, what="the web server")
    assert len(call(product, token, place, "start")["workspace"]["runtimeServices"]) == 3
    before = {row.service_name: row for row in RuntimeService.objects.all()}

    for part in ("web", "runner"):
        product.kill(part)
    assert all(answers(row) for row in before.values())
    victim = before.pop("three")
    os.kill(int(victim.provider_ref), signal.SIGKILL)  # one that ends while nobody looks
    for part in ("web", "runner"):
        product.start(part)
    wait_for(product.answers, seconds=30, what="the web server")
    wait_for(
        lambda: RuntimeService.objects.filter(pk=victim.pk, status="failed").exists(),
        seconds=30,
        what="the ended service to be noticed",
    )
    wait_for(
        lambda: (
            RuntimeService.objects.filter(
                pk__in=[row.pk for row in before.values()],
                status="running",
                health_status="healthy",
                health_checked_at__gt=victim.started_at,
            ).count()
            == 2
        ),
        seconds=30,
        what="the others to be found healthy",
    )
    after = {row.service_name: row for row in RuntimeService.objects.filter(status="running")}
    assert {name: (row.url, row.provider_ref) for name, row in after.items()} == {
        name: (row.url, row.provider_ref) for name, row in before.items()
    }
    call(product, token, place, "stop")
    assert not any(answers(row) for row in (*before.values(), victim))
