"""Exports and imports over the interface: who may, what they answer, what they refuse (C-106, C-107)."""

from __future__ import annotations

import base64
import io
import ipaddress
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from issues.models import Issue
from paperclip.companies.models import Activity, Agent, Company, Member
from paperclip.core.errors import Unprocessable
from paperclip.portability import sources
from tests import factories, listeners

pytestmark = pytest.mark.django_db

PACKAGE = {
    "COMPANY.md": "---\nname: Small\n---\n\nA small company.\n",
    "agents/boss/AGENTS.md": "---\nname: The Boss\n---\n\nLead.\n",
    "agents/dev/AGENTS.md": "---\nname: Dev\nreportsTo: boss\n---\n\nWork.\n",
    "projects/site/PROJECT.md": "---\nname: Site\nlead: dev\n---\n\nA site.\n",
    "tasks/build/TASK.md": "---\nname: Build it\nproject: site\nassignee: dev\n---\n\nSoon.\n",
    "tasks/ship/TASK.md": "---\nname: Ship it\nblockedBy: [build]\n---\n",
    ".paperclip.yaml": (
        "agents:\n"
        "  boss: {role: ceo, adapter: {type: claude_local, config: {model: opus}},"
        " inputs: {env: {KEY: {kind: secret}}}}\n"
        "  dev: {adapter: {type: codex_local}}\n"
    ),
}
ALL = {"company": True, "agents": True, "projects": True, "issues": True, "skills": True}


def body(files=None, *, into=None, **more):
    target = (
        {"mode": "existing_company", "companyId": str(into.pk)}
        if into is not None
        else {"mode": "new_company", "newCompanyName": "Copy"}
    )
    source = {"type": "inline", "rootPath": "small", "files": PACKAGE if files is None else files}
    return {"source": source, "target": target, "include": ALL} | more


def doors(company):
    return {
        "export": f"/api/companies/{company.pk}/export",
        "exports": f"/api/companies/{company.pk}/exports",
        "export preview": f"/api/companies/{company.pk}/exports/preview",
        "safe preview": f"/api/companies/{company.pk}/imports/preview",
        "safe apply": f"/api/companies/{company.pk}/imports/apply",
        "preview": "/api/companies/import/preview",
        "import": "/api/companies/import",
    }


SAFE = ("export", "exports", "export preview", "safe preview", "safe apply")
BOARD = ("preview", "import")
WHO = {
    "as_owner": 200, "as_operator": 200, "as_viewer": 403, "as_outsider": 403, "as_nobody": 401,
    "as_foreign_agent": 403, "ceo": 200, "manager": 403, "engineer": 403,
}  # fmt: skip


def caller(cast, who):
    return getattr(cast, who) if who.startswith("as_") else cast.as_agent(getattr(cast, who))


@pytest.mark.parametrize("door", SAFE)
@pytest.mark.parametrize("who", [pytest.param(who, id=f"C-28 {who}") for who in WHO])
def test_only_members_who_may_write_and_the_ceo_come_through(cast, who, door):
    sent = body(into=cast.company) | ({"agents": ["dev"]} if "safe" in door else {"agents": []})
    answer = caller(cast, who).post(doors(cast.company)[door], sent)
    assert answer.status_code == WHO[who], answer.content


def test_ceo_appoints_no_other_ceo(cast):
    for door in ("safe preview", "safe apply"):
        answer = cast.as_agent(cast.ceo).post(doors(cast.company)[door], body(into=cast.company))
        assert (answer.status_code, answer.json()["error"]) == (403, "Only the board can appoint a CEO")


@pytest.mark.parametrize("door", BOARD)
@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("as_owner", 200, id="C-107 person who may hire"),
        pytest.param("as_operator", 403, id="C-107 C-26 person who may not hire"),
        pytest.param("as_viewer", 403, id="C-107 viewer"),
        pytest.param("as_outsider", 403, id="C-107 outsider"),
        pytest.param("as_nobody", 403, id="C-25 nobody"),
        pytest.param("ceo", 403, id="C-25 ceo"),
    ],
)
def test_only_people_import_into_a_company_at_will(cast, who, status, door):
    answer = caller(cast, who).post(doors(cast.company)[door], body(into=cast.company))
    assert answer.status_code == status, answer.content


@pytest.mark.parametrize("door", ["preview", "import", "safe preview", "safe apply"])
def test_only_an_instance_admin_founds_a_company(cast, door):
    path = doors(cast.company)[door]
    assert cast.as_operator.post(path, body()).status_code == 403
    assert cast.as_owner.post(path, body()).status_code == 200


