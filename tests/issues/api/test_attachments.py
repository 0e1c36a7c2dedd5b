"""Files on issues: sent, kept, served and deleted."""

from __future__ import annotations

import hashlib
import os
import resource
import tracemalloc
from datetime import timedelta
from io import RawIOBase

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.db import OperationalError, connection

from issues.models import Attachment, Comment, Issue
from paperclip.companies import assets
from paperclip.companies.models import Activity, Asset, Company
from paperclip.core import clock, storage
from paperclip.core.api import uploads
from paperclip.core.errors import BadRequest, Unavailable
from tests import factories
from tests.cast import Caller
from tests.issues import log, race

ATTACHMENT_KEYS = {
    "id", "companyId", "issueId", "issueCommentId", "assetId", "provider", "objectKey", "contentType", "byteSize",
    "sha256", "originalFilename", "createdByAgentId", "createdByUserId", "createdAt", "updatedAt", "contentPath",
}  # fmt: skip
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture(autouse=True)
def files(tmp_path, settings):
    """The store, empty."""
    settings.FILES_ROOT = tmp_path / "files"
    return settings.FILES_ROOT


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company)


def path(issue, company=None):
    return f"/api/companies/{(company or issue.company).pk}/issues/{issue.pk}/attachments"


def file(content=b"hello", name="notes.txt", content_type="text/plain"):
    return SimpleUploadedFile(name, content, content_type)


def upload(caller, issue, content=b"hello", name="notes.txt", content_type="text/plain", **fields):
    return caller.post(path(issue), {"file": file(content, name, content_type), **fields}, format="multipart")


def send(caller, issue, body: bytes, boundary="XX", **extra):
    """Send a body as it is, boundary `XX`."""
    kind = f"multipart/form-data; boundary={boundary}"
    return caller.generic("POST", path(issue), body, content_type=kind, **extra)


def part(disposition: str, content=b"hello", more="") -> bytes:
    return f"--XX\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n".encode() + content + b"\r\n"


def on_disk(files):
    """The names of the files in the store, half-received ones included."""
    return sorted(found.name for found in files.rglob("*") if found.is_file())


def body_of(answer) -> bytes:
    return b"".join(answer.streaming_content)


# --- Uploading -------------------------------------------------------------------------------------------


def test_upload_answers_the_row_and_keeps_the_file(cast, issue, files):
    """I-20."""
    before = issue.last_activity_at

    answer = upload(cast.as_owner, issue)

    assert answer.status_code == 201
    row = answer.json()
    digest = hashlib.sha256(b"hello").hexdigest()
    assert set(row) == ATTACHMENT_KEYS
    assert (row["contentType"], row["byteSize"], row["sha256"]) == ("text/plain", 5, digest)
    assert (row["originalFilename"], row["createdByUserId"]) == ("notes.txt", str(cast.owner.id))
    assert (row["provider"], row["issueCommentId"]) == ("local_disk", None)
    assert row["contentPath"] == f"/api/attachments/{row['id']}/content"
    day = clock.now().strftime("%Y/%m/%d")
    assert row["objectKey"] == f"{issue.company_id}/issues/{issue.pk}/{day}/{row['assetId']}-notes.txt"
    assert on_disk(files) == [digest]
    assert (files / digest[:2] / digest).read_bytes() == b"hello"
    assert log.details(issue, "issue.attachment_added") == {
        "attachmentId": row["id"],
        "originalFilename": "notes.txt",
        "contentType": "text/plain",
        "byteSize": 5,
    }
    issue.refresh_from_db()
    assert issue.last_activity_at > before


def test_issue_is_named_by_its_identifier_too(cast, issue):
    """I-6."""
    address = f"/api/companies/{cast.company.pk}/issues/{issue.identifier.lower()}/attachments"

    assert cast.as_owner.post(address, {"file": file()}, format="multipart").status_code == 201


