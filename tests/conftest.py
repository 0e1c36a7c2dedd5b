from __future__ import annotations

import pytest

from tests import cast as standing
from tests import product as product_processes


@pytest.fixture
def cast(db) -> standing.Cast:
    """Everybody: two companies, people of each role, a tree of agents."""
    return standing.make()


@pytest.fixture(scope="session")
def product_template(worker_id) -> str:
    return product_processes.migrated_template(worker_id)


@pytest.fixture
def product(tmp_path, product_template, django_db_blocker):
    """The product's parts as real processes, to be killed; Django looks at the same database."""
    with django_db_blocker.unblock(), product_processes.running(tmp_path, product_template) as made:
        yield made
