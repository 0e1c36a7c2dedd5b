from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issues import scoring
from issues.scoring import Match
from paperclip.core import clock


@pytest.mark.parametrize(
    ("text", "phrase", "tokens"),
    [
        ("  Fix   Login ", "fix login", ("fix", "login")),
        ('"exact words" more', "exact words more", ("exact words", "more")),
        ("a bc", "a bc", ("bc",)),
        (" ".join(f"w{number}" for number in range(12)), None, tuple(f"w{number}" for number in range(8))),
        ("same same", "same same", ("same",)),
        ('""', "", ()),
    ],
)
def test_parse(text, phrase, tokens):
    query = scoring.parse(text)

    assert phrase is None or query.phrase == phrase
    assert query.tokens == tokens


@pytest.mark.parametrize(
    ("token", "word", "near"),
    [
        ("serach", "search", True),
        ("search", "search", True),
        ("sarch", "search", True),
        ("seach", "search", True),
        ("serachh", "search", True),
        ("widget", "garden", False),
        ("login", "logic", True),
        ("login", "lagic", False),
        ("page", "pages", False),
        ("four", "four", True),
        ("four", "fours", False),
    ],
)
def test_near_words(token, word, near):
    """I-155: two edits from six letters on, one from five on, none below."""
    assert scoring.within(token, word) == near
    assert scoring.within(word, token) == near


@given(st.text(alphabet="abcde", min_size=6, max_size=9), st.integers(0, 5), st.sampled_from("abcde"))
def test_one_edit_is_always_near(word, place, letter):
    at = min(place, len(word) - 1)
    for edited in (
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1 :],
    ):
        if len(edited) >= 6:
            assert scoring.within(edited, word)


def match(**fields):
    given_ = {
        "issue_id": "1",
        "identifier": "PAP-7",
        "title": "Search page",
        "status": "done",
        "updated_at": clock.now(),
    }
    return Match(**given_ | fields)


@pytest.mark.parametrize(
    ("text", "fields", "points"),
    [
        ("pap-7", {}, 1200 + 700 + 320),
        ("pap", {}, 700 + 320),
        ("search page", {}, 900 + 550 + 350),
        ("search", {}, 550 + 350),
        ("page", {}, 350),
        ("x", {"in_description": True}, 120),
        ("xy", {"comment_id": "1", "covered": {"xy"}}, 180 + 70 + 260),
        ("xy", {"document_key": "plan"}, 170),
        ("xy zz", {"covered": {"xy"}}, 70),
        ("xy zz", {"covered": {"xy", "zz"}}, 140 + 260),
        ("serach", {"is_fuzzy": True}, 110),
        ("x", {"status": "todo"}, 20),
        ("x", {"status": "cancelled"}, -30),
    ],
)
def test_points_add_up(text, fields, points):
    """I-155."""
    assert scoring.issue_points(match(**fields), scoring.parse(text)) == points


def test_highlights_count_characters():
    """IW-49: not the halves that some languages store rare ones in."""
    shown, (hit,) = scoring.snippet("\U0001f600\U0001f680 a needle", scoring.parse("needle"))
    assert shown[hit["start"] : hit["end"]] == "needle"
    assert hit["start"] == 5


@given(st.text(max_size=600), st.text(max_size=30))
def test_highlights_are_in_the_text_and_apart(text, needle):
    shown, hits = scoring.snippet(text, scoring.parse(needle))

    end = 0
    for hit in hits:
        assert end <= hit["start"] < hit["end"] <= len(shown)
        end = hit["end"]
