"""C-56, C-64: changing an agent, and going back."""

from __future__ import annotations

import pytest

from paperclip.companies import signals
from paperclip.companies.models import Activity, Agent, AgentConfigRevision
from tests import factories

COMMAND = {"command": "python", "args": ["a.py"], "cwd": "/w", "env": {"A": {"type": "plain", "value": "1"}}}


def path(agent, tail="") -> str:
    return f"/api/agents/{agent.id}{tail}"


@pytest.fixture
def engineer(cast):
    Agent.objects.filter(pk=cast.engineer.pk).update(adapter_config=COMMAND)
    return Agent.objects.get(pk=cast.engineer.pk)


def test_config_merges_at_the_top(cast, engineer):
    """C-56"""
    answer = cast.as_owner.patch(path(engineer), {"adapterConfig": {"args": [], "model": "m"}})
    assert answer.json()["adapterConfig"] == COMMAND | {"args": [], "model": "m"}
    entry = Activity.objects.get(action="agent.updated")
    assert entry.details == {
        "changedTopLevelKeys": ["adapterConfig"],
        "changedAdapterConfigKeys": ["args", "model"],
    }


def test_config_is_replaced_on_demand(cast, engineer):
    """C-56, K-38"""
    body = {"adapterConfig": {"model": "m"}, "replaceAdapterConfig": True}
    assert cast.as_owner.patch(path(engineer), body).json()["adapterConfig"] == {"model": "m"}


def test_new_type_starts_anew_but_keeps_what_belongs_to_the_agent(cast, engineer):
    """B-60"""
    Agent.objects.filter(pk=engineer.pk).update(
        adapter_config=COMMAND | {"instructionsFilePath": "/i", "timeoutSec": 5}
    )
    body = {"adapterType": "codex_local", "adapterConfig": {"model": "m"}}
    found = cast.as_owner.patch(path(engineer), body).json()
    assert found["adapterType"] == "codex_local"
    assert found["adapterConfig"] == {
        "env": COMMAND["env"],
        "cwd": "/w",
        "instructionsFilePath": "/i",
        "timeoutSec": 5,
        "model": "m",
    }


def test_runtime_config_is_replaced_without_defaults(cast, engineer):
    found = cast.as_owner.patch(path(engineer), {"runtimeConfig": {"heartbeat": {"intervalSec": 5}}}).json()
    assert found["runtimeConfig"] == {"heartbeat": {"intervalSec": 5}}
    assert "changedRuntimeConfigKeys" in Activity.objects.get(action="agent.updated").details


def test_spent_figure_is_computed_whatever_is_sent(cast, engineer):
    answer = cast.as_owner.patch(path(engineer), {"spentMonthlyCents": 500})
    assert (answer.status_code, answer.json()["spentMonthlyCents"]) == (200, 0)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        pytest.param({"permissions": {"canCreateAgents": True}}, 400, "Validation error", id="B-49"),
        pytest.param(
            {"name": "PEER"}, 409, "Agent shortname 'peer' is already in use in this company", id="B-56"
        ),
        pytest.param({"reportsTo": "SELF"}, 422, "Agent cannot report to itself", id="C-56 itself"),
        pytest.param({"reportsTo": "REPORT"}, 422, "Reporting relationship would create cycle", id="B-58"),
        pytest.param({"reportsTo": "FOREIGN"}, 422, "Manager must belong to same company", id="B-59"),
        pytest.param({"adapterType": "x"}, 422, "Unknown adapter type: x", id="B-45"),
        pytest.param(
            {"status": "running"},
            422,
            "An agent becomes running by itself; the status cannot be set",
            id="C-62",
        ),
    ],
)
def test_refused(cast, body, status, error):
    ids = {"SELF": cast.manager.id, "REPORT": cast.engineer.id, "FOREIGN": cast.foreign_agent.id}
    body = {
        key: str(ids.get(value, value)) if isinstance(value, str) else value for key, value in body.items()
    }
    before = Agent.objects.filter(pk=cast.manager.pk).values().get()
    answer = cast.as_owner.patch(path(cast.manager), body | {"title": "changed"})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert Agent.objects.filter(pk=cast.manager.pk).values().get() == before
    assert not Activity.objects.exists()


def test_name_of_the_same_shortname_is_free_to_change(cast):
    """B-57"""
    assert cast.as_owner.patch(path(cast.peer), {"name": "PEER!"}).json()["name"] == "PEER!"


def test_manager_is_removed_with_null(cast):
    assert cast.as_owner.patch(path(cast.peer), {"reportsTo": None}).json()["reportsTo"] is None


