"""The picture of a company: uploaded, shown where companies are chosen, and taken away (C-31, C-104)."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from paperclip.companies.models import Activity, Asset, CompanyLogo
from tests import factories
from tests.board.conftest import browse

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


def picture(content: bytes = PNG, kind: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile("logo.png", content, kind)


def send(client, scene, **fields):
    return client.post(
        f"/admin/companies/company/{scene.company.pk}/do/logo/", fields, follow=True
    ).content.decode()


def test_logo_is_uploaded_shown_replaced_and_removed(scene):
    client = browse(scene.owner)
    assert "has a new logo" in send(client, scene, file=picture())
    logo = CompanyLogo.objects.get(company=scene.company)
    address = f"/api/assets/{logo.asset_id}/content"
    page = client.get("/admin/issues/issue/").content.decode()
    assert page.count(address) == 1  # in the switcher
    assert address in client.get("/admin/companies/company/").content.decode()
    assert b"".join(client.get(address).streaming_content) == PNG
    send(client, scene, file=picture(PNG + b"\x00"))
    assert CompanyLogo.objects.get(company=scene.company).asset_id != logo.asset_id
    assert not Asset.objects.filter(pk=logo.asset_id).exists()
    client.post(f"/admin/companies/company/{scene.company.pk}/do/remove-logo/")
    assert not CompanyLogo.objects.filter(company=scene.company).exists()
    assert Activity.objects.filter(company=scene.company, action="company.updated").count() == 3


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (None, "Choose a picture first"),
        (picture(b"hello"), "is not of the type"),
        (picture(b"<svg onload='x()'/>", "image/svg+xml"), "has a part that could act"),
        (picture(b"%PDF", "application/pdf"), "Unsupported image type"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(scene, file, said):
    sent = {"file": file} if file is not None else {}
    assert said in send(browse(scene.owner), scene, **sent)
    assert not CompanyLogo.objects.exists()


def test_viewer_sees_the_logo_and_cannot_change_it(scene, viewer):
    send(browse(scene.owner), scene, file=picture())
    page = browse(viewer).get(f"/admin/companies/company/{scene.company.pk}/change/").content.decode()
    assert "The logo of" in page
    assert "logo-file" not in page


@pytest.mark.django_db
def test_importing_is_offered_where_companies_are_chosen_and_founded():
    place = factories.company()
    founder = factories.user(is_superuser=True)
    assert 'href="/admin/import/"' in browse(founder).get("/admin/").content.decode()
    for role, offered in (("operator", True), ("viewer", False)):
        page = browse(factories.user(member_of=place, role=role)).get("/admin/issues/issue/").content.decode()
        assert ('href="/admin/import/"' in page) is offered
