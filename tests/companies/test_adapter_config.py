"""C-56, CW-10: merging configurations, and what agents may not write."""

from __future__ import annotations

import pytest

from paperclip.companies import adapter_config
from paperclip.core.errors import Forbidden


@pytest.mark.parametrize(
    ("replace", "type_changes", "wanted"),
    [
        pytest.param(False, False, {"env": 1, "cwd": "/a", "model": "new", "x": 1}, id="C-56 merge"),
        pytest.param(True, False, {"model": "new"}, id="C-56 replace"),
        pytest.param(False, True, {"env": 1, "cwd": "/a", "model": "new"}, id="B-60 new type"),
        pytest.param(True, True, {"env": 1, "cwd": "/a", "model": "new"}, id="B-60 new type, replaced"),
    ],
)
def test_merge(replace, type_changes, wanted):
    stored = {"env": 1, "cwd": "/a", "model": "old", "x": 1}
    found = adapter_config.merged(stored, {"model": "new"}, replace=replace, type_changes=type_changes)
    assert found == wanted


PROFILE = {"modelProfiles": {"cheap": {"adapterConfig": {"command": "sh"}}}}


@pytest.mark.parametrize(
    ("before", "after", "own", "refused"),
    [
        pytest.param(({}, {}), ({"command": "sh"}, {}), True, True, id="CW-10 own command"),
        pytest.param(({}, {}), ({"command": "sh"}, {}), False, False, id="CW-10 another's command"),
        pytest.param(
            ({"command": "sh"}, {}), ({"command": "sh", "m": 1}, {}), True, False, id="CW-10 sent back"
        ),
        pytest.param(({"command": "sh"}, {}), ({}, {}), True, True, id="CW-10 taken away"),
        pytest.param(({}, {}), ({}, PROFILE), True, True, id="CW-10 in a profile"),
        pytest.param(({}, PROFILE), ({}, {}), True, True, id="CW-10 profile taken away"),
        pytest.param(({}, {}), ({"agentsMdPath": "/"}, {}), False, True, id="C-56 instructions"),
        pytest.param(({}, {}), ({"workspaceStrategy": 5}, {}), False, False, id="C-56 strategy is no object"),
        pytest.param(({}, {}), ({}, {"modelProfiles": []}), True, False, id="C-56 profiles are no object"),
    ],
)
def test_host_changes(before, after, own, refused):
    if refused:
        with pytest.raises(Forbidden):
            adapter_config.refuse_host_changes(before=before, after=after, own=own)
    else:
        adapter_config.refuse_host_changes(before=before, after=after, own=own)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("***REDACTED***", True),
        ("a ***REDACTED*** b", True),
        ({"a": [{"b": "***REDACTED***"}]}, True),
        ({"a": ["REDACTED", 1, None]}, False),
        (None, False),
    ],
)
def test_marker_is_found_anywhere(value, wanted):
    assert adapter_config.holds_marker(value) is wanted