class TestStatus:
    """C-56, C-62"""

    @pytest.fixture
    def stopped(self):
        seen: list[str] = []

        def keep(reason, **_):
            seen.append(reason)

        signals.agent_stopped.connect(keep)
        yield seen
        signals.agent_stopped.disconnect(keep)

    def test_paused_is_a_pause(self, cast, stopped):
        found = cast.as_owner.patch(path(cast.peer), {"status": "paused"}).json()
        assert (found["status"], found["pauseReason"]) == ("paused", "manual")
        assert stopped == ["Cancelled due to agent pause"]
        assert Activity.objects.filter(action="agent.paused").exists()

    def test_terminated_is_a_termination(self, cast, stopped):
        factories.agent_key(cast.peer)
        assert cast.as_owner.patch(path(cast.peer), {"status": "terminated"}).json()["status"] == "terminated"
        assert cast.peer.api_keys.filter(revoked_at__isnull=True).count() == 0
        assert stopped == ["Cancelled due to agent termination"]

    def test_idle_ends_a_pause(self, cast):
        cast.as_owner.post(path(cast.peer, "/pause"))
        found = cast.as_owner.patch(path(cast.peer), {"status": "idle"}).json()
        assert (found["status"], found["pauseReason"], found["pausedAt"]) == ("idle", None, None)

    def test_pending_cannot_be_activated(self, cast):
        """B-52"""
        agent = factories.agent(cast.company, status="pending_approval")
        answer = cast.as_owner.patch(path(agent), {"status": "idle"})
        assert (answer.status_code, answer.json()["error"]) == (
            409,
            "Pending approval agents cannot be activated directly",
        )

    def test_terminated_cannot_be_resumed(self, cast):
        agent = factories.agent(cast.company, status="terminated")
        answer = cast.as_owner.patch(path(agent), {"status": "active", "title": "x"})
        assert (answer.status_code, answer.json()["error"]) == (409, "Terminated agents cannot be resumed")
        assert Agent.objects.get(pk=agent.pk).title is None

    def test_the_same_status_is_no_move(self, cast):
        agent = factories.agent(cast.company, status="running")
        assert cast.as_owner.patch(path(agent), {"status": "running"}).status_code == 200


class TestByAgents:
    """CW-10, B-34 to B-36, B-60a, B-86"""

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param({"role": "cto"}, id="CW-10 role"),
            pytest.param({"role": "ceo"}, id="CW-10 ceo"),
            pytest.param({"status": "paused"}, id="CW-10 status"),
            pytest.param({"budgetMonthlyCents": 5}, id="B-86 budget"),
            pytest.param({"reportsTo": None}, id="CW-10 reportsTo"),
            pytest.param({"adapterType": "http"}, id="CW-10 adapter"),
            pytest.param({"adapterConfig": {"command": "sh"}}, id="CW-10 command"),
            pytest.param({"adapterConfig": {"args": ["-c", "x"]}}, id="CW-10 args"),
            pytest.param({"adapterConfig": {"cwd": "/"}}, id="CW-10 cwd"),
            pytest.param({"adapterConfig": {"env": {"PATH": "/evil"}}}, id="CW-10 env"),
            pytest.param({"adapterConfig": {"url": "http://x"}}, id="CW-10 url"),
            pytest.param(
                {"adapterConfig": {}, "replaceAdapterConfig": True}, id="CW-10 dropping env by replacing"
            ),
            pytest.param({"adapterConfig": {"instructionsRootPath": "/"}}, id="B-36"),
            pytest.param({"adapterConfig": {"workspaceStrategy": {"teardownCommand": "x"}}}, id="B-34 own"),
            pytest.param(
                {"runtimeConfig": {"modelProfiles": {"cheap": {"adapterConfig": {"command": "sh"}}}}},
                id="B-60a command",
            ),
        ],
    )
    def test_agent_may_not_change_itself_so(self, cast, engineer, body):
        before = Agent.objects.filter(pk=engineer.pk).values().get()
        answer = cast.as_agent(engineer).patch(path(engineer), body)
        assert answer.status_code == 403, answer.content
        assert Agent.objects.filter(pk=engineer.pk).values().get() == before
        assert not Activity.objects.exists()

    def test_agent_may_change_what_is_its_own(self, cast, engineer):
        body = {
            "title": "Better",
            "capabilities": "more",
            "metadata": {"a": 1},
            "name": "Engineer!",
            "adapterConfig": COMMAND | {"model": "m"},
            "role": engineer.role,
            "status": "idle",
        }
        answer = cast.as_agent(engineer).patch(path(engineer), body)
        assert (answer.status_code, answer.json()["title"]) == (200, "Better")
        assert answer.json()["adapterConfig"] == COMMAND | {"model": "m"}

    def test_workspace_commands_are_closed_to_agents_everywhere(self, cast):
        """B-34, B-60a: the path is named; the board may."""
        body = {"adapterConfig": {"workspaceStrategy": {"provisionCommand": "x"}}}
        answer = cast.as_agent(cast.ceo).patch(path(cast.peer), body)
        assert (answer.status_code, answer.json()["error"]) == (
            403,
            "Agent keys cannot modify host-executed workspace commands"
            " (adapterConfig.workspaceStrategy.provisionCommand).",
        )
        profile = {"runtimeConfig": {"modelProfiles": {"cheap": body}}}
        answer = cast.as_agent(cast.peer).patch(path(cast.peer), profile)
        assert "runtimeConfig.modelProfiles.cheap.adapterConfig.workspaceStrategy" in answer.json()["error"]
        assert cast.as_owner.patch(path(cast.peer), profile).status_code == 200

    def test_instruction_keys_are_closed_to_agents(self, cast):
        """B-36"""
        body = {"adapterConfig": {"instructionsRootPath": "/x"}}
        answer = cast.as_agent(cast.peer).patch(path(cast.peer), body)
        assert (answer.status_code, answer.json()["error"]) == (
            403,
            "Agent-authenticated callers cannot modify instructions path or bundle configuration"
            " (adapterConfig.instructionsRootPath)",
        )
        assert cast.as_owner.patch(path(cast.peer), body).status_code == 200

    def test_ceo_moves_and_equips_others(self, cast):
        body = {"role": "qa", "reportsTo": str(cast.ceo.id), "adapterConfig": {"command": "sh"}}
        found = cast.as_agent(cast.ceo).patch(path(cast.peer), body).json()
        assert (found["role"], found["reportsTo"]) == ("qa", str(cast.ceo.id))

    @pytest.mark.parametrize("body", [{"role": "ceo"}, {"status": "paused"}, {"budgetMonthlyCents": 5}])
    def test_ceo_does_not_do_the_boards_part(self, cast, body):
        assert cast.as_agent(cast.ceo).patch(path(cast.peer), body).status_code == 403

    def test_agent_cannot_roll_back_to_another_command(self, cast, engineer):
        cast.as_owner.patch(path(engineer), {"adapterConfig": {"command": "sh"}})
        cast.as_owner.patch(path(engineer), {"adapterConfig": {"command": "python"}})
        to_shell = AgentConfigRevision.objects.get(after_config__adapterConfig__command="sh")
        answer = cast.as_agent(engineer).post(path(engineer, f"/config-revisions/{to_shell.id}/rollback"))
        assert answer.status_code == 403


