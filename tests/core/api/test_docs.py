from __future__ import annotations

import pytest
from rest_framework.test import APIClient


def test_the_api_can_be_read_as_a_page(client):
    answer = client.get("/api/docs")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "/api/issues/{issue_id}/checkout" in text
    assert "expectedStatuses*" in text
    assert "<script" not in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/api/openapi.json", 200, id="openapi"),
        pytest.param("/admin", 302, id="admin without its slash"),
        pytest.param("/favicon.ico", 302, id="favicon"),
        pytest.param("/", 302, id="root"),
        pytest.param("/nowhere", 404, id="a page for what is not there"),
    ],
)
@pytest.mark.django_db
def test_addresses_outside_of_the_resources(path, status):
    assert APIClient(raise_request_exception=False).get(path).status_code == status
