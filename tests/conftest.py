from __future__ import annotations

import pytest

from tests import cast as standing


@pytest.fixture
def cast(db) -> standing.Cast:
    """Everybody: two companies, people of each role, a tree of agents."""
    return standing.make()