def test_files_are_for_their_owner_only(cast, issue, files):
    upload(cast.as_owner, issue)

    modes = {found.stat().st_mode & 0o077 for found in files.rglob("*")}
    assert modes == {0}


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        pytest.param("Text/PLAIN; charset=UTF-8", "text/plain", id="I-137 lower-cased, bare"),
        pytest.param("", "application/octet-stream", id="I-137 missing"),
        pytest.param("no type", "application/octet-stream", id="I-137 not a type"),
        pytest.param("text/html", "text/html", id="I-137 any is accepted"),
        pytest.param("x/" + "y" * 300, "application/octet-stream", id="I-137 too long for a type"),
    ],
)
def test_content_types(cast, issue, given, stored):
    header = f"Content-Type: {given}\r\n" if given else ""
    body = part('name="file"; filename="a.txt"', more=header) + b"--XX--\r\n"

    assert send(cast.as_owner, issue, body).json()["contentType"] == stored


@pytest.mark.parametrize(
    ("given", "stored", "in_key"),
    [
        pytest.param("../../etc/passwd", "passwd", "-passwd", id="I-137 no path"),
        pytest.param("C:\\\\docs\\\\plan.md", "plan.md", "-plan.md", id="I-137 no drive"),
        pytest.param("Ünser Plan (1).md", "Ünser Plan (1).md", "-nser-Plan-1-.md", id="I-137 key is plain"),
        pytest.param("💥", "💥", "", id="I-137 nothing plain in it"),
        pytest.param("x" * 300 + ".md", "x" * 252 + ".md", "-" + "x" * 117 + ".md", id="I-137 long"),
        pytest.param("a\x01b.txt", "ab.txt", "-ab.txt", id="I-137 no control characters"),
    ],
)
def test_names(cast, issue, given, stored, in_key):
    body = part(f'name="file"; filename="{given}"') + b"--XX--\r\n"

    row = send(cast.as_owner, issue, body).json()

    assert row["originalFilename"] == stored
    assert row["objectKey"].rpartition("/")[2] == row["assetId"] + in_key


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"", "Missing file field 'file'", id="I-137 no body"),
        pytest.param(part('name="note"') + b"--XX--\r\n", "Missing file field 'file'", id="I-137 no file"),
        pytest.param(
            part('name="file"') + b"--XX--\r\n", "Missing file field 'file'", id="I-137 text, no file"
        ),
        pytest.param(
            part('name="file"; filename=""') + b"--XX--\r\n", "Missing file field 'file'", id="I-137 no name"
        ),
        pytest.param(
            part('name="other"; filename="a"') + b"--XX--\r\n",
            "Unexpected file in field 'other'",
            id="I-137 other",
        ),
        pytest.param(
            part('name="file"; filename="a"') * 2 + b"--XX--\r\n", "Unexpected file", id="I-137 two files"
        ),
        pytest.param(part('name="file"; filename="a"'), "The upload was cut off", id="IW-44 no end"),
        pytest.param(
            part('name="file"; filename="a"', b"hel"),
            "The upload was cut off",
            id="IW-44 breaks off in the file",
        ),
        pytest.param(
            part('name="file"; filename="a"', b"!!!", "Content-Transfer-Encoding: base64\r\n")
            + b"--XX--\r\n",
            "Multipart body is malformed",
            id="I-137 no base64",
        ),
        pytest.param(b"nothing of the kind", "The upload was cut off", id="I-137 no multipart at all"),
    ],
)
def test_bad_bodies(cast, issue, files, body, error):
    answer = send(cast.as_owner, issue, body)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)
    assert not Asset.objects.exists()
    assert on_disk(files) == []


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("multipart/form-data", id="I-137 no boundary"),
        pytest.param("multipart/form-data; boundary=" + "x" * 300, id="I-137 endless boundary"),
        pytest.param("multipart/form-data; boundary=ä", id="I-137 boundary beyond ASCII"),
        pytest.param("application/json", id="I-137 JSON"),
        pytest.param("text/plain", id="I-137 no form"),
    ],
)
def test_bodies_of_another_kind(cast, issue, kind):
    answer = cast.as_owner.generic("POST", path(issue), b"{}", content_type=kind)

    assert answer.status_code == 400
    assert not Attachment.objects.exists()


