"""Documents with their versions, and labels."""

from __future__ import annotations

import re

import pytest

from issues.models import Document, DocumentRevision, IssueDocument, Label
from paperclip.core import diffs
from tests import factories
from tests.board.conftest import browse


@pytest.fixture
def report(scene):
    return IssueDocument.objects.select_related("document").get(issue=scene.issue)


def page(report, tail: str = "") -> str:
    return f"/admin/issues/issuedocument/{report.pk}/change/{tail}"


def deed(report, name: str) -> str:
    return f"/admin/issues/issuedocument/{report.pk}/do/{name}/"


def write(scene, report, body: str, base=None) -> None:
    base = base or Document.objects.get(pk=report.document_id).latest_revision_id
    browse(scene.owner).post(deed(report, "write"), {"base": base, "body": body, "summary": "Because"})


def test_page_shows_what_a_version_changed(scene, report):
    write(scene, report, "one\ntwo\nthree")
    write(scene, report, "one\n2 < 3\nthree\nfour")
    shown = browse(scene.owner).get(page(report)).content.decode()
    kinds = re.findall(r'diff-(added|removed|kept)" role="listitem">.*?<span>([^<]*)</span></div>', shown)
    assert kinds == [
        ("kept", "one"), ("removed", "two"), ("added", "2 &lt; 3"), ("kept", "three"), ("added", "four"),
    ]  # fmt: skip
    assert "Because" in shown
    number = Document.objects.get(pk=report.document_id).latest_revision_number
    older = browse(scene.owner).get(page(report, f"?version={number}&against=1")).content.decode()
    assert "since version 1" in older
    assert browse(scene.owner).get(page(report, "?version=999")).status_code == 404
    assert browse(scene.owner).get(page(report, "?version=x&against=-1")).status_code == 200


def test_writer_who_is_late_is_told(scene, report):
    base = Document.objects.get(pk=report.document_id).latest_revision_id
    write(scene, report, "first", base)
    answer = browse(scene.owner).post(deed(report, "write"), {"base": base, "body": "second"}, follow=True)
    assert "updated by someone else" in " ".join(str(one) for one in answer.context["messages"])
    assert Document.objects.get(pk=report.document_id).latest_body == "first"


def test_older_version_is_restored(scene, report):
    first = DocumentRevision.objects.get(document_id=report.document_id, revision_number=1)
    browse(scene.owner).post(deed(report, "restore"), {"revision": first.pk})
    document = Document.objects.get(pk=report.document_id)
    assert document.latest_body == first.body
    assert document.revisions.latest("revision_number").created_by_user == scene.owner


def test_document_of_a_hidden_issue_is_not_found(scene, report):
    type(scene.issue).objects.filter(pk=scene.issue.pk).update(hidden_at=scene.issue.created_at)
    assert browse(scene.owner).get(page(report)).status_code == 404


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        pytest.param("", "", [], id="nothing"),
        pytest.param("a", "a", [], id="the same"),
        pytest.param("", "a\nb", ["added", "added"], id="all new"),
        pytest.param("a", "", ["removed"], id="all gone"),
        pytest.param(
            "\n".join("abcdefghij"), "\n".join("abcdefghiX"), ["gap", *["kept"] * 3, "removed", "added"],
            id="gap above",
        ),
        pytest.param(
            "\n".join("abcdefghij"), "\n".join("Xbcdefghij"), ["removed", "added", *["kept"] * 3, "gap"],
            id="gap below",
        ),
    ],
)  # fmt: skip
def test_lines_of_a_comparison(before, after, kinds):
    assert [line.kind for line in diffs.lines(before, after)] == kinds


def test_texts_too_long_to_compare():
    assert diffs.lines("x\n" * 3001, "y") is None


def test_label_is_made_and_deleted(scene):
    client = browse(scene.owner)
    client.post("/admin/issues/label/add/", {"name": " Customer ", "color": "#AA0000"})
    label = Label.objects.get(company=scene.company, name="Customer")
    again = client.post("/admin/issues/label/add/", {"name": "Customer", "color": "#aa0000"})
    assert "exists already" in again.content.decode()
    wrong = client.post("/admin/issues/label/add/", {"name": "x" * 49, "color": "red"})
    assert wrong.status_code == 200
    issue = factories.issue(scene.company)
    issue.label_links.create(label=label, company=scene.company, created_at=issue.created_at)
    assert issue.identifier in client.get(f"/admin/issues/label/{label.pk}/change/").content.decode()
    client.post(f"/admin/issues/label/{label.pk}/do/delete/")
    assert not Label.objects.filter(pk=label.pk).exists()
    assert not issue.label_links.exists()
