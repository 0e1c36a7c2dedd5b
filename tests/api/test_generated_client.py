"""A Python client generated from the OpenAPI document does an agent's work against the real server."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import cast as standing
from tests import factories
from tests.api import promised

NAME = "paperclip_client"
# The generator knows no answers that are files; their operations are left to the reader of the document.
FILES = {
    "/api/assets/{asset_id}/content",
    "/api/attachments/{attachment_id}/content",
    "/api/companies/{company_id}/org.png",
    "/api/companies/{company_id}/org.svg",
    "/api/invites/{token}/logo",
}


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder the client has been generated into."""
    document = {key: value for key, value in promised.document().items() if key != "paths"}
    document["paths"] = {
        path: methods for path, methods in promised.document()["paths"].items() if path not in FILES
    }
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "settings.json").write_text(json.dumps({"package_name_override": NAME, "post_hooks": []}))
    command = [
        *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"),
        *("--path", "openapi.json", "--config", "settings.json", "--output-path", NAME),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return tmp_path


@pytest.fixture
def api(folder, monkeypatch) -> SimpleNamespace:
    """The generated modules, by the names of what they do."""
    monkeypatch.syspath_prepend(folder)

    def load(name: str) -> Any:
        return importlib.import_module(f"{NAME}.{name}")

    yield SimpleNamespace(
        client=load("client").AuthenticatedClient,
        models=load("models"),
        create=load("api.issues.companies_issues_create").sync,
        checkout=load("api.issues.issues_checkout_create").sync,
        comment=load("api.issues.issues_comments_create").sync,
        update=load("api.issues.issues_partial_update").sync,
        read=load("api.issues.issues_retrieve").sync_detailed,
        every=load("api.issues.companies_issues_list").sync,
        me=load("api.agents.agents_me_retrieve").sync,
    )
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def test_it_does_the_main_work(api, product):  # K-44
    product.start("web")
    cast = standing.make()
    run = str(factories.run(cast.engineer).pk)
    models = api.models
    client = api.client(
        base_url=product.url,
        token=factories.agent_key(cast.engineer),
        headers={"X-Paperclip-Run-Id": run},
        raise_on_unexpected_status=True,
    )
    with client:
        assert api.me(client=client).id == cast.engineer.pk

        wanted = models.IssueInput(title="Sweep", assignee_agent_id=cast.engineer.pk)
        issue = api.create(str(cast.company.pk), client=client, body=wanted)
        assert (issue.title, issue.status) == ("Sweep", "todo")
        states = [models.CheckoutInputExpectedStatusesItem("todo")]
        take = models.CheckoutInput(agent_id=cast.engineer.pk, expected_statuses=states)
        taken = api.checkout(issue.identifier, client=client, body=take)
        assert (taken.status, str(taken.checkout_run_id)) == ("in_progress", run)
        said = api.comment(
            issue.identifier, client=client, body=models.CommentInput(body="Größtenteils sauber 🧹")
        )
        assert said.body == "Größtenteils sauber 🧹"
        finish = models.PatchedIssuePatch(status=models.PatchedIssuePatchStatus("done"), comment="Swept.")
        done = api.update(issue.identifier, client=client, body=finish)
        assert (done.status, done.comment.body) == ("done", "Swept.")
        assert [row.identifier for row in api.every(str(cast.company.pk), client=client)] == [
            issue.identifier
        ]

        refused = api.read("ZZZ-1", client=client)
        assert (refused.status_code, refused.parsed.error) == (404, "Issue not found")
