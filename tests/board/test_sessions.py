"""What agents' programs remember, on the board: looked at, and forgotten (H-166, H-167)."""

from __future__ import annotations

import pytest

from heartbeat.models import TaskSession
from paperclip.companies.models import Activity
from tests import factories
from tests.board.conftest import browse

pytestmark = pytest.mark.django_db
LIST = "/admin/heartbeat/tasksession/"


@pytest.fixture
def session(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, title="Count the files")
    return TaskSession.objects.create(
        company=cast.company, agent=cast.engineer, adapter_type="claude_local", task_key=str(issue.pk),
        session_display_id="5f0c1d2e", session_params_json={"sessionId": "5f0c1d2e", "key": "s3cret-value"},
        last_error="It said no", run_count=3, last_run_id=factories.run(cast.engineer, issue=issue).pk,
    )  # fmt: skip


def test_list_and_page_say_what_it_is_for(cast, session):
    board = browse(cast.owner)
    for path in (LIST, f"{LIST}{session.pk}/change/", f"/admin/companies/agent/{cast.engineer.pk}/change/"):
        html = board.get(path).content.decode()
        assert "It said no" in html
        assert "s3cret-value" not in html
    assert "Count the files" in board.get(LIST, {"q": "5f0c"}).content.decode()
    assert "Count the files" not in board.get(LIST, {"q": "other"}).content.decode()
    assert "Count the files" not in board.get(LIST, {"agent": str(cast.peer.pk)}).content.decode()


def test_forgetting_asks_first_and_is_logged(cast, session):
    board = browse(cast.owner)
    kept = TaskSession.objects.create(
        company=cast.company, agent=cast.engineer, adapter_type="claude_local", task_key="other"
    )
    html = board.get(f"{LIST}{session.pk}/change/").content.decode()
    assert "Forget this session?" in html

    answer = board.post(f"{LIST}{session.pk}/do/reset/", follow=True)

    assert "Engineer starts afresh on it." in answer.content.decode()
    assert list(TaskSession.objects.values_list("pk", flat=True)) == [kept.pk]
    entry = Activity.objects.get(action="agent.runtime_session_reset")
    assert (entry.entity_id, entry.details["taskKey"]) == (str(cast.engineer.pk), session.task_key)
    assert "forgot a session of" in board.get(f"{LIST}{kept.pk}/change/").content.decode()


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("outsider", 404)])
def test_nobody_else_forgets_it(cast, session, who, status):
    board = browse(getattr(cast, who))
    assert board.post(f"{LIST}{session.pk}/do/reset/").status_code == status
    assert TaskSession.objects.filter(pk=session.pk).exists()
