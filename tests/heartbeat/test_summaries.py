"""What a run leaves on its issue: its last word, and how the work stands (H-85, H-100, I-136)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartbeat import context as contexts
from heartbeat import preparation, reviews, summaries, wake_payload
from heartbeat.adapters.base import Result
from heartbeat.endings import Ending
from heartbeat.evidence import Evidence
from heartbeat.models import Run, WakeupRequest
from heartbeat.outcomes import Remains
from heartbeat.summaries import History
from issues import documents
from issues.models import DocumentRevision, Issue, IssueDocument
from paperclip.companies import actors
from paperclip.companies.models import Activity, Agent
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_comment_policy import end, speak, start
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import comment_wake, wake


@pytest.fixture
def issue(cast, db):
    return factories.issue(cast.company, assignee_agent=cast.engineer, title="Mend the parser")


def document(issue):
    link = IssueDocument.objects.select_related("document").get(issue=issue, key="continuation-summary")
    return link.document


def sections(body):
    parts = [part.split("\n\n", 1) for part in body.split("## ")[1:]]
    return {title.strip(): text.strip() for title, text in parts}


# --- The last word ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "said"),
    [
        pytest.param({"summary": "From the adapter"}, "From the adapter", id="H-96 summary of the adapter"),
        pytest.param({"result_json": {"summary": "S", "result": "R"}}, "S", id="H-100 summary first"),
        pytest.param({"result_json": {"result": "R", "message": "M"}}, "R", id="H-100 then result"),
        pytest.param({"result_json": {"message": "M"}}, "M", id="H-100 then message"),
        pytest.param({"result_json": {"summary": "  ", "message": " M\n"}}, "M", id="H-2 blank is none"),
        pytest.param({"result_json": {"stdout": "printed"}}, None, id="H-100 output is no word"),
        pytest.param({"result_json": {"result": {"a": 1}}}, None, id="H-100 only text"),
    ],
)
def test_the_last_word_becomes_a_comment(cast, issue, result, said):
    run = start(cast, issue)
    end(run, **result)

    posted = issue.comments.filter(author_type="agent")
    assert [row.body for row in posted] == ([said] if said else [])
    if said:
        assert (posted[0].author_agent_id, posted[0].created_by_run_id) == (cast.engineer.pk, run.pk)
        logged = Activity.objects.get(action="issue.comment_added", run=run)
        assert logged.agent_id == cast.engineer.pk


@pytest.mark.parametrize(
    ("remains", "result"),
    [
        pytest.param(Remains(exit_code=1), Result(error_message="no", summary="Said"), id="H-100 failed"),
        pytest.param(Remains(timed_out=True), Result(summary="Said"), id="H-100 timed out"),
    ],
)
def test_a_run_that_did_not_succeed_has_no_last_word(cast, issue, remains, result):
    finish(start(cast, issue), remains=remains, result=result)
    assert not issue.comments.filter(author_type="agent").exists()


def test_the_last_word_calls_nobody(cast, issue):
    end(start(cast, issue), summary=f"All done, @{cast.peer.name} and @{cast.engineer.name}")
    assert not WakeupRequest.objects.filter(agent=cast.peer).exists()
    called = WakeupRequest.objects.filter(agent=cast.engineer).values_list("reason", flat=True)
    assert not {"issue_commented", "issue_comment_mentioned"} & set(called)


def test_the_last_word_is_bounded(cast, issue):
    end(start(cast, issue), summary="word " * 40_000)
    assert len(issue.comments.get(author_type="agent").body) <= summaries.MAX_WORD


def test_a_mentioned_agent_answers_where_it_was_asked(cast, issue):
    comment_wake(cast.peer, issue, factories.comment(issue), reason="issue_comment_mentioned")
    (run,) = claim()
    end(run, summary="Here is what I think")
    assert issue.comments.get(author_agent=cast.peer).body == "Here is what I think"
    issue.refresh_from_db()
    assert issue.assignee_agent_id == cast.engineer.pk


# --- The document ----------------------------------------------------------------------------------------


def test_the_document_says_how_the_work_stands(cast, issue):
    description = "Parse it all.\n\n## Acceptance criteria\n\n- All tests pass\n\n## Notes\n\nNone"
    type(issue).objects.filter(pk=issue.pk).update(description=description)
    blocker = factories.issue(cast.company, title="Deliver the grammar")
    run = start(cast, issue)
    factories.blocks(blocker, issue)
    speak(run, "Wrote `src/parser.py` and ran `pytest tests/`.\nNext: cover the empty file")

    end(run)

    kept = document(issue)
    told = sections(kept.latest_body)
    assert kept.title == "Continuation Summary"
    assert list(told) == [
        "Objective",
        "Acceptance Criteria",
        "Recent Concrete Actions",
        "Files / Routes Touched",
        "Commands Run",
        "Blockers / Decisions",
        "Next Action",
    ]
    assert told["Objective"].startswith(f"{issue.identifier}: Mend the parser (in_progress)")
    assert "Parse it all." in told["Objective"]
    assert "tests pass" not in told["Objective"]
    assert told["Acceptance Criteria"] == "> - All tests pass"
    assert "Engineer: Wrote" in told["Recent Concrete Actions"]
    assert "advanced" in told["Recent Concrete Actions"]
    assert told["Files / Routes Touched"] == "- `src/parser.py`"
    assert told["Commands Run"] == "- `pytest tests/`"
    assert f"Waits for {blocker.identifier}: Deliver the grammar" in told["Blockers / Decisions"]
    assert told["Next Action"] == "- cover the empty file"


def test_the_document_is_rewritten_after_every_run_and_does_not_grow(cast, issue):
    run = start(cast, issue)
    for number in range(4):
        speak(run, f"Part {number}")
        end(run)
        type(issue).objects.filter(pk=issue.pk).update(status="in_progress")
        Run.objects.filter(status="queued").update(status="cancelled")
        run = start(cast, issue)

    kept = document(issue)
    assert "Part 3" in kept.latest_body
    assert kept.latest_revision_number == 4
    (revision,) = DocumentRevision.objects.filter(document=kept)
    assert (revision.pk, revision.revision_number) == (kept.latest_revision_id, 4)
    assert revision.body == kept.latest_body
    logged = Activity.objects.filter(entity_id=str(issue.pk), action__startswith="issue.document")
    assert not logged.exists()


def test_what_people_wrote_into_it_stays_in_its_history(cast, issue):
    run = end(start(cast, issue), summary="Part one")
    kept = document(issue)
    board = actors.for_user(cast.owner)
    documents.put(
        issue_id=issue.pk,
        key=kept.issue_link.key,
        body="By hand",
        actor=board,
        now=clock.now(),
        base_revision_id=kept.latest_revision_id,
    )
    Run.objects.filter(retry_of_run=run).update(status="cancelled")
    end(start(cast, issue), summary="Part two")

    kept = document(issue)
    assert "Part two" in kept.latest_body
    bodies = list(DocumentRevision.objects.filter(document=kept).values_list("body", flat=True))
    assert sorted(bodies) == sorted(["By hand", kept.latest_body])


def test_an_issue_s_own_headings_are_not_the_document_s(cast, issue):
    description = "Do it.\n\n## Next Action\n\n- Wait for the review of the board"
    type(issue).objects.filter(pk=issue.pk).update(description=description)
    end(start(cast, issue), summary="Half of it is done")
    body = document(issue).latest_body
    assert "Wait for the review" in body
    assert not reviews.waits_for_review(body)


def test_the_same_words_make_no_new_version(cast, issue):
    for _ in range(2):
        documents.keep(
            issue=issue, key="continuation-summary", title="T", body="Same", run_id=None, now=clock.now()
        )
    assert document(issue).latest_revision_number == 1


def test_after_a_failure_the_document_says_so(cast, issue):
    finish(start(cast, issue), remains=Remains(exit_code=1), result=Result(error_message="secret words"))
    body = document(issue).latest_body
    assert "failed" in body
    assert "secret words" not in body
    assert sections(body)["Next Action"].startswith("- Take the work up again")


def test_without_an_issue_nothing_is_kept(cast, db):
    wake(cast.engineer, reason="manual", source="on_demand")
    (run,) = claim()
    end(run, summary="All done")
    assert not IssueDocument.objects.exists()


def test_agents_do_not_write_it(cast, issue):  # IW-43
    run = start(cast, issue)
    end(run, summary="All done")
    (asked,) = claim()
    caller = cast.as_agent(cast.engineer, run_id=asked.pk)
    answer = caller.put(
        f"/api/issues/{issue.pk}/documents/continuation-summary", {"format": "markdown", "body": "Mine"}
    )
    assert answer.status_code == 403


def test_it_is_found_by_no_search(cast, issue):
    """It repeats what others wrote, and would stand before them in every search (I-154)."""
    for key, body in (
        ("continuation-summary", "The wombat is half painted"),
        ("notes", "The wallaby is done"),
    ):
        documents.keep(issue=issue, key=key, title=key, body=body, run_id=None, now=clock.now())

    def found(text):
        page = cast.as_owner.get(f"/api/companies/{cast.company.pk}/search", {"q": text})
        return [row["id"] for row in page.json()["results"]]

    assert found("wallaby") == [str(issue.pk)]
    assert found("wombat") == []
    listed = cast.as_owner.get(f"/api/companies/{cast.company.pk}/issues", {"q": "wombat"})
    assert listed.json() == []


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300) | st.sampled_from(
    ["x" * 20_000, "`a/b.py` " * 3000, "`npm run x` " * 3000, "## Acceptance criteria\n" * 900, "Next: go"]
)


@settings(max_examples=100, deadline=None)
@given(
    description=TEXT,
    title=TEXT,
    said=st.lists(TEXT, max_size=6),
    words=st.lists(st.tuples(st.just("Engineer"), TEXT), max_size=6),
    blockers=st.lists(st.tuples(st.just("T-1"), TEXT.map(lambda text: text[:160])), max_size=12),
    status=st.sampled_from(["todo", "in_progress", "done", "blocked"]),
    ended=st.sampled_from(["succeeded", "failed"]),
)
def test_whatever_is_said_the_document_is_bounded(description, title, said, words, blockers, status, ended):
    issue = Issue(title=title, description=description, status=status, identifier="T-9")
    run = Run(status=ended, agent=Agent(name="Engineer", adapter_config={}), liveness_state="advanced")
    ending = Ending(run=run, issue=issue, now=clock.now())
    ending.__dict__.update(evidence=Evidence(), said=tuple(said))

    body = summaries.write(ending, issue, History(tuple(words), tuple(blockers)))

    assert len(body) <= summaries.MAX_DOCUMENT
    last = body.rsplit("## Next Action\n\n", 1)
    assert len(last) == 2
    assert last[1].startswith("- ")
    assert "\n" not in last[1]


# --- On the way to the next run ----------------------------------------------------------------------------


def test_the_next_run_is_told_how_the_work_stands(cast, issue):  # H-85
    end(start(cast, issue), summary="Half of it is done")
    (following,) = claim()

    payload = wake_payload.build(contexts.read(following.context_snapshot), issue)
    told = payload["continuationSummary"]
    assert (told["key"], told["title"], told["bodyTruncated"]) == (
        "continuation-summary",
        "Continuation Summary",
        False,
    )
    assert "Half of it is done" in told["body"]
    assert told["updatedAt"]
    prepared, _ = preparation.assignment(following, now=clock.now())
    assert "Half of it is done" in prepared.environment["PAPERCLIP_WAKE_PAYLOAD_JSON"]


def test_a_long_summary_is_cut_for_the_run(cast, issue):  # H-85
    documents.keep(
        issue=issue, key="continuation-summary", title="T", body="x" * 7000, run_id=None, now=clock.now()
    )
    told = wake_payload.build(contexts.read({}), issue)["continuationSummary"]
    assert (len(told["body"]), told["bodyTruncated"]) == (4000, True)


def test_an_issue_without_a_summary_has_none(issue):
    assert wake_payload.build(contexts.read({}), issue)["continuationSummary"] is None
