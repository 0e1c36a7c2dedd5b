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
def racing(django_db_setup, transactional_db):
    """Run doers at the same moment, each on a thread and a connection of its own, and return what each answered."""
    from tests.issues_race import run_together

    return run_together
