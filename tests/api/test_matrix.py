"""Who may call what: every endpoint of the API against one table, for everybody there is (C-23 to C-28).

The endpoints are taken from the URL configuration: one without a row in the table fails here.
"""

from __future__ import annotations

import pytest
from django.db import transaction

from tests.api import matrix, matrix_scene
from tests.api.matrix_scene import CALLERS
from tests.core.api import routes

ENDPOINTS = {f"{method} {route}": (method, route) for route in routes.every() for method in route.methods}
CELLS = {401: "1", 403: "3", 404: "4"}


@pytest.mark.django_db
@pytest.mark.parametrize("who", CALLERS)
def test_table_holds_for(who):
    """C-28: each call is undone before the next, so the order of rows plays no part."""
    scene, column, wrong = matrix_scene.build(), CALLERS.index(who), []
    caller = scene.callers[who]
    for endpoint in sorted(set(matrix.TABLE) & set(ENDPOINTS)):
        method, route = ENDPOINTS[endpoint]
        with transaction.atomic():
            if method == "get":
                answer = caller.get(scene.path(route))
            else:
                body = scene.body(route, method)
                answer = caller.generic(
                    method.upper(), scene.path(route), body, content_type="application/json"
                )
            transaction.set_rollback(True)
        found, wanted = CELLS.get(answer.status_code, "."), matrix.TABLE[endpoint][column]
        if found != wanted or answer.status_code >= 500:
            said = b"" if answer.streaming else answer.content[:200]
            wrong.append(f"{endpoint}: {answer.status_code} where the table says {wanted}: {said!r}")
    assert wrong == []


def test_every_endpoint_has_a_row():
    assert sorted(set(ENDPOINTS) - set(matrix.TABLE)) == []


def test_every_row_has_an_endpoint():
    assert sorted(set(matrix.TABLE) - set(ENDPOINTS)) == []


def test_every_row_says_something_of_every_caller():
    assert all(len(cells) == len(CALLERS) for cells in matrix.TABLE.values())