@pytest.mark.parametrize(
    ("door", "text"),
    [
        pytest.param("export", "Only CEO agents can manage company exports", id="B-103 export"),
        pytest.param("safe apply", "Only CEO agents can manage company imports", id="B-103 import"),
    ],
)
def test_agents_but_the_ceo_are_told_why(cast, door, text):
    answer = cast.as_agent(cast.engineer).post(doors(cast.company)[door], body(into=cast.company))
    assert (answer.status_code, answer.json()["error"]) == (403, text)


@pytest.mark.parametrize("door", ["safe preview", "safe apply"])
def test_safe_way_neither_replaces_nor_leads_elsewhere(cast, door):
    """B-104"""
    ceo, path = cast.as_agent(cast.ceo), doors(cast.company)[door]
    replacing = ceo.post(path, body(into=cast.company, collisionStrategy="replace"))
    assert replacing.json() == {"error": "Safe import route does not allow replace collision strategy"}
    leading = ceo.post(path, body(into=cast.elsewhere))
    assert leading.json() == {"error": "Safe import route can only target the route company"}
    assert (replacing.status_code, leading.status_code) == (403, 403)


@pytest.mark.parametrize("kind", ["process", "http"])
def test_safe_way_takes_no_programs_of_the_host(cast, kind):
    files = PACKAGE | {".paperclip.yaml": f"agents: {{dev: {{adapter: {{type: {kind}}}}}}}"}
    path, sent = doors(cast.company)["safe apply"], body(files, into=cast.company, agents=["dev"])
    answer = cast.as_owner.post(path, sent)
    assert (answer.status_code, f"{kind} adapters" in answer.json()["error"]) == (403, True)
    override = {"dev": {"adapterType": "claude_local"}}
    assert cast.as_owner.post(path, sent | {"adapterOverrides": override}).status_code == 200
    assert Agent.objects.get(company=cast.company, name="Dev").adapter_type == "claude_local"


def test_safe_preview_tells_which_agents_need_another_program(cast):
    """K-16: whoever looks learns what to override, and then brings it in."""
    files = PACKAGE | {
        ".paperclip.yaml": "agents: {dev: {adapter: {type: process, config: {command: make}}}}"
    }
    door, sent = doors(cast.company), body(files, into=cast.company, agents=["dev"])
    for caller in (cast.as_owner, cast.as_agent(cast.ceo)):
        told = caller.post(door["safe preview"], sent)
        assert (told.status_code, told.json()["errors"]) == (200, [])
        assert told.json()["warnings"] == [
            "agents/dev: Safe import route does not allow process adapters; give it another by adapterOverrides"
        ]
    override = {"dev": {"adapterType": "claude_local"}}
    told = cast.as_owner.post(door["safe preview"], sent | {"adapterOverrides": override}).json()
    assert told["warnings"] == []
    assert cast.as_owner.post(door["safe apply"], sent | {"adapterOverrides": override}).status_code == 200
    agent = Agent.objects.get(company=cast.company, name="Dev")
    assert (agent.adapter_type, agent.adapter_config.get("command")) == ("claude_local", None)


def test_who_may_not_hire_brings_no_command_either(cast):
    files = PACKAGE | {
        ".paperclip.yaml": "agents: {boss: {adapter: {type: claude_local, config: {command: /bin/sh}}},"
        " dev: {adapter: {type: codex_local}}}"
    }
    path, sent = doors(cast.company)["safe apply"], body(files, into=cast.company)
    assert cast.as_operator.post(path, sent).status_code == 403
    assert cast.as_owner.post(path, sent).status_code == 200


def test_hiring_that_needs_the_board_is_not_done_by_a_package(cast):
    Company.objects.filter(pk=cast.company.pk).update(require_board_approval_for_new_agents=True)
    path = doors(cast.company)["safe apply"]
    assert cast.as_agent(cast.ceo).post(path, body(into=cast.company, agents=["dev"])).status_code == 409
    assert cast.as_owner.post(path, body(into=cast.company)).status_code == 200


