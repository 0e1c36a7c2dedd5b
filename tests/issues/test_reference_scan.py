"""References in texts that were written before references were kept."""

from __future__ import annotations

import pytest

from issues import reference_scan, references
from issues.models import Document, DocumentRevision, Issue, IssueDocument, ReferenceMention, ReferenceScan
from paperclip.core import clock
from tests import factories


@pytest.fixture
def old(cast):
    """Issues as they were stored before: texts, and no references."""
    target = factories.issue(cast.company)
    named = factories.issue(
        cast.company, title=f"After {target.identifier}", description=f"/issues/{target.pk}"
    )
    talked = factories.issue(cast.company)
    factories.comment(talked, f"See {target.identifier}")
    written = factories.issue(cast.company)
    document = Document.objects.create(company=cast.company, latest_body=f"As in {target.identifier}")
    IssueDocument.objects.create(company=cast.company, issue=written, document=document, key="plan")
    DocumentRevision.objects.create(company=cast.company, document=document, revision_number=1, body="x")
    quiet = Document.objects.create(company=cast.company, latest_body=target.identifier)
    IssueDocument.objects.create(
        company=cast.company, issue=talked, document=quiet, key="continuation-summary"
    )
    factories.issue(cast.elsewhere, title=f"Of others: {target.identifier}")
    cast.target, cast.named, cast.talked, cast.written = target, named, talked, written
    return cast


def scan_all() -> int:
    done = 0
    while found := reference_scan.scan(now=clock.now()).issues:
        done += found
    return done


def kinds() -> set[tuple]:
    return set(ReferenceMention.objects.values_list("source_issue_id", "target_issue_id", "source_kind"))


def test_every_text_is_looked_through_once(old, monkeypatch):
    monkeypatch.setattr(reference_scan, "BATCH", 2)
    assert scan_all() == Issue.objects.count()
    assert kinds() == {
        (old.named.pk, old.target.pk, "title"),
        (old.named.pk, old.target.pk, "description"),
        (old.talked.pk, old.target.pk, "comment"),
        (old.written.pk, old.target.pk, "document"),
    }
    related = old.as_owner.get(f"/api/issues/{old.target.pk}").json()["relatedWork"]
    assert {item["issue"]["id"] for item in related["inbound"]} == {
        str(issue.pk) for issue in (old.named, old.talked, old.written)
    }
    assert ReferenceScan.objects.get().finished_at is not None
    ReferenceMention.objects.all().delete()
    assert scan_all() == 0
    assert kinds() == set()


def test_looking_again_at_what_is_kept_changes_nothing(old):
    references.note_new(old.named, now=clock.now())
    before = kinds()
    updated = Issue.objects.get(pk=old.named.pk).updated_at
    scan_all()
    assert before <= kinds()
    assert Issue.objects.get(pk=old.named.pk).updated_at == updated


def test_interrupted_looking_goes_on_where_it_stopped(old, monkeypatch):
    monkeypatch.setattr(reference_scan, "BATCH", 1)
    reference_scan.scan(now=clock.now())
    look, seen = reference_scan._look_through, []

    def stumble(issue, now):
        seen.append(issue.pk)
        if len(seen) == 1:
            raise RuntimeError("the power went")
        look(issue, now)

    monkeypatch.setattr(reference_scan, "_look_through", stumble)
    with pytest.raises(RuntimeError):
        reference_scan.scan(now=clock.now())
    assert ReferenceScan.objects.get().after_id == Issue.objects.order_by("id").first().pk
    scan_all()
    assert seen[0] == seen[1]
    assert len(kinds()) == 4
