"""A company goes out as files and comes back the same, and nothing of it starts by itself."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartbeat.models import Run, WakeupRequest
from issues.models import Issue
from paperclip.companies import agents, instructions, skills
from paperclip.companies.actors import for_user
from paperclip.companies.models import Agent
from paperclip.core import clock
from routines.models import Routine
from tests import factories
from tests.portability import companies

pytestmark = pytest.mark.django_db


def test_company_comes_back_equal():
    place, owner = companies.full()
    before = companies.told(place)
    result = companies.brought(companies.taken(place).files, owner)
    after = companies.told(result.company)
    # What looks like a secret stays at home, also in a description.
    changed = [list(row) for row in before["issues"]]
    changed[0][1] = changed[0][1].replace(companies.SECRET, "***REDACTED***")
    assert after == before | {"issues": [tuple(row) for row in changed]}
    boss = Agent.objects.get(company=result.company, role="ceo")
    assert instructions.read(boss, "AGENTS.md").content == "# You are the boss\n"
    assert instructions.read(boss, "notes/TONE.md").content == "Be kind.\n"
    assert skills.wanted(boss.adapter_config) == ["paperclip/paperclip"]
    assert result.company.name == "Copy"


def test_same_company_gives_the_same_bytes_and_so_does_its_copy():
    place, owner = companies.full()
    files = companies.taken(place).files
    assert companies.taken(place).files == files
    copy = companies.brought(files, owner).company
    again = dict(companies.taken(copy).files)
    for path in ("COMPANY.md", "README.md"):
        again[path] = again[path].replace("Copy", "Acme Rockets")
    # What a run asks for has to be given anew: the copy has no environment yet.
    bare = {path: text for path, text in files.items() if path not in (".paperclip.yaml", "README.md")}
    assert {path: again[path] for path in bare} == bare


def test_nothing_that_is_imported_starts_by_itself():
    place, owner = companies.full()
    runs, wakeups = Run.objects.count(), WakeupRequest.objects.count()
    copy = companies.brought(companies.taken(place).files, owner).company
    assert set(Agent.objects.filter(company=copy).values_list("status", flat=True)) == {"paused"}
    assert set(Routine.objects.filter(company=copy).values_list("status", flat=True)) == {"paused"}
    assert (Run.objects.count(), WakeupRequest.objects.count()) == (runs, wakeups)


def test_work_under_way_waits_to_be_begun_anew():
    place, owner = companies.full()
    coder = Agent.objects.get(company=place, role="engineer")
    Issue.objects.filter(company=place, title="Pour concrete").update(
        status="in_progress", assignee_agent=coder
    )
    copy = companies.brought(companies.taken(place).files, owner).company
    assert set(
        Issue.objects.filter(company=copy, title="Pour concrete").values_list("status", flat=True)
    ) == {"todo"}


def test_work_for_an_agent_that_is_awake_goes_to_the_backlog():
    place, owner = companies.full()
    files = companies.taken(place).files
    target = factories.company(name="Target")
    factories.member(target, owner)
    awake = factories.agent(target, name="Zoë 日本")
    companies.brought(files, owner, target, collision="skip")
    poured = Issue.objects.filter(company=target, title="Pour concrete").order_by("issue_number").first()
    assert (poured.assignee_agent_id, poured.status) == (awake.pk, "backlog")
    assert not WakeupRequest.objects.filter(company=target).exists()


def test_terminated_and_waiting_agents_stay_behind():
    place, owner = companies.full()
    actor, now = for_user(owner), clock.now()
    agents.create(company=place, fields={"name": "Not yet"}, actor=actor, now=now, pending=True)
    agents.terminate(agent=Agent.objects.get(company=place, name="日本"), actor=actor, now=now)
    export = companies.taken(place)
    assert [part.name for part in export.package.agents] == ["Ada Boss", "Zoë 日本"]
    assert any("Not yet" in warning for warning in export.warnings)


NAMES = st.text(
    alphabet=st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), min_size=1, max_size=40
).filter(lambda name: name.strip())
TREES = st.lists(st.tuples(NAMES, st.integers(0, 30)), min_size=1, max_size=7)
WORK = st.lists(
    st.tuples(NAMES, st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), max_size=80),
              st.integers(0, 30), st.integers(0, 30)),
    max_size=7,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES, work=WORK)
def test_any_tree_of_any_names_comes_back(tree, work):
    """Names in any script, reporting lines and chains of blockers of any shape."""
    place = factories.company()
    owner = factories.user(member_of=place, is_superuser=True)
    actor, now = for_user(owner), clock.now()
    made: list[Agent] = []
    for name, manager in tree:
        boss = made[manager % len(made)].pk if made else None
        fields = {"name": name, "reports_to": boss}
        made.append(agents.create(company=place, fields=fields, actor=actor, now=now))
        now = clock.now()
    rows: list[Issue] = []
    for title, description, blocker, assignee in work:
        fields = {"title": title, "description": description or None, "status": "backlog"}
        fields["assignee_agent_id"] = made[assignee % len(made)].pk
        if rows:
            fields["blocked_by_issue_ids"] = [rows[blocker % len(rows)].pk]
        rows.append(companies.lifecycle.create(company_id=place.pk, fields=fields, actor=actor, now=now))
    before = companies.told(place)
    export = companies.taken(place)
    after = companies.told(companies.brought(export.files, owner).company)
    if not any("secret" in warning for warning in export.warnings):
        assert after == before
