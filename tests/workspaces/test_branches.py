"""Names of branches and folders, from whatever people write."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workspaces import branches, git


def name(title, *, template=branches.DEFAULT_TEMPLATE, identifier="PAP-447", **more):
    values = {
        "issue.identifier": identifier,
        "issue.title": title,
        "slug": branches.slug(title, identifier=identifier),
        **more,
    }
    return branches.branch_name(branches.render(template, values))


@pytest.mark.parametrize(
    ("title", "options", "expected"),
    [
        pytest.param("Add Worktree Support", {}, "PAP-447-add-worktree-support", id="WC-10"),
        pytest.param("a/b `c`; rm -rf $(x)", {}, "PAP-447-a-b-c-rm-rf-x", id="WC-15"),
        pytest.param(
            "Hotfix April 1",
            {"template": "release/{{issue.identifier}}.{{slug}}", "identifier": "PAP-992"},
            "release/PAP-992.hotfix-april-1",
            id="WC-16",
        ),
        pytest.param("日本語", {}, "PAP-447-PAP-447", id="W-48 empty slug"),
        pytest.param("", {"identifier": None}, "issue", id="W-48 nothing at all"),
        pytest.param("x", {"template": "{{unknown}}{{ slug }}"}, "x", id="W-48 unknown name"),
        pytest.param("x", {"template": "---"}, "paperclip-work", id="W-49 nothing left"),
        pytest.param("x", {"template": "HEAD"}, "paperclip-work", id="WW-17 a word of git"),
        pytest.param("x", {"template": "../../{{slug}}"}, "x", id="WW-17 way out"),
        pytest.param("x", {"template": "a/../../b/./.c.lock"}, "a/b/c-lock", id="WW-17 parts git refuses"),
        pytest.param("x" * 300, {"template": "{{slug}}"}, "x" * 120, id="W-49 length"),
    ],
)
def test_branch_of_a_title(title, options, expected):
    assert name(title, **options) == expected


def test_names_that_are_taken_get_a_suffix():  # WW-17
    assert branches.with_suffix("x" * 120, "abcd1234") == "x" * 111 + "-abcd1234"


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab-./@{}~^:? \\*[\n\x00lockHEAD..é"), max_size=150))
def test_any_text_becomes_a_branch_that_git_accepts_and_that_leads_down(text):
    found = branches.branch_name(text)
    assert git.is_branch_name(found), found
    assert ".." not in PurePosixPath(found).parts
    assert not found.startswith(("-", "/"))
    assert len(found) <= 120
