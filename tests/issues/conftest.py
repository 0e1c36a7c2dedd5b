from __future__ import annotations

import pytest

from issues import signals


@pytest.fixture
def calls():
    """Every wake that is sent, in order; the run engine gets them as well."""
    sent = []

    def note(*, wakes, **_):
        sent.extend(wakes)

    signals.agents_called.connect(note, weak=False, dispatch_uid="test-calls")
    yield sent
    signals.agents_called.disconnect(dispatch_uid="test-calls")


@pytest.fixture
def crowd(transactional_db):
    """The cast in a database whose transactions really commit, for races."""
    from tests import cast as standing

    return standing.make()