def test_many_parts_are_refused(cast, issue):
    fields = b"".join(part(f'name="f{number}"') for number in range(1200)) + b"--XX--\r\n"
    many = b"".join(part(f'name="f{number}"; filename="a"') for number in range(200)) + b"--XX--\r\n"

    assert send(cast.as_owner, issue, fields).status_code in (400, 413)
    assert send(cast.as_owner, issue, many).status_code == 400


@pytest.mark.parametrize(
    "comment_id",
    [pytest.param("nonsense", id="I-137 no id"), pytest.param("", id="I-137 empty")],
)
def test_bad_metadata(cast, issue, files, comment_id):
    answer = upload(cast.as_owner, issue, issueCommentId=comment_id)

    assert answer.status_code == 400
    assert answer.json()["details"][0]["path"] == ["issueCommentId"]
    assert on_disk(files) == []


def test_comment_of_the_upload(cast, issue, files):
    """IW-44: it is looked at before anything is stored."""
    comment = factories.comment(issue)
    elsewhere = factories.comment(factories.issue(cast.company))
    foreign = factories.comment(factories.issue(cast.elsewhere))

    assert upload(cast.as_owner, issue, issueCommentId=str(factories.NO_SUCH_ID)).status_code == 404
    assert upload(cast.as_owner, issue, issueCommentId=str(foreign.pk)).status_code == 404
    assert upload(cast.as_owner, issue, issueCommentId=str(elsewhere.pk)).status_code == 422
    assert on_disk(files) == []
    bound = upload(cast.as_owner, issue, issueCommentId=str(comment.pk))
    assert (bound.status_code, bound.json()["issueCommentId"]) == (201, str(comment.pk))

    Comment.objects.filter(pk=comment.pk).delete()
    (row,) = cast.as_owner.get(f"/api/issues/{issue.pk}/attachments").json()
    assert row["issueCommentId"] is None


# --- Limits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("company_limit", "server_limit", "size", "effective"),
    [
        pytest.param(4, 100, 5, 4, id="IC-105 the company's"),
        pytest.param(100, 6, 7, 6, id="IC-105 the server's"),
        pytest.param(4, 100, 4, None, id="I-137 at the limit"),
        pytest.param(1, 1, 1, None, id="I-137 one byte"),
    ],
)
def test_limits(cast, issue, files, settings, company_limit, server_limit, size, effective):
    Company.objects.filter(pk=cast.company.pk).update(attachment_max_bytes=company_limit)
    settings.ATTACHMENT_MAX_BYTES = server_limit

    answer = upload(cast.as_owner, issue, b"x" * size)

    if effective is None:
        assert answer.status_code == 201
    else:
        assert (answer.status_code, answer.json()["error"]) == (422, f"Attachment exceeds {effective} bytes")
        assert not Asset.objects.exists()
        assert on_disk(files) == []


def test_ten_mebibytes_are_taken_and_one_byte_more_is_not(cast, issue):
    """I-137: the default limit; the guard against large bodies does not stand in the way."""
    most = 10 * 1024 * 1024

    assert upload(cast.as_owner, issue, b"x" * most).status_code == 201
    more = upload(cast.as_owner, issue, b"x" * (most + 1))
    assert (more.status_code, more.json()["error"]) == (422, f"Attachment exceeds {most} bytes")


def test_far_too_large_is_refused_without_being_read(cast, issue, files):
    answer = send(cast.as_owner, issue, part('name="file"; filename="a"'), CONTENT_LENGTH=str(2**40))

    assert (answer.status_code, answer.json()["error"]) == (422, "Attachment exceeds 10485760 bytes")
    assert not (files / "incoming").exists()


@pytest.mark.parametrize(
    "address", ["/admin/x/attachments", "/api/companies/x/things/logo", "/api/attachments"]
)
def test_large_bodies_are_taken_nowhere_else(client, address):
    answer = client.generic("POST", address, b"", CONTENT_LENGTH=str(2**30))

    assert answer.status_code == 413


