"""Suggested tasks and answers, checked and ordered, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issues.interactions import payloads
from paperclip.core.errors import Unprocessable


def task(key, above=None):
    return {"clientKey": key, "title": key, **({"parentClientKey": above} if above else {})}


SUGGESTED = [task("b", "a"), task("a"), task("c")]


def keys(choice):
    return [each["clientKey"] for each in choice.tasks]


@pytest.mark.parametrize(
    ("selected", "made", "skipped"),
    [
        pytest.param(["a", "b"], ["a", "b"], ("c",), id="IC-92 parents first"),
        pytest.param(["c"], ["c"], ("b", "a"), id="I-119 one alone"),
        pytest.param(None, ["a", "b", "c"], (), id="I-119 all"),
    ],
)
def test_selected_tasks_are_made_parents_first(selected, made, skipped):
    choice = payloads.choose(SUGGESTED, selected)

    assert (keys(choice), choice.skipped) == (made, skipped)


@pytest.mark.parametrize(
    ("selected", "error"),
    [
        pytest.param(["b"], "only be selected together with its parent", id="IC-92 without its parent"),
        pytest.param(["zz"], "Unknown suggested task", id="IC-92 unknown key"),
        pytest.param(["c", "b"], "only be selected together with its parent", id="I-119 one of two"),
    ],
)
def test_selection_must_fit(selected, error):
    with pytest.raises(Unprocessable, match=error):
        payloads.choose(SUGGESTED, selected)


@pytest.mark.parametrize(
    ("tasks", "error"),
    [
        pytest.param([task("a", "a")], "circle", id="IW-2 itself"),
        pytest.param([task("a", "b"), task("b", "a")], "circle", id="IW-2 each other"),
        pytest.param(
            [task("x", "a"), task("a", "b"), task("b", "c"), task("c", "a")], "circle", id="IW-2 three"
        ),
        pytest.param([task("a", "nobody")], "Unknown parent", id="I-119 unknown parent"),
    ],
)
def test_parents_must_lead_somewhere(tasks, error):
    with pytest.raises(Unprocessable, match=error):
        payloads.require_sound(tasks)
    with pytest.raises(Unprocessable, match=error):
        payloads.choose(tasks, None)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.none() | st.integers(0, 12)), unique_by=lambda each: each[0])
)
def test_order_never_puts_a_child_first(drawn):
    tasks = [task(str(key), None if above is None else str(above)) for key, above in drawn]
    try:
        choice = payloads.choose(tasks, None)
    except Unprocessable:
        return
    places = {key: place for place, key in enumerate(keys(choice))}
    assert sorted(places) == sorted(each["clientKey"] for each in tasks)
    for each in tasks:
        if each.get("parentClientKey"):
            assert places[each["parentClientKey"]] < places[each["clientKey"]]


QUESTIONS = [
    {
        "id": "where",
        "selectionMode": "single",
        "required": True,
        "options": [{"id": "here"}, {"id": "there"}],
    },
    {"id": "what", "selectionMode": "multi", "options": [{"id": "one"}, {"id": "two"}]},
]


def answer(question, *options):
    return {"questionId": question, "optionIds": list(options)}


def test_answers_follow_the_questions():
    """I-122."""
    kept = payloads.settle(QUESTIONS, [answer("what", "two", "one", "two"), answer("where", "here", "here")])

    assert kept == [answer("where", "here"), answer("what", "two", "one")]


def test_what_is_not_required_may_be_left_out():
    assert payloads.settle(QUESTIONS, [answer("where", "there")]) == [answer("where", "there")]


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        pytest.param([], "required question has no answer", id="IC-97 nothing"),
        pytest.param([answer("where")], "required question has no answer", id="IC-97 no option"),
        pytest.param([answer("where", "here", "there")], "Only one option", id="IC-97 two options"),
        pytest.param([answer("where", "nowhere")], "Unknown option", id="I-122 unknown option"),
        pytest.param(
            [answer("where", "here"), answer("why", "x")], "Unknown question", id="I-122 unknown question"
        ),
        pytest.param(
            [answer("where", "here"), answer("where", "there")],
            "only be answered once",
            id="I-122 answered twice",
        ),
    ],
)
def test_answers_must_fit(given_, error):
    with pytest.raises(Unprocessable, match=error):
        payloads.settle(QUESTIONS, given_)
