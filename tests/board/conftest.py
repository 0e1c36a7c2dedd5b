from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client

from paperclip.companies.choices import MemberRole
from paperclip.companies.models import User
from tests import factories
from tests.board import scene as scenes


@pytest.fixture(autouse=True)
def _empty_cache():
    """Figures are kept for seconds; a test must count its own."""
    cache.clear()


@pytest.fixture
def scene(db) -> scenes.Scene:
    return scenes.build()


@pytest.fixture
def viewer(scene) -> User:
    return factories.user(member_of=scene.company, role=MemberRole.VIEWER)


@pytest.fixture
def outsider(scene) -> User:
    return factories.user(member_of=factories.company(name="Elsewhere"))


def browse(who: User | None) -> Client:
    """Return a browser in which `who` is signed in."""
    client = Client(raise_request_exception=True)
    if who is not None:
        client.force_login(who)
    return client