def test_empty_file(cast, issue, files):
    answer = upload(cast.as_owner, issue, b"")

    assert (answer.status_code, answer.json()["error"]) == (422, "Attachment is empty")
    assert on_disk(files) == []


class Endless(RawIOBase):
    """A body of `size` bytes that exists piece by piece only; after `pieces` of them the client hangs up."""

    def __init__(self, size: int, pieces: int | None = None) -> None:
        super().__init__()
        head, tail = part('name="file"; filename="a.bin"', b"")[:-2], b"\r\n--XX--\r\n"
        self.length = len(head) + size + len(tail)
        self._pieces = iter([head, *(b"x" * 65_536 for _ in range(size // 65_536)), tail])
        self._rest = b""
        self._left = pieces

    def read(self, count: int = -1) -> bytes:
        while len(self._rest) < count:
            if self._left is not None:
                if self._left == 0:
                    raise OSError("connection reset by peer")
                self._left -= 1
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        given, self._rest = self._rest[:count], self._rest[count:]
        return given


def request_of(stream) -> WSGIRequest:
    return WSGIRequest(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": "multipart/form-data; boundary=XX",
            "CONTENT_LENGTH": str(stream.length),
            "wsgi.input": stream,
        }
    )


def test_an_upload_is_never_held_in_memory():
    size = 64 * 1024 * 1024
    request = request_of(Endless(size))
    tracemalloc.start()
    try:
        received, _ = uploads.receive(request, limit=size, what="Attachment")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert received.file.size == size
    assert peak < 4 * 1024 * 1024
    received.file.discard()


def test_what_is_too_large_is_not_written(files):
    request = request_of(Endless(1024 * 1024))

    with pytest.raises(Exception, match="exceeds 500000 bytes"):
        uploads.receive(request, limit=500_000, what="Attachment")
    assert on_disk(files) == []


def test_client_that_hangs_up(files):
    request = request_of(Endless(1024 * 1024, pieces=8))

    with pytest.raises(BadRequest, match="The upload was cut off"):
        uploads.receive(request, limit=10**7, what="Attachment")
    assert on_disk(files) == []


# --- A disk that takes no more ---------------------------------------------------------------------------


@pytest.fixture
def little_room():
    """The kernel lets no file of this process grow beyond 64 KiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_is_told_in_a_sentence_and_leaves_nothing(cast, issue, files, little_room):
    answer = upload(cast.as_owner, issue, b"x" * 300_000)

    assert (answer.status_code, answer.json()) == (503, {"error": storage.NO_ROOM})
    assert not Asset.objects.exists()
    assert not Activity.objects.filter(entity_id=str(issue.pk)).exists()
    assert on_disk(files) == []
    assert upload(cast.as_owner, issue, b"small").status_code == 201


def test_store_that_cannot_be_written_to(cast, issue, files):
    files.parent.mkdir(exist_ok=True)
    files.write_text("in the way")

    answer = upload(cast.as_owner, issue)

    assert answer.status_code == 503
    assert answer.json()["error"].startswith("The server cannot store files at the moment")
    assert not Asset.objects.exists()


def test_file_that_is_missing_on_disk(cast, issue, files):
    row = upload(cast.as_owner, issue).json()
    (files / row["sha256"][:2] / row["sha256"]).unlink()

    answer = cast.as_owner.get(row["contentPath"])
    assert (answer.status_code, answer.json()["error"]) == (404, "The stored file is missing")
    assert cast.as_owner.delete(f"/api/attachments/{row['id']}").status_code == 200


# --- Who may ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_owner", 201),
        ("as_operator", 201),
        ("as_viewer", 403),
        ("as_outsider", 403),
        ("as_foreign_agent", 403),
        ("as_nobody", 401),
    ],
)
def test_who_may_upload(cast, issue, files, who, status):
    assert upload(getattr(cast, who), issue).status_code == status
    assert bool(on_disk(files)) == (status == 201)


def test_issue_of_another_company_than_the_path_names(cast, issue):
    both = factories.user(member_of=cast.company)
    factories.member(cast.elsewhere, both)
    caller = Caller(factories.board_token(both))

    answer = caller.post(path(issue, cast.elsewhere), {"file": file()}, format="multipart")
    assert (answer.status_code, answer.json()["error"]) == (422, "Issue does not belong to company")
    strange = cast.as_owner.post(path(factories.issue(cast.elsewhere), cast.company), {"file": file()})
    assert strange.status_code == 404


def test_agents_write_to_what_is_theirs(cast, files):
    """IC-22, IC-23, I-37."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    run = factories.run(cast.engineer, issue=issue)
    Issue.objects.filter(pk=issue.pk).update(checkout_run=run)
    mine, peer = cast.as_agent(cast.engineer, run_id=run.pk), cast.as_agent(cast.peer)

    refused = upload(peer, issue)
    assert (refused.status_code, refused.json()["error"]) == (409, "Issue is checked out by another agent")
    assert on_disk(files) == []
    assert upload(cast.as_agent(cast.engineer), issue).status_code == 401
    row = upload(mine, issue)
    assert (row.status_code, row.json()["createdByAgentId"]) == (201, str(cast.engineer.id))
    address = f"/api/attachments/{row.json()['id']}"
    assert peer.delete(address).status_code == 409
    Issue.objects.filter(pk=issue.pk).update(status="todo", checkout_run=None)
    assert upload(peer, issue).status_code == 403
    assert peer.delete(address).status_code == 403
    assert len(on_disk(files)) == 1
    assert Activity.objects.get(action="issue.attachment_added").run_id == run.pk
    assert mine.delete(address).status_code == 200


@pytest.mark.parametrize(
    ("who", "read", "delete"),
    [
        ("as_operator", 200, 200),
        ("as_viewer", 200, 403),
        ("as_outsider", 404, 404),
        ("as_foreign_agent", 404, 404),
        ("as_nobody", 401, 401),
    ],
)
def test_who_may_read_and_delete(cast, issue, who, read, delete):
    row = upload(cast.as_owner, issue).json()
    caller = getattr(cast, who)

    assert caller.get(f"/api/issues/{issue.pk}/attachments").status_code == read
    assert caller.get(row["contentPath"]).status_code == read
    assert caller.get(f"/api/assets/{row['assetId']}/content").status_code == read
    assert caller.delete(f"/api/attachments/{row['id']}").status_code == delete


@pytest.mark.parametrize("reference", ["nonsense", factories.NO_SUCH_ID])
def test_unknown_attachment(cast, reference):
    """IW-3."""
    for answer in (
        cast.as_owner.get(f"/api/attachments/{reference}/content"),
        cast.as_owner.delete(f"/api/attachments/{reference}"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (404, "Attachment not found")


# --- Reading ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        pytest.param("application/zip", "attachment", id="IC-104 zip"),
        pytest.param("text/html", "attachment", id="IC-104 html"),
        pytest.param("image/png", "inline", id="IC-104 png"),
        pytest.param("image/svg+xml", "inline", id="I-138 svg"),
        pytest.param("application/pdf", "inline", id="I-138 pdf"),
        pytest.param("text/plain", "inline", id="I-138 text"),
        pytest.param("text/markdown", "inline", id="I-138 markdown"),
        pytest.param("application/json", "inline", id="I-138 json"),
        pytest.param("text/csv", "inline", id="I-138 csv"),
        pytest.param("application/xhtml+xml", "attachment", id="I-138 xhtml"),
        pytest.param("text/javascript", "attachment", id="I-138 script"),
        pytest.param("application/octet-stream", "attachment", id="I-138 unknown"),
    ],
)
def test_content_is_served_safely(cast, issue, content_type, shown):
    row = upload(cast.as_owner, issue, PNG, "a.bin", content_type).json()

    answer = cast.as_owner.get(row["contentPath"])

    assert (answer.status_code, body_of(answer)) == (200, PNG)
    assert answer["Content-Type"] == content_type
    assert answer["Content-Length"] == str(len(PNG))
    assert answer["Cache-Control"] == "private, max-age=60"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == f'{shown}; filename="a.bin"'
    caged = "sandbox" in answer.get("Content-Security-Policy", "")
    assert caged == (content_type != "application/pdf")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        pytest.param('say \\"hi\\".txt', 'inline; filename="say hi.txt"', id="I-138 quotes"),
        pytest.param(
            "Übersicht 1.txt",
            "inline; filename=\"_bersicht 1.txt\"; filename*=UTF-8''%C3%9Cbersicht%201.txt",
            id="IW-44 beyond ASCII",
        ),
    ],
)
def test_file_name_of_a_download(cast, issue, name, header):
    body = part(f'name="file"; filename="{name}"', more="Content-Type: text/plain\r\n") + b"--XX--\r\n"
    row = send(cast.as_owner, issue, body).json()

    assert cast.as_owner.get(row["contentPath"])["Content-Disposition"] == header


def test_file_without_a_name(cast, issue):
    row = upload(cast.as_owner, issue).json()
    Asset.objects.update(original_filename=None)

    assert cast.as_owner.get(row["contentPath"])["Content-Disposition"] == 'inline; filename="attachment"'


def test_client_that_has_the_file_is_not_sent_it_again(cast, issue):
    row = upload(cast.as_owner, issue).json()
    etag = cast.as_owner.get(row["contentPath"])["ETag"]

    again = cast.as_owner.get(row["contentPath"], headers={"If-None-Match": f'"x", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    other = cast.as_owner.get(row["contentPath"], headers={"If-None-Match": '"x"'})
    assert (other.status_code, body_of(other)) == (200, b"hello")


def test_list_is_newest_first(cast, issue):
    names = [upload(cast.as_owner, issue, name=f"{number}.txt").json()["id"] for number in range(3)]
    factories.issue(cast.company)

    listed = cast.as_owner.get(f"/api/issues/{issue.identifier}/attachments").json()

    assert [row["id"] for row in listed] == names[::-1]
    assert set(listed[0]) == ATTACHMENT_KEYS


def test_waking_agent_is_told_of_the_files(cast, issue):
    """I-153."""
    row = upload(cast.as_owner, issue, PNG, "shot.png", "image/png").json()

    (told,) = cast.as_owner.get(f"/api/issues/{issue.pk}/heartbeat-context").json()["attachments"]

    assert told == {
        "id": row["id"],
        "filename": "shot.png",
        "contentType": "image/png",
        "byteSize": len(PNG),
        "contentPath": row["contentPath"],
        "createdAt": row["createdAt"],
    }


# --- Deleting --------------------------------------------------------------------------------------------


def test_delete_removes_rows_and_file(cast, issue, files, django_capture_on_commit_callbacks):
    row = upload(cast.as_owner, issue).json()

    with django_capture_on_commit_callbacks(execute=True):
        answer = cast.as_owner.delete(f"/api/attachments/{row['id']}")

    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert not Attachment.objects.exists()
    assert not Asset.objects.exists()
    assert on_disk(files) == []
    assert log.details(issue, "issue.attachment_removed") == {"attachmentId": row["id"]}
    assert cast.as_owner.get(row["contentPath"]).status_code == 404
    assert cast.as_owner.delete(f"/api/attachments/{row['id']}").status_code == 404


def test_file_stays_while_another_row_names_it(cast, issue, files, django_capture_on_commit_callbacks):
    first, second = (upload(cast.as_owner, issue).json() for _ in range(2))
    assert first["objectKey"] != second["objectKey"]
    assert len(on_disk(files)) == 1

    with django_capture_on_commit_callbacks(execute=True):
        cast.as_owner.delete(f"/api/attachments/{first['id']}")
    assert body_of(cast.as_owner.get(second["contentPath"])) == b"hello"
    with django_capture_on_commit_callbacks(execute=True):
        cast.as_owner.delete(f"/api/attachments/{second['id']}")
    assert on_disk(files) == []


def test_issue_takes_its_files_along(cast, issue, files, django_capture_on_commit_callbacks):
    """I-165."""
    upload(cast.as_owner, issue)
    upload(cast.as_owner, issue, b"other")
    kept = upload(cast.as_owner, factories.issue(cast.company), b"kept").json()

    with django_capture_on_commit_callbacks(execute=True):
        assert cast.as_owner.delete(f"/api/issues/{issue.pk}").status_code == 200

    assert on_disk(files) == [kept["sha256"]]
    assert Asset.objects.count() == 1


# --- Races and crashes -----------------------------------------------------------------------------------


def test_undone_transaction_is_repeated_with_the_same_file(cast, issue, files):
    """The database undoes one of two transactions that wait for each other; the body cannot be read twice."""
    undone = []

    def undo_once(execute, sql, params, many, context):
        if sql.startswith('INSERT INTO "issue_attachments"') and not undone:
            undone.append(sql)
            raise OperationalError("deadlock detected") from psycopg.errors.DeadlockDetected("deadlock")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(undo_once):
        answer = upload(cast.as_owner, issue)

    assert (answer.status_code, len(undone)) == (201, 1)
    assert body_of(cast.as_owner.get(answer.json()["contentPath"])) == b"hello"
    assert Asset.objects.count() == 1
    assert len(on_disk(files)) == 1


def test_file_is_never_lost_to_a_deletion_beside_its_upload(crowd, files):
    """Rows of one content come and go at once: whoever got a row finds its file."""
    issue = factories.issue(crowd.company)
    token = factories.board_token(crowd.owner)

    def come_and_go():
        caller = Caller(token)
        for _ in range(6):
            row = upload(caller, issue).json()
            assert caller.delete(f"/api/attachments/{row['id']}").status_code == 200
        kept = upload(caller, issue)
        assert kept.status_code == 201
        return kept.json()

    rows = race.together([come_and_go] * 5)

    assert Attachment.objects.count() == 5
    for row in rows:
        assert body_of(crowd.as_owner.get(row["contentPath"])) == b"hello"
    assert len(on_disk(files)) == 1


def test_sweep_takes_what_nobody_names_and_nothing_else(cast, issue, files):
    row = upload(cast.as_owner, issue).json()
    later = clock.now() + timedelta(hours=2)
    lost, young = (_stray(content) for content in (b"lost", b"young"))
    os.utime(files / young[:2] / young, times=(later.timestamp(), later.timestamp()))
    half = storage.Incoming(limit=10)

    assert assets.sweep(now=clock.now()) == assets.Swept(orphans=0, unfinished=0)
    assert assets.sweep(now=later) == assets.Swept(orphans=1, unfinished=0)
    assert lost not in on_disk(files)
    assert {young, row["sha256"]} < set(on_disk(files))
    assert assets.sweep(now=later + timedelta(days=1)) == assets.Swept(orphans=1, unfinished=1)
    assert on_disk(files) == [row["sha256"]]
    half.discard()


def _stray(content: bytes) -> str:
    """Keep a file that no row names, as a crash would leave it."""
    incoming = storage.Incoming(limit=100)
    incoming.write(content)
    incoming.seal()
    incoming.keep()
    return incoming.sha256


def test_sweep_of_an_empty_store(db):
    assert assets.sweep(now=clock.now()) == assets.Swept(0, 0)


def test_kept_file_may_be_kept_again_and_is_not_discarded(files):
    incoming = storage.Incoming(limit=10)
    incoming.write(b"abc")
    incoming.seal()
    incoming.keep()
    incoming.keep()
    incoming.discard()
    incoming.discard()

    assert incoming.open().read() == b"abc"
    storage.remove(incoming.sha256)
    with pytest.raises(Unavailable):
        incoming.keep()
    assert not storage.remove(incoming.sha256)
