"""C-31, C-104: pictures of a company, and its logo."""

from __future__ import annotations

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from issues.models import Attachment
from paperclip.companies.models import Activity, Asset, Company, CompanyLogo
from paperclip.core import clock
from tests import factories
from tests.cast import Caller

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h8v8"/></svg>'
KEYS = {
    "assetId", "companyId", "provider", "objectKey", "contentType", "byteSize", "sha256", "originalFilename",
    "createdByAgentId", "createdByUserId", "createdAt", "updatedAt", "contentPath",
}  # fmt: skip


@pytest.fixture(autouse=True)
def files(tmp_path, settings):
    """The store, empty."""
    settings.FILES_ROOT = tmp_path / "files"
    return settings.FILES_ROOT


def upload(
    caller, company, content=PNG, content_type="image/png", name="a.png", *, to="assets/images", **fields
):
    body = {"file": SimpleUploadedFile(name, content, content_type), **fields}
    return caller.post(f"/api/companies/{company.pk}/{to}", body, format="multipart")


def on_disk(files):
    return sorted(found.name for found in files.rglob("*") if found.is_file())


# --- Pictures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["assets/images", "logo"])
def test_upload_answers_the_asset(cast, files, to):
    answer = upload(cast.as_owner, cast.company, to=to)

    assert answer.status_code == 201
    row = answer.json()
    assert set(row) == KEYS
    assert (row["contentType"], row["byteSize"], row["originalFilename"]) == ("image/png", len(PNG), "a.png")
    assert row["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert row["contentPath"] == f"/api/assets/{row['assetId']}/content"
    assert on_disk(files) == [row["sha256"]]
    logged = Activity.objects.get(action="asset.created")
    assert (logged.entity_type, logged.entity_id) == ("asset", row["assetId"])
    assert logged.details == {"originalFilename": "a.png", "contentType": "image/png", "byteSize": len(PNG)}
    assert not CompanyLogo.objects.exists()


@pytest.mark.parametrize(
    ("namespace", "status"),
    [
        pytest.param("issues/drafts", 201, id="C-104 with a slash"),
        pytest.param("Board_1-x", 201, id="C-104 all signs"),
        pytest.param("../up", 400, id="C-104 no way up"),
        pytest.param("/x", 400, id="C-104 no root"),
        pytest.param("a b", 400, id="C-104 no space"),
        pytest.param("x" * 121, 400, id="C-104 too long"),
        pytest.param("", 400, id="C-104 empty"),
    ],
)
def test_namespaces(cast, namespace, status):
    answer = upload(cast.as_owner, cast.company, namespace=namespace)

    assert answer.status_code == status
    if status == 201:
        day = clock.now().strftime("%Y/%m/%d")
        start = f"{cast.company.pk}/assets/{namespace}/{day}/"
        assert answer.json()["objectKey"].startswith(start)
    else:
        assert answer.json()["details"][0]["path"] == ["namespace"]
        assert not Asset.objects.exists()


@pytest.mark.parametrize(
    ("content", "content_type", "status", "error"),
    [
        pytest.param(b"GIF89a" + b"\0" * 9, "image/gif", 201, None, id="C-104 gif"),
        pytest.param(b"\xff\xd8\xff" + b"\0" * 9, "image/jpeg", 201, None, id="C-104 jpeg"),
        pytest.param(b"RIFF\0\0\0\0WEBP", "image/webp", 201, None, id="C-104 webp"),
        pytest.param(SVG, "image/svg+xml", 201, None, id="C-104 svg"),
        pytest.param(b"x", "text/html", 422, "Unsupported image type: text/html", id="C-104 wrong type"),
        pytest.param(b"x", "image/tiff", 422, "Unsupported image type: image/tiff", id="C-104 unknown type"),
        pytest.param(
            b"<html>", "image/png", 422, "Image is not of the type image/png", id="C-104 not that type"
        ),
        pytest.param(b"", "image/png", 422, "Image is empty", id="C-104 empty"),
        pytest.param(
            SVG.replace(b"path", b"script"),
            "image/svg+xml",
            422,
            "Image has a part that could act",
            id="C-104 unsafe",
        ),
        pytest.param(b"<svg", "image/svg+xml", 422, "Image is not a readable SVG", id="C-104 broken svg"),
    ],
)
def test_what_may_be_a_picture(cast, files, content, content_type, status, error):
    answer = upload(cast.as_owner, cast.company, content, content_type)

    assert answer.status_code == status
    if error is not None:
        assert answer.json()["error"].startswith(error)
        assert not Asset.objects.exists()
        assert on_disk(files) == []


def test_operator_says_which_types_are_taken(cast, settings):
    """C-20."""
    settings.ASSET_TYPES = ["application/*"]

    assert upload(cast.as_owner, cast.company).status_code == 422
    assert upload(cast.as_owner, cast.company, b"%PDF", "application/pdf").status_code == 201


def test_missing_file(cast):
    for to in ("assets/images", "logo"):
        answer = cast.as_owner.post(f"/api/companies/{cast.company.pk}/{to}", {"x": "y"}, format="multipart")
        assert (answer.status_code, answer.json()["error"]) == (400, "Missing file field 'file'")
        assert cast.as_owner.post(f"/api/companies/{cast.company.pk}/{to}").status_code == 400


def test_limit_is_the_companys(cast, files):
    Company.objects.filter(pk=cast.company.pk).update(attachment_max_bytes=10)

    answer = upload(cast.as_owner, cast.company)
    assert (answer.status_code, answer.json()["error"]) == (422, "Image exceeds 10 bytes")
    assert upload(cast.as_owner, cast.company, to="logo").json()["error"] == "Logo exceeds 10 bytes"
    assert on_disk(files) == []


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
@pytest.mark.parametrize("to", ["assets/images", "logo"])
def test_who_may_upload(cast, files, who, status, to):
    assert upload(getattr(cast, who), cast.company, to=to).status_code == status
    assert bool(on_disk(files)) == (status == 201)


def test_agents_of_the_company_upload(cast):
    row = upload(cast.as_agent(cast.engineer), cast.company).json()

    assert (row["createdByAgentId"], row["createdByUserId"]) == (str(cast.engineer.id), None)


# --- Content ---------------------------------------------------------------------------------------------


def test_drawing_is_served_in_a_cage(cast):
    row = upload(cast.as_owner, cast.company, SVG, "image/svg+xml", "a.svg").json()

    answer = cast.as_owner.get(row["contentPath"])

    assert b"".join(answer.streaming_content) == SVG
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, max-age=60"
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer["Content-Disposition"] == 'inline; filename="a.svg"'


@pytest.mark.parametrize(
    ("who", "status"),
    [("as_viewer", 200), ("as_outsider", 404), ("as_foreign_agent", 404), ("as_nobody", 401)],
)
def test_who_may_read(cast, who, status):
    row = upload(cast.as_owner, cast.company).json()

    assert getattr(cast, who).get(row["contentPath"]).status_code == status


@pytest.mark.parametrize("reference", ["nonsense", factories.NO_SUCH_ID])
def test_unknown_asset(cast, reference):
    answer = cast.as_owner.get(f"/api/assets/{reference}/content")

    assert (answer.status_code, answer.json()["error"]) == (404, "Asset not found")


# --- The logo --------------------------------------------------------------------------------------------


def set_logo(caller, company, asset_id):
    return caller.patch(f"/api/companies/{company.pk}", {"logoAssetId": asset_id})


def test_logo_is_set_shown_replaced_and_taken_away(cast, files, django_capture_on_commit_callbacks):
    """C-29, C-31: the logo before it goes with its file."""
    first = upload(cast.as_owner, cast.company, to="logo").json()
    second = upload(cast.as_owner, cast.company, SVG, "image/svg+xml").json()

    shown = set_logo(cast.as_owner, cast.company, first["assetId"]).json()
    assert (shown["logoAssetId"], shown["logoUrl"]) == (first["assetId"], first["contentPath"])
    with django_capture_on_commit_callbacks(execute=True):
        assert set_logo(cast.as_owner, cast.company, first["assetId"]).status_code == 200
        assert set_logo(cast.as_owner, cast.company, second["assetId"]).status_code == 200
    assert on_disk(files) == [second["sha256"]]
    for listed in cast.as_owner.get("/api/companies").json():
        assert listed["logoUrl"] == second["contentPath"]
    with django_capture_on_commit_callbacks(execute=True):
        cleared = set_logo(cast.as_owner, cast.company, None).json()
    assert (cleared["logoAssetId"], cleared["logoUrl"]) == (None, None)
    assert on_disk(files) == []
    assert not Asset.objects.exists()
    changes = Activity.objects.filter(action="company.updated").order_by("created_at")
    assert [row.details for row in changes] == [
        {"logoAssetId": wanted} for wanted in (first["assetId"], first["assetId"], second["assetId"], None)
    ]


def test_edit_of_something_else_keeps_the_logo(cast):
    row = upload(cast.as_owner, cast.company, to="logo").json()
    set_logo(cast.as_owner, cast.company, row["assetId"])

    answer = cast.as_owner.patch(f"/api/companies/{cast.company.pk}", {"name": "Other"})

    assert answer.json()["logoAssetId"] == row["assetId"]


def test_ceo_sets_the_logo(cast):
    """C-30."""
    row = upload(cast.as_agent(cast.ceo), cast.company, to="logo").json()
    address = f"/api/companies/{cast.company.pk}/branding"

    answer = cast.as_agent(cast.ceo).patch(address, {"logoAssetId": row["assetId"]})

    assert answer.json()["logoUrl"] == row["contentPath"]
    assert cast.as_agent(cast.engineer).patch(address, {"logoAssetId": None}).status_code == 403


def test_logo_must_be_a_picture_of_the_company(cast):
    """C-31."""
    both = factories.user(member_of=cast.company)
    factories.member(cast.elsewhere, both)
    caller = Caller(factories.board_token(both))
    foreign = upload(caller, cast.elsewhere).json()
    issue = factories.issue(cast.company)
    hung = upload(cast.as_owner, cast.company, to=f"issues/{issue.pk}/attachments").json()

    missing = set_logo(caller, cast.company, factories.NO_SUCH_ID)
    assert (missing.status_code, missing.json()["error"]) == (404, "Logo asset not found")
    assert set_logo(caller, cast.company, foreign["assetId"]).status_code == 422
    assert set_logo(caller, cast.company, hung["assetId"]).status_code == 422
    assert not CompanyLogo.objects.exists()
    assert Attachment.objects.exists()