def test_ceo_founds_a_company_for_the_people_there_are(cast):
    path = doors(cast.company)["safe apply"]
    made = cast.as_agent(cast.ceo).post(path, body()).json()
    company = Company.objects.get(pk=made["company"]["id"])
    people = set(
        Member.objects.filter(company=company, principal_type="user").values_list("principal_id", flat=True)
    )
    assert people == {cast.owner.pk, cast.operator.pk, cast.viewer.pk}
    assert cast.as_viewer.get(f"/api/companies/{company.pk}").status_code == 200
    assert not Issue.objects.filter(company=company, created_by_agent=cast.ceo).exists()
    entry = Activity.objects.get(company=cast.company, action="company.imported")
    assert (entry.agent_id, entry.details["importMode"]) == (cast.ceo.pk, "agent_safe")
    Member.objects.filter(company=cast.company, principal_type="user").update(status="suspended")
    assert cast.as_agent(cast.ceo).post(path, body()).status_code == 422


def test_preview_says_what_import_does_and_writes_nothing(cast):
    factories.agent(cast.company, name="dev")
    before = (Agent.objects.count(), Issue.objects.count(), Activity.objects.count())
    told = cast.as_owner.post("/api/companies/import/preview", body(into=cast.company)).json()
    assert (Agent.objects.count(), Issue.objects.count(), Activity.objects.count()) == before
    assert set(told) == {
        "include", "targetCompanyId", "targetCompanyName", "collisionStrategy", "selectedAgentSlugs", "plan",
        "manifest", "files", "envInputs", "warnings", "errors",
    }  # fmt: skip
    assert told["targetCompanyId"] == str(cast.company.pk)
    assert [(step["slug"], step["action"], step["plannedName"]) for step in told["plan"]["agentPlans"]] == [
        ("boss", "create", "The Boss"),
        ("dev", "create", "Dev 2"),
    ]
    assert [(each["key"], each["agentSlug"], each["kind"]) for each in told["envInputs"]] == [
        ("KEY", "boss", "secret")
    ]
    done = cast.as_owner.post("/api/companies/import", body(into=cast.company)).json()
    assert [(each["slug"], each["action"], each["name"]) for each in done["agents"]] == [
        ("boss", "created", "The Boss"),
        ("dev", "created", "Dev 2"),
    ]
    assert done["company"] == {"id": str(cast.company.pk), "name": cast.company.name, "action": "unchanged"}
    assert set(done) == {"company", "agents", "projects", "issues", "envInputs", "warnings"}
    entry = Activity.objects.get(company=cast.company, action="company.imported")
    assert entry.details == {
        "include": sorted(ALL), "agentCount": 2, "warningCount": 0, "companyAction": "unchanged",
    }  # fmt: skip
    shipped = Issue.objects.get(company=cast.company, title="Ship it")
    assert shipped.blocked_by_links.get().issue.title == "Build it"


@pytest.mark.parametrize(
    ("strategy", "action", "agents"),
    [
        pytest.param("rename", "created", 2, id="C-107 rename"),
        pytest.param("skip", "skipped", 1, id="C-107 skip"),
        pytest.param("replace", "updated", 1, id="C-107 replace"),
    ],
)
def test_a_name_that_is_taken_is_dealt_with_as_asked(cast, strategy, action, agents):
    there = factories.agent(
        cast.company, name="Dev", adapter_config={"env": {"KEEP": {"type": "plain", "value": "x"}}}
    )
    sent = body(into=cast.company, agents=["dev"], collisionStrategy=strategy)
    done = cast.as_owner.post("/api/companies/import", sent).json()
    by_slug = {each["slug"]: each for each in done["agents"]}
    assert by_slug["boss"]["action"] == "skipped"
    assert by_slug["dev"]["action"] == action
    assert Agent.objects.filter(company=cast.company, name__startswith="Dev").count() == agents
    there.refresh_from_db()
    assert there.adapter_type == ("codex_local" if strategy == "replace" else "process")
    assert there.adapter_config["env"] == {"KEEP": {"type": "plain", "value": "x"}}
    again = cast.as_owner.post("/api/companies/import", sent | {"collisionStrategy": "skip"}).json()
    assert {each["action"] for each in again["projects"] + again["agents"]} == {"skipped"}


def test_name_and_adapter_overrides(cast):
    sent = body(
        into=cast.company,
        nameOverrides={"dev": "Devon", "site": "Webpage"},
        adapterOverrides={"dev": {"adapterType": "claude_local", "adapterConfig": {"env": {"KEY": "v"}}}},
    )
    assert cast.as_owner.post("/api/companies/import", sent).status_code == 200
    agent = Agent.objects.get(company=cast.company, name="Devon")
    assert (agent.adapter_type, agent.adapter_config["env"]["KEY"]["value"]) == ("claude_local", "v")
    assert cast.company.projects.get().name == "Webpage"


