from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connection, connections

from tests import cast as standing
from tests import product as product_processes


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