class TestRevisions:
    """C-64"""

    def test_only_tracked_changes_are_kept(self, cast):
        cast.as_owner.patch(path(cast.peer), {"icon": "bug"})
        cast.as_owner.patch(path(cast.peer), {"title": "A"})
        cast.as_owner.patch(path(cast.peer), {"title": "A"})
        (kept,) = cast.as_owner.get(path(cast.peer, "/config-revisions")).json()
        assert (kept["changedKeys"], kept["source"], kept["createdByUserId"]) == (
            ["title"],
            "patch",
            str(cast.owner.id),
        )
        assert (kept["beforeConfig"]["title"], kept["afterConfig"]["title"]) == (None, "A")
        assert set(kept["afterConfig"]) == {
            "name",
            "role",
            "title",
            "reportsTo",
            "capabilities",
            "adapterType",
            "adapterConfig",
            "runtimeConfig",
            "defaultEnvironmentId",
            "budgetMonthlyCents",
            "metadata",
        }
        one = cast.as_owner.get(path(cast.peer, f"/config-revisions/{kept['id']}"))
        assert one.json() == kept

    def test_newest_first(self, cast):
        for title in "ABC":
            cast.as_owner.patch(path(cast.peer), {"title": title})
        rows = cast.as_owner.get(path(cast.peer, "/config-revisions")).json()
        assert [row["afterConfig"]["title"] for row in rows] == ["C", "B", "A"]

    def test_secrets_are_never_stored_and_cannot_be_rolled_back(self, cast):
        """B-61; a secret that changes is a change, though both snapshots look alike."""
        cast.as_owner.patch(path(cast.peer), {"adapterConfig": {"env": {"API_KEY": "first-secret"}}})
        cast.as_owner.patch(path(cast.peer), {"adapterConfig": {"env": {"API_KEY": "second-secret"}}})
        revisions = list(AgentConfigRevision.objects.order_by("created_at"))
        assert len(revisions) == 2
        assert "secret" not in str([row.after_config for row in revisions])
        answer = cast.as_owner.post(path(cast.peer, f"/config-revisions/{revisions[0].id}/rollback"))
        assert answer.status_code == 422
        assert answer.json()["error"] == "Cannot roll back a revision that contains redacted secret values"
        assert Agent.objects.get(pk=cast.peer.pk).adapter_config["env"]["API_KEY"]["value"] == "second-secret"

    def test_roll_back(self, cast):
        cast.as_owner.patch(path(cast.peer), {"title": "Old", "adapterConfig": {"model": "a", "x": 1}})
        old = cast.as_owner.get(path(cast.peer, "/config-revisions")).json()[0]
        body = {
            "title": "New",
            "reportsTo": None,
            "adapterConfig": {"model": "b", "y": 1},
            "budgetMonthlyCents": 9,
        }
        cast.as_owner.patch(path(cast.peer), body)
        found = cast.as_owner.post(path(cast.peer, f"/config-revisions/{old['id']}/rollback")).json()
        assert (found["title"], found["reportsTo"], found["budgetMonthlyCents"]) == (
            "Old",
            str(cast.manager.id),
            0,
        )
        assert found["adapterConfig"] == {"model": "a", "x": 1}
        newest = cast.as_owner.get(path(cast.peer, "/config-revisions")).json()[0]
        assert (newest["source"], newest["rolledBackFromRevisionId"]) == ("rollback", old["id"])
        assert newest["changedKeys"] == ["title", "reportsTo", "adapterConfig", "budgetMonthlyCents"]
        entry = Activity.objects.get(action="agent.config_rolled_back")
        assert entry.details == {"revisionId": old["id"]}

    def test_roll_back_holds_to_the_rules_of_today(self, cast):
        """What was a tree then may be a circle now."""
        cast.as_owner.patch(path(cast.manager), {"reportsTo": str(cast.peer.id)})
        cast.as_owner.patch(path(cast.peer), {"reportsTo": None})
        cast.as_owner.patch(path(cast.peer), {"reportsTo": str(cast.ceo.id)})
        under_manager = cast.as_owner.get(path(cast.peer, "/config-revisions")).json()[-1]
        bring_back = AgentConfigRevision.objects.create(
            company=cast.company,
            agent=cast.peer,
            changed_keys=["reportsTo"],
            before_config={},
            after_config=under_manager["beforeConfig"],
        )
        cast.as_owner.patch(path(cast.manager), {"reportsTo": str(cast.peer.id)})
        answer = cast.as_owner.post(path(cast.peer, f"/config-revisions/{bring_back.id}/rollback"))
        assert (answer.status_code, answer.json()["error"]) == (
            422,
            "Reporting relationship would create cycle",
        )

    @pytest.mark.parametrize("snapshot", [{}, {"name": ""}, {"name": 1, "role": "x"}])
    def test_broken_snapshot_is_refused(self, cast, snapshot):
        revision = AgentConfigRevision.objects.create(
            company=cast.company, agent=cast.peer, changed_keys=[], before_config={}, after_config=snapshot
        )
        answer = cast.as_owner.post(path(cast.peer, f"/config-revisions/{revision.id}/rollback"))
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("Invalid revision snapshot")

    def test_revision_of_another_agent_is_unknown(self, cast):
        cast.as_owner.patch(path(cast.peer), {"title": "A"})
        revision = AgentConfigRevision.objects.get()
        answer = cast.as_owner.post(path(cast.engineer, f"/config-revisions/{revision.id}/rollback"))
        assert (answer.status_code, answer.json()["error"]) == (404, "Revision not found")


