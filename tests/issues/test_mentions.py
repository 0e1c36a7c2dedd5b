from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from issues import mentions

BOB, ANN, DOT, LONG = (UUID(int=number) for number in (1, 2, 3, 4))
AGENTS = [(BOB, "Bob"), (ANN, "Ann Lee"), (DOT, "codex.v2"), (LONG, "Bob the Builder")]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param("@Bob", [BOB], id="I-78 name"),
        pytest.param("hi @bob, look", [BOB], id="I-78 any case, ends at a comma"),
        pytest.param("(@BOB)", [BOB], id="I-78 in brackets"),
        pytest.param("**@Bob**: see", [BOB], id="I-78 in Markdown"),
        pytest.param("@Bob's idea", [BOB], id="I-78 with a genitive"),
        pytest.param("@Bob. @bob! @bob?", [BOB], id="I-78 once"),
        pytest.param("mail@Bob", [], id="I-78 not after a word"),
        pytest.param("@Bobby", [], id="I-78 whole names only"),
        pytest.param("@Bob-smith", [], id="I-78 not a part of a longer name"),
        pytest.param("Bob", [], id="I-78 without a sign"),
        pytest.param("@ Bob", [], id="I-78 sign stands at the name"),
        pytest.param("@Ann Lee please", [ANN], id="IW-24 spaces"),
        pytest.param("@Ann", [], id="IW-24 a part of a name is none"),
        pytest.param("@codex.v2.", [DOT], id="IW-24 dots"),
        pytest.param("@Bob the Builder and @Bob", [LONG, BOB], id="IW-24 the longest name wins"),
        pytest.param("@Ann&#x20;Lee and @Bob&#x20;", [ANN, BOB], id="IC-65 entities"),
        pytest.param("&#64;Bob", [BOB], id="I-78 entity of the sign"),
        pytest.param(f"[x](agent://{BOB})", [BOB], id="I-78 link"),
        pytest.param(f"[x](agent://{ANN}?i=bot)", [ANN], id="I-78 link with an icon"),
        pytest.param(f"[x](agent://{uuid4()})", [], id="IW-24 link to nobody"),
        pytest.param(f"agent://{BOB}", [], id="I-78 bare address"),
        pytest.param("@" * 5000, [], id="nothing but signs"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_named(body, found):
    assert mentions.named(body, AGENTS) == found


@pytest.mark.parametrize(
    ("token", "plain"),
    [
        pytest.param("Baba&#x20;", "Baba", id="IC-65 space"),
        pytest.param("M&amp;M", "M&M", id="IC-65 ampersand"),
        pytest.param("x&unknown;", "x&unknown;", id="IC-65 unknown"),
        pytest.param("&#0;&#xD800;&#x110000;", "&#0;&#xD800;&#x110000;", id="no characters"),
        pytest.param("&quot;a&apos;&nbsp;", "\"a'", id="I-78 the list"),
    ],
)
def test_normalise(token, plain):
    assert mentions.normalise(token) == plain