def test_half_an_import_never_stays(cast, settings, tmp_path):
    """A project that cannot be made takes the agents along, and their instructions on disk."""
    files = PACKAGE | {
        ".paperclip.yaml": "projects: {site: {executionWorkspacePolicy: {environmentId: x}}}",
        "agents/boss/extra.md": "more",
    }
    settings.INSTRUCTIONS_ROOT = tmp_path
    answer = cast.as_owner.post("/api/companies/import", body(files))
    assert answer.status_code == 422
    assert not Company.objects.filter(name="Copy").exists()
    assert not Agent.objects.filter(name="The Boss").exists()
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        pytest.param({}, ["source"], id="C-5 nothing"),
        pytest.param({"source": {"type": "inline"}}, ["source", "files"], id="C-5 no files"),
        pytest.param({"source": {"type": "github"}}, ["source", "url"], id="C-5 no address"),
        pytest.param({"target": {"mode": "existing_company"}}, ["target", "companyId"], id="C-5 no company"),
        pytest.param({"collisionStrategy": "merge"}, ["collisionStrategy"], id="C-5 strategy"),
        pytest.param({"agents": 3}, ["agents"], id="C-5 agents"),
        pytest.param({"nameOverrides": {"dev": ""}}, ["nameOverrides", "dev"], id="C-5 name"),
        pytest.param({"adapterOverrides": {"dev": 1}}, ["adapterOverrides", "dev"], id="C-5 adapter"),
    ],
)
def test_body_that_breaks_its_schema_names_the_field(cast, sent, path):
    answer = cast.as_owner.post("/api/companies/import", body() | sent if sent else {})
    assert answer.status_code == 400, answer.content
    assert path in [issue["path"] for issue in answer.json()["details"]]


def test_errors_are_told_by_the_preview_and_forbid_the_import(cast):
    files = PACKAGE | {"agents/dev/AGENTS.md": "---\nname: Dev\nreportsTo: boss\nrole: wizard\n---\n"}
    told = cast.as_owner.post("/api/companies/import/preview", body(files)).json()
    assert any(error.startswith("agents/dev/AGENTS.md: role: is 'wizard'") for error in told["errors"])
    answer = cast.as_owner.post("/api/companies/import", body(files))
    assert (answer.status_code, answer.json()["details"]["errors"]) == (422, told["errors"])


def test_company_that_does_not_exist_answers_as_one_of_others(cast):
    sent = body() | {"target": {"mode": "existing_company", "companyId": factories.NO_SUCH_ID}}
    assert cast.as_owner.post("/api/companies/import", sent).status_code == 403


# --- Exports ---------------------------------------------------------------------------------------------


def test_export_answers_files_and_what_is_in_them(cast):
    """C-106"""
    told = cast.as_owner.post(doors(cast.company)["export"], {"include": ALL}).json()
    assert set(told) == {"rootPath", "manifest", "files", "warnings", "paperclipExtensionPath"}
    assert told["paperclipExtensionPath"] == ".paperclip.yaml"
    assert {"COMPANY.md", "README.md", ".paperclip.yaml", "agents/ceo/AGENTS.md"} <= set(told["files"])
    assert [agent["slug"] for agent in told["manifest"]["agents"]] == ["ceo", "manager", "engineer", "peer"]
    assert Activity.objects.get(action="company.exported").details["fileCount"] == len(told["files"])
    preview = cast.as_owner.post(doors(cast.company)["export preview"], {}).json()
    assert set(preview) == {*told, "fileInventory", "counts"}
    assert preview["counts"]["agents"] == 4
    assert {"path": "agents/ceo/AGENTS.md", "kind": "agent"} in preview["fileInventory"]
    assert Activity.objects.filter(action="company.exported").count() == 1


def test_export_takes_what_is_named(cast):
    kept, other = factories.project(cast.company, name="Kept"), factories.project(cast.company, name="Other")
    named = factories.issue(cast.company, title="Named", project=other)
    factories.issue(cast.company, title="Of the project", project=kept)
    factories.issue(cast.company, title="Neither")
    sent = {
        "agents": ["engineer"],
        "projectIssues": ["kept"],
        "issues": [named.identifier],
        "include": {"company": False},
    }
    told = cast.as_owner.post(doors(cast.company)["export"], sent | {"expandReferencedSkills": True}).json()
    manifest = told["manifest"]
    assert [each["slug"] for each in manifest["agents"]] == ["engineer"]
    assert [each["slug"] for each in manifest["projects"]] == ["kept"]
    assert {each["title"] for each in manifest["issues"]} == {"Named", "Of the project"}
    assert manifest["company"] is None
    assert "agents/engineer: the manager is not in the package" in told["warnings"]