class TestConfiguration:
    """C-48, C-63, CW-23"""

    def test_secrets_are_taken_out(self, cast):
        config = {
            "apiKey": "sk-1",
            "version": "1.2.3",
            "host": "a.b.example.com",
            "args": ["--token", "t-secret", "--n", "1"],
            "env": {
                "DB_PASSWORD": {"type": "plain", "value": "hunter2"},
                "MODE": {"type": "plain", "value": "x"},
            },
            "command": "run --api-key=abc123 now",
        }
        Agent.objects.filter(pk=cast.peer.pk).update(adapter_config=config)
        found = cast.as_owner.get(path(cast.peer, "/configuration")).json()
        assert set(found) == {
            "id",
            "companyId",
            "name",
            "role",
            "title",
            "status",
            "reportsTo",
            "adapterType",
            "adapterConfig",
            "runtimeConfig",
            "permissions",
            "updatedAt",
        }
        assert found["adapterConfig"] == {
            "apiKey": "***REDACTED***",
            "version": "1.2.3",
            "host": "a.b.example.com",
            "args": ["--token", "***REDACTED***", "--n", "1"],
            "env": {
                "DB_PASSWORD": {"type": "plain", "value": "***REDACTED***"},
                "MODE": {"type": "plain", "value": "x"},
            },
            "command": "run --api-key=***REDACTED*** now",
        }
        listed = cast.as_owner.get(f"/api/companies/{cast.company.id}/agent-configurations").json()
        assert next(one for one in listed if one["id"] == str(cast.peer.id)) == found
