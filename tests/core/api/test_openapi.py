"""The OpenAPI document builds without a warning, is valid, and names every address."""

from __future__ import annotations

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from tests.core.api import routes


@pytest.fixture(scope="module")
def document():
    GENERATOR_STATS.reset()
    made = SchemaGenerator().get_schema(request=None, public=True)
    GENERATOR_STATS.emit_summary()
    return made


def test_no_warning(document):
    said = {**GENERATOR_STATS._warn_cache, **GENERATOR_STATS._error_cache}
    assert said == {}


def test_document_is_valid(document):
    validate_schema(document)


# Addresses that only say what is missing from them (C-30).
NAMED_SLIPS = {"/api/issues"}


def test_every_address_is_in_it(document):
    wanted = {"/" + routes._PARAMETER.sub(r"{\1}", route.template) for route in routes.every()}
    assert wanted - set(document["paths"]) - NAMED_SLIPS == set()


def test_every_operation_says_what_it_does_and_how_it_refuses(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method not in routes.METHODS:
                continue
            assert operation.get("summary"), f"{method} {path}"
            assert "403" in operation["responses"], f"{method} {path}"


def test_operation_ids_are_unique(document):
    ids = [
        operation["operationId"]
        for operations in document["paths"].values()
        for method, operation in operations.items()
        if method in routes.METHODS
    ]
    assert len(ids) == len(set(ids))


def test_anybody_may_read_it(client):
    answer = client.get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "Paperclip for Django"


def test_files_are_described_as_files(document):
    """I-137, C-104."""
    for path in ("issues/{issue_id}/attachments", "assets/images", "logo"):
        body = document["paths"][f"/api/companies/{{company_id}}/{path}"]["post"]["requestBody"]
        schema = body["content"]["multipart/form-data"]["schema"]
        file = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]["file"]
        assert file == {"type": "string", "format": "binary"}
    for path in ("attachments/{attachment_id}", "assets/{asset_id}"):
        answers = document["paths"][f"/api/{path}/content"]["get"]["responses"]
        assert answers["200"]["content"] == {"*/*": {"schema": {"type": "string", "format": "binary"}}}
        assert "304" in answers
