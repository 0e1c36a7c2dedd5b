"""Which issues a text names."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issues import references

ID = "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("see PAP-2", ["PAP-2"], id="I-143 identifier"),
        pytest.param("see pap-2, Pap-3.", ["PAP-2", "PAP-3"], id="I-143 any case"),
        pytest.param("PAP-2/PAP-3 (PAP-4)", ["PAP-2", "PAP-3", "PAP-4"], id="I-143 between signs"),
        pytest.param("PAP-2 and PAP-2 again", ["PAP-2"], id="I-143 once"),
        pytest.param("/issues/pap-3", ["PAP-3"], id="IC-115 path"),
        pytest.param("/PAP/issues/PAP-3#comment-1", ["PAP-3"], id="I-143 path with prefix"),
        pytest.param(f"/issues/{ID.upper()}", [ID], id="I-143 path by id"),
        pytest.param(f"https://host/x/issues/{ID}?a=1.", [ID], id="I-143 address by id"),
        pytest.param("[it](https://host/PAP/issues/PAP-9)", ["PAP-9"], id="I-143 address in a link"),
        pytest.param("https://elsewhere/browse/PAP-9", [], id="I-143 address of something else"),
        pytest.param(f"id {ID} alone", [], id="I-143 an id is not a name"),
        pytest.param("`PAP-2` and PAP-3", ["PAP-3"], id="I-143 code span"),
        pytest.param("``a ` PAP-2`` PAP-3", ["PAP-3"], id="I-143 span of two ticks"),
        pytest.param("` PAP-2 alone", ["PAP-2"], id="I-143 tick without an end"),
        pytest.param("`a\n\nPAP-2`", ["PAP-2"], id="I-143 a span ends with its paragraph"),
        pytest.param("```\nPAP-2\n```\nPAP-3", ["PAP-3"], id="I-143 fence"),
        pytest.param("~~~ py\nPAP-2\n```\nPAP-4\n~~~~\nPAP-3", ["PAP-3"], id="I-143 fence of tildes"),
        pytest.param("```\nPAP-2", [], id="I-143 fence without an end"),
        pytest.param("``` PAP-2 ```\nPAP-3", ["PAP-3"], id="I-143 three ticks in a line"),
        pytest.param("XPAP-", [], id="I-143 no number"),
        pytest.param("a-PAP-2", [], id="I-143 end of another word"),
        pytest.param("PAP-2x", [], id="I-143 start of another word"),
        pytest.param("PAP-12345678901", [], id="I-143 number beyond all"),
        pytest.param("fix/PAP-2-split", ["PAP-2"], id="I-143 name of a branch"),
    ],
)
def test_names_in_a_text(text, names):
    assert list(references.named(text)) == names


def test_words_are_kept_as_found():
    found = references.named("see /issues/pap-3 and https://host/issues/PAP-4), pap-5.")

    assert found == {"PAP-3": "/issues/pap-3", "PAP-4": "https://host/issues/PAP-4", "PAP-5": "pap-5"}


def test_so_many_names_are_looked_at():
    text = " ".join(f"PAP-{number}" for number in range(5000))

    assert len(references.named(text)) == references.MAX_NAMES


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("`" * 500_000, id="ticks"),
        pytest.param(" ".join("`" * size for size in range(1, 900)), id="runs of all lengths"),
        pytest.param("` `` " * 100_000, id="two lengths in turn"),
        pytest.param("```\n" * 120_000, id="fences"),
        pytest.param("a" * 500_000, id="one word"),
        pytest.param("a-" * 250_000, id="dashes"),
        pytest.param("PAP-1" * 100_000, id="names run together"),
        pytest.param("/issues/" * 60_000, id="paths"),
        pytest.param("https://" * 60_000, id="addresses"),
    ],
)
def test_the_longest_text_is_read_at_once(text):
    start = time.process_time()
    references.named(text)

    assert time.process_time() - start < 2


@given(st.text(alphabet="PA-12`~ \n/issue:ht", max_size=200))
def test_code_of_any_form_never_raises(text):
    for name, words in references.named(text).items():
        assert words
        assert name in words.upper() or name in words.lower()
