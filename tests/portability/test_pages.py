"""Taking a company along and bringing one in, with the mouse."""

from __future__ import annotations

import html
import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from paperclip.companies.choices import MemberRole
from paperclip.companies.models import Activity, Agent, Company
from paperclip.portability import archives
from paperclip.portability.faults import Findings
from tests import factories
from tests.board.conftest import browse
from tests.portability import companies

pytestmark = pytest.mark.django_db

PARTS = ["company", "agents", "projects", "issues"]


@pytest.fixture
def made():
    return companies.full()


def package(place) -> SimpleUploadedFile:
    return SimpleUploadedFile("acme.zip", archives.write_zip(companies.taken(place).files), "application/zip")


def chosen(**more):
    return {"target": "new", "new_name": "Copy", "parts_wanted": PARTS, "collision": "rename"} | more


def hidden(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', text)
    assert found, text[-3000:]
    return html.unescape(found[1])


def test_export_is_chosen_and_downloaded(made):
    place, owner = made
    client = browse(owner)
    page = client.get(f"/admin/export/{place.pk}/").content.decode()
    assert "API_TOKEN" in page
    assert companies.SECRET not in page
    assert (
        f"/admin/export/{place.pk}/"
        in client.get(f"/admin/companies/company/{place.pk}/change/").content.decode()
    )
    answer = client.post(f"/admin/export/{place.pk}/", {"parts_wanted": ["company", "agents"]})
    assert answer["Content-Disposition"] == 'attachment; filename="acme-rockets.zip"'
    files = archives.read_zip(io.BytesIO(answer.content), Findings())
    assert {"COMPANY.md", "agents/ada-boss/AGENTS.md"} <= set(files)
    assert not any(path.startswith("tasks/") for path in files)
    assert Activity.objects.filter(company=place, action="company.exported").count() == 1


def test_package_is_looked_at_then_imported_once(made):
    place, owner = made
    client = browse(owner)
    assert "Look at it first" in client.get("/admin/import/").content.decode()
    shown = client.post("/admin/import/", chosen(file=package(place))).content.decode()
    assert not Company.objects.filter(name="Copy").exists()
    for words in ("Ada Boss", "starts paused", "API_TOKEN", "3 new", "Nothing has been written yet"):
        assert words in shown
    ticket = hidden(shown, "ticket")
    done = client.post("/admin/import/do/", {"ticket": ticket}, follow=True)
    again = client.post("/admin/import/do/", {"ticket": ticket}, follow=True)
    assert done.redirect_chain == again.redirect_chain
    copy = Company.objects.get(name="Copy")
    page = done.content.decode()
    boss = Agent.objects.get(company=copy, name="Ada Boss")
    assert f"/admin/companies/agent/{boss.pk}/change/" in page
    assert f"/admin/companies/agent/{boss.pk}/edit/" in page
    assert client.get(f"/admin/companies/company/{copy.pk}/change/").status_code == 200


def test_choices_can_be_changed_without_choosing_the_file_again(made):
    place, owner = made
    client = browse(owner)
    shown = client.post("/admin/import/", chosen(file=package(place))).content.decode()
    form = client.post("/admin/import/", {"kept": hidden(shown, "ticket"), "again": "1"}).content.decode()
    assert "acme.zip is still here" in form
    sent = chosen(kept=hidden(form, "kept"), target=str(place.pk), collision="skip")
    assert "Ada Boss is there already" in client.post("/admin/import/", sent).content.decode()


def test_file_is_kept_when_another_field_is_wrong(made):
    place, owner = made
    client = browse(owner)
    form = client.post("/admin/import/", chosen(file=package(place), target="nowhere")).content.decode()
    assert "acme.zip is still here" in form
    shown = client.post("/admin/import/", chosen(kept=hidden(form, "kept"))).content.decode()
    assert "Ada Boss" in shown


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Choose a zip file"),
        ({"url": "https://example.com/x"}, "must be a repository"),
        ({"kept": "rubbish"}, "no longer kept"),
    ],
)
def test_mistakes_are_shown(made, sent, said):
    answer = browse(made[1]).post("/admin/import/", chosen(**sent))
    assert (answer.status_code, said in answer.content.decode()) == (200, True)


def test_broken_package_shows_what_to_mend_and_has_no_button(made):
    file = SimpleUploadedFile(
        "x.zip", archives.write_zip({"agents/x/AGENTS.md": "---\nname: x\nrole: wizard\n---\n"})
    )
    client = browse(made[1])
    shown = client.post("/admin/import/", chosen(file=file)).content.decode()
    assert "agents/x/AGENTS.md: role: is &#x27;wizard&#x27;" in shown
    refused = client.post("/admin/import/do/", {"ticket": hidden(shown, "ticket")}).content.decode()
    assert "Nothing was written" in refused
    assert not Company.objects.filter(name="Copy").exists()


def test_ticket_is_good_for_one_person(made):
    place, owner = made
    shown = browse(owner).post("/admin/import/", chosen(file=package(place))).content.decode()
    other = factories.user(member_of=place, is_superuser=True)
    answer = browse(other).post("/admin/import/do/", {"ticket": hidden(shown, "ticket")})
    assert "no longer kept" in answer.content.decode()
    assert not Company.objects.filter(name="Copy").exists()


def test_viewers_and_outsiders_take_and_bring_nothing(made):
    place, _ = made
    viewer = browse(factories.user(member_of=place, role=MemberRole.VIEWER))
    outsider = browse(factories.user(member_of=factories.company()))
    assert viewer.get(f"/admin/export/{place.pk}/").status_code == 403
    assert outsider.get(f"/admin/export/{place.pk}/").status_code == 404
    assert viewer.get("/admin/import/").status_code == 403
    assert "/admin/export/" not in viewer.get(f"/admin/companies/company/{place.pk}/change/").content.decode()
    sent = chosen(file=package(place), target=str(place.pk))
    assert "no such choice" in outsider.post(
        "/admin/import/", sent
    ).content.decode() or not Activity.objects.filter(action="company.imported")


def test_pages_cost_the_same_however_much_there_is(made):
    place, owner = made
    client = browse(owner)
    counts = []
    for many in (1, 15):
        for _ in range(many):
            factories.issue(place, title="More")
            factories.agent(place)
            factories.project(place)
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/admin/export/{place.pk}/")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 32
