from __future__ import annotations

import os

import pytest
from django.conf import settings
from django.db import connection, connections

from tests import cast as standing
from tests import product as product_processes

# Files whose tests wait long for real processes. One that begins last keeps the whole run waiting for it.
_LONG = (
    "clients/",
    "faults/",
    "acceptance/",
    "routines/test_routines_live",
    "routines/test_killed_schedulers",
    "routines/test_year",
    "heartbeat/test_engine_machine",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest tests, dealt out over the test processes; the rest stays in its order.

    Each process is given an equal piece of the list, and those that are done early take from the others' ends.
    """
    root = config.rootpath / "tests"
    names = {item: item.path.relative_to(root).as_posix() for item in items if item.path.is_relative_to(root)}
    long = [item for item in items if names.get(item, "").startswith(_LONG)]
    others = [item for item in items if not names.get(item, "").startswith(_LONG)]
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ordered: list[pytest.Item] = []
    for place in range(processes):
        first = long[place::processes]
        size = (len(items) - len(ordered)) // (processes - place)
        more = max(size - len(first), 0)
        ordered += [*first, *others[:more]]
        del others[:more]
    items[:] = [*ordered, *others]


@pytest.fixture
def cast(db) -> standing.Cast:
    """Everybody: two companies, people of each role, a tree of agents."""
    return standing.make()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_modify_db_settings, django_db_blocker):
    """Each test process has a copy of the one database that was migrated: migrating takes longer than many tests."""
    with django_db_blocker.unblock():
        settings_dict = connection.settings_dict
        before = settings_dict["NAME"]
        with product_processes.copy_of_template(connection.creation._get_test_db_name()) as name:
            connection.close()
            settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = name
            yield
            connections.close_all()
            settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = before


@pytest.fixture
def product(tmp_path, django_db_setup, django_db_blocker):
    """The product's parts as real processes, to be killed; Django looks at the same database."""
    with django_db_blocker.unblock(), product_processes.running(tmp_path) as made:
        yield made
