"""Files and results on the page of an issue: shown, uploaded, deleted, judged."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from playwright.sync_api import expect

from issues.models import Attachment, WorkProduct
from tests import factories
from tests.board.conftest import browse
from tests.board.test_browser import NAMELESS, board, browser, signed_in
from tests.cast import Caller

__all__ = ["board", "browser"]  # fixtures of the other browser tests
# One blue pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c6360"
    "68f80f00020301c03c4c8f6b0000000049454e44ae426082"
)


@pytest.fixture(autouse=True)
def files(tmp_path, settings):
    """The store, empty."""
    settings.FILES_ROOT = tmp_path / "files"
    return settings.FILES_ROOT


def upload(scene, name="shot.png", content=PNG, content_type="image/png"):
    caller = Caller(factories.board_token(scene.owner))
    path = f"/api/companies/{scene.company.pk}/issues/{scene.issue.pk}/attachments"
    answer = caller.post(path, {"file": SimpleUploadedFile(name, content, content_type)}, format="multipart")
    assert answer.status_code == 201
    return answer.json()


def product(scene, **fields):
    return WorkProduct.objects.create(
        **{"company": scene.company, "issue": scene.issue, "type": "pull_request", "provider": "github"}
        | fields
    )


def page_of(scene):
    return f"/admin/issues/issue/{scene.issue.pk}/change/"


def messages_of(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


# --- Files -----------------------------------------------------------------------------------------------


def test_files_are_shown_with_size_name_and_ways_to_get_them(scene):
    picture = upload(scene, "<b>shot.png")
    upload(scene, "all.zip", b"x" * 2_500_000, "application/zip")

    html = browse(scene.owner).get(page_of(scene)).content.decode()

    assert f'<img src="{picture["contentPath"]}"' in html
    assert "2.5 MB" in html
    assert html.count(f'src="{picture["contentPath"]}"') == 1
    assert "<b>shot.png" not in html
    assert "&lt;b&gt;shot.png" in html
    assert 'download="all.zip"' in html
    assert "up to 10.5 MB each" in html
    assert f'action="/api/companies/{scene.company.pk}/issues/{scene.issue.pk}/attachments"' in html


def test_viewer_sees_files_and_cannot_change_them(scene, viewer):
    upload(scene)

    html = browse(viewer).get(page_of(scene)).content.decode()

    assert "shot.png" in html
    assert "data-upload" not in html
    assert "detach" not in html


def test_file_is_deleted_from_its_page_only(scene):
    row = upload(scene)
    client = browse(scene.owner)

    elsewhere = f"/admin/issues/issue/{scene.blocked.pk}/do/detach/"
    assert "not on the issue" in messages_of(client.post(elsewhere, {"attachment": row["id"]}, follow=True))
    assert Attachment.objects.exists()
    here = f"/admin/issues/issue/{scene.issue.pk}/do/detach/"
    assert "shot.png is deleted" in messages_of(client.post(here, {"attachment": row["id"]}, follow=True))
    assert not Attachment.objects.exists()
    again = client.post(here, {"attachment": row["id"]}, follow=True)
    assert "not on the issue any more" in messages_of(again)


# --- Results ---------------------------------------------------------------------------------------------


def test_results_are_shown_with_type_status_and_link(scene, viewer):
    product(scene, title="Split it", url="https://example.com/pull/1", external_id="#1", is_primary=True)
    product(
        scene,
        title="Odd",
        type="preview_url",
        url="vscode://file/x",
        status="merged",
        health_status="unhealthy",
    )

    html = browse(viewer).get(page_of(scene)).content.decode()

    assert 'href="https://example.com/pull/1"' in html
    assert "Pull request, the main one" in html
    assert "vscode:" not in html
    assert 'data-status="merged"' in html
    assert 'data-status="unhealthy"' in html


def test_result_that_waits_is_judged_in_place(scene, viewer):
    row = product(scene, title="Split it", review_state="needs_board_review")
    client = browse(scene.owner)
    assert "Ask for changes" in client.get(page_of(scene)).content.decode()
    assert "Ask for changes" not in browse(viewer).get(page_of(scene)).content.decode()

    address = f"/admin/issues/issue/{scene.issue.pk}/do/review/"
    for wrong in ({"state": "merged"}, {"product": "x", "state": "approved"}, {}):
        client.post(address, {"product": str(row.pk), **wrong} if "state" in wrong else {})
        row.refresh_from_db()
        assert row.review_state == "needs_board_review"
    answer = client.post(address, {"product": str(row.pk), "state": "approved"}, follow=True)

    assert "Split it is approved" in messages_of(answer)
    row.refresh_from_db()
    assert row.review_state == "approved"
    assert "Ask for changes" not in answer.content.decode()


def test_issue_without_any(scene):
    html = browse(scene.owner).get(page_of(scene)).content.decode()

    assert "Nothing yet. Pull requests" in html
    assert not re.search(r'class="[^"]*file-mark', html)


# --- In a browser ----------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [1400, 390])
def test_files_are_uploaded_and_deleted_without_losing_typed_text(browser, board, tmp_path, settings, width):
    settings.ATTACHMENT_MAX_BYTES = 20_000
    context, page, faults = signed_in(browser, board, viewport={"width": width, "height": 844})
    page.goto(page.url.split("/admin/")[0] + page_of(board))
    words = page.get_by_role("textbox", name="Comment")
    words.fill("half a sentence")
    (tmp_path / "large.bin").write_bytes(b"x" * 30_000)
    (tmp_path / "a very long name of a picture that goes on and on and on.png").write_bytes(PNG)
    (tmp_path / "notes.txt").write_text("hello")

    page.get_by_label("Choose files").set_input_files(sorted(tmp_path.glob("*.*")))

    listed = page.locator("#attachment-list .row-line")
    expect(listed).to_have_count(2)
    expect(page.locator("[data-upload-said]")).to_contain_text("Larger than 20 kB.")
    expect(listed.filter(has_text="notes.txt")).to_contain_text("5 B")
    assert (
        page.locator("#attachment-list img").evaluate(
            "(image) => image.decode().then(() => image.naturalWidth)"
        )
        == 1
    )
    assert words.input_value() == "half a sentence"
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert page.evaluate(NAMELESS) == []

    page.get_by_role("button", name="Delete notes.txt").click()
    dialog = page.get_by_role("dialog", name="Delete this file?")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Delete file").click()
    expect(page.get_by_text("notes.txt is deleted.")).to_be_visible()
    expect(listed).to_have_count(1)
    assert Attachment.objects.count() == 1
    assert faults == []
    context.close()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_files_are_dropped(browser, board):
    context, page, faults = signed_in(browser, board)
    page.goto(page.url.split("/admin/")[0] + page_of(board))
    handle = page.evaluate_handle(
        """() => {
          const carried = new DataTransfer();
          carried.items.add(new File(["hello"], "dropped.txt", { type: "text/plain" }));
          return carried;
        }"""
    )

    page.locator(".drop").dispatch_event("dragover", {"dataTransfer": handle})
    expect(page.locator("form.upload")).to_have_class(re.compile("is-over"))
    page.locator(".drop").dispatch_event("drop", {"dataTransfer": handle})

    expect(page.locator("#attachment-list")).to_contain_text("dropped.txt")
    expect(page.locator("form.upload")).not_to_have_class(re.compile("is-over"))
    assert faults == []
    context.close()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [1400, 390])
def test_results_fit_and_are_judged(browser, board, width):
    product(
        board,
        title="Split the largest file along its verbs " * 3,
        url="https://example.com/pull/1",
        external_id="#1284",
        status="ready_for_review",
        review_state="needs_board_review",
        health_status="healthy",
    )
    context, page, faults = signed_in(browser, board, viewport={"width": width, "height": 844})
    page.goto(page.url.split("/admin/")[0] + page_of(board))

    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.get_by_role("button", name="Ask for changes").click()
    expect(page.get_by_text("is sent back for changes")).to_be_visible()
    assert WorkProduct.objects.get().review_state == "changes_requested"
    assert faults == []
    context.close()
