"""What the board says before there is anything to see."""

from __future__ import annotations

import pytest

from paperclip.companies.models import Company
from tests import factories
from tests.board import addresses
from tests.board.conftest import browse


@pytest.mark.django_db
def test_first_sign_in_without_a_company_says_what_to_do():
    person = factories.user(is_superuser=True)
    client = browse(person)
    html = client.get("/admin/").content.decode()
    assert "Create your first company" in html
    assert "/admin/companies/company/add/" in html
    for url, _ in addresses.LISTS.values():
        assert client.get(url).status_code in (200, 302, 404)


@pytest.mark.django_db
def test_new_company_shows_the_next_steps():
    person = factories.user(member_of=factories.company())
    html = browse(person).get("/admin/").content.decode()
    assert "Hire an agent" in html


@pytest.mark.django_db
def test_first_company_is_founded_and_chosen():
    client = browse(factories.user(is_superuser=True))
    response = client.post(
        "/admin/companies/company/add/",
        {"name": "Acme", "description": "", "budget_monthly_dollars": "12.50"},
    )
    assert response["Location"] == "/admin/"
    company = Company.objects.get(name="Acme")
    assert company.budget_monthly_cents == 1250
    assert "Acme" in client.get("/admin/").content.decode()
