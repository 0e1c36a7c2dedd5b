"""How much a company may run at once, and its drain, on the board."""

from __future__ import annotations

from paperclip.companies.models import Company
from tests.board.conftest import browse


def test_a_limit_of_runs_is_set_and_taken_away(scene):
    client = browse(scene.owner)
    values = {"name": "Acme", "description": "", "budget_monthly_dollars": "0"}
    url = f"/admin/companies/company/{scene.company.pk}/edit/"
    for typed, kept in (("4", 4), ("", None)):
        client.post(url, {**values, "max_concurrent_runs": typed})
        assert Company.objects.get(pk=scene.company.pk).max_concurrent_runs == kept
    answer = client.post(url, {**values, "max_concurrent_runs": "0"})
    assert "greater than or equal to 1" in answer.content.decode()


def test_a_company_is_drained_and_takes_up_its_work(scene):
    client = browse(scene.owner)
    page = f"/admin/companies/company/{scene.company.pk}/change/"
    for deed, is_draining, offered in (("drain", True, "Take up work"), ("undrain", False, "Drain")):
        client.post(f"/admin/companies/company/{scene.company.pk}/do/{deed}/")
        assert (Company.objects.get(pk=scene.company.pk).draining_since is not None) is is_draining
        assert offered in client.get(page).content.decode()
