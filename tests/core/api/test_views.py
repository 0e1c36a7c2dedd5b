from __future__ import annotations

import gc
import weakref

import pytest
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from paperclip.core.api.views import ApiView


class Rows(list):
    """A list that can be watched."""


class View(ApiView):
    authentication_classes = ()

    def get(self, request):
        rows = Rows([{"number": 1}])
        View.watched = weakref.ref(rows)
        return Response(rows)


@pytest.fixture
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_answer_is_written_and_what_it_was_made_from_is_let_go(without_collector):
    """A list of a thousand rows must not stay in memory until the garbage collector finds it."""
    response = View.as_view()(APIRequestFactory().get("/"))
    assert response.content == b'[{"number":1}]'
    assert response["Content-Type"] == "application/json"
    assert View.watched() is None

    sent = weakref.ref(response)
    del response
    assert sent() is None
