from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import transaction
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


@pytest.fixture(scope="module")
def scene_of_module(django_db_setup, django_db_blocker) -> Iterator[scenes.Scene]:
    """The scene, built once for all tests of a module: building it takes longer than most of them."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield scenes.build()
        transaction.set_rollback(True)


@pytest.fixture
def kept_scene(scene_of_module, db) -> scenes.Scene:
    """The scene of the module as it was built. What a test does to it is undone behind the test."""
    return copy.deepcopy(scene_of_module)


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