def test_export_of_selected_files_keeps_the_sidecar(cast):
    sent = {"selectedFiles": ["COMPANY.md", "nothing.md"]}
    told = cast.as_owner.post(doors(cast.company)["export"], sent).json()
    assert set(told["files"]) == {"COMPANY.md", ".paperclip.yaml"}
    assert "There is no file 'nothing.md'" in told["warnings"]


def test_skill_texts_come_when_asked_for(cast):
    path = doors(cast.company)["export"]
    short = cast.as_owner.post(path, {"include": ALL}).json()["files"]["skills/paperclip/SKILL.md"]
    whole = cast.as_owner.post(path, {"include": ALL, "expandReferencedSkills": True}).json()["files"]
    assert len(whole["skills/paperclip/SKILL.md"]) > len(short)


def test_logo_goes_along(cast):
    png = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    files = PACKAGE | {
        "images/logo.png": {
            "encoding": "base64",
            "data": base64.b64encode(png).decode(),
            "contentType": "image/png",
        },
        ".paperclip.yaml": "company: {logo: images/logo.png}",
    }
    made = cast.as_owner.post("/api/companies/import", body(files)).json()["company"]["id"]
    told = cast.as_owner.post(f"/api/companies/{made}/export", {}).json()
    assert base64.b64decode(told["files"]["images/company-logo.png"]["data"]) == png


# --- GitHub ----------------------------------------------------------------------------------------------


@pytest.fixture
def github(settings):
    """A server that hands out one archive, as GitHub does."""
    asked: list[str] = []
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in PACKAGE.items():
            archive.writestr(f"name-HEAD/{path}", text)
            archive.writestr(f"name-HEAD/deep/er/{path}", text.replace("Small", "Deep"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = "/owner/name/zip/" in self.path
            self.send_response(200 if found else 404)
            content = packed.getvalue() if found else b""
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    settings.OUTBOUND_ALLOW = [ipaddress.ip_network("127.0.0.0/8")]
    with listeners.serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        settings.GITHUB_ARCHIVE_URL = f"http://127.0.0.1:{port}"
        yield asked


@pytest.mark.parametrize(
    ("url", "asked", "name"),
    [
        pytest.param("https://github.com/owner/name", "/owner/name/zip/HEAD", "Small", id="K-16 repository"),
        pytest.param("https://github.com/owner/name.git", "/owner/name/zip/HEAD", "Small", id="K-16 git"),
        pytest.param(
            "https://github.com/owner/name/tree/v1/deep/er", "/owner/name/zip/v1", "Deep", id="K-16 folder"
        ),
    ],
)
def test_package_is_fetched_from_github(cast, github, url, asked, name):
    sent = body() | {"source": {"type": "github", "url": url}}
    told = cast.as_owner.post("/api/companies/import/preview", sent).json()
    assert told["errors"] == []
    assert told["manifest"]["company"]["name"] == name
    assert github == [asked]


def test_what_cannot_be_fetched_is_said(cast, github, settings):
    sent = body() | {"source": {"type": "github", "url": "https://github.com/owner/missing"}}
    answer = cast.as_owner.post("/api/companies/import/preview", sent)
    assert (answer.status_code, "has no HEAD, or is private" in answer.json()["error"]) == (422, True)
    settings.OUTBOUND_ALLOW = []
    answer = cast.as_owner.post("/api/companies/import/preview", sent)
    assert (answer.status_code, "private network" in answer.json()["error"]) == (422, True)


@pytest.mark.parametrize(
    "url",
    [
        "", "http://github.com/a/b", "https://github.com/a", "https://evil.example/a/b", "https://github.com@evil/a/b",
        "https://github.com/a/../b", "https://github.com/a/b/tree", "https://github.com/a/b/pull/1",
        "https://github.com/a/b?x=1", "https://github.com/%2e%2e/b", "https://[::1/a/b", "https://github.com:444/a/b",
    ],
)  # fmt: skip
def test_only_addresses_of_repositories_are_taken(url):
    with pytest.raises(Unprocessable, match="source.url must be a repository"):
        sources.place_of(url)
