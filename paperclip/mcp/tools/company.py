"""Who the caller is, and the company around it: agents, projects, goals."""

from __future__ import annotations

from paperclip.mcp.client import Call, path
from paperclip.mcp.config import Config
from paperclip.mcp.tools.base import CompanyId, Reference, Tool


class Me(Tool):
    """Who am I: the calling agent with its role, managers and budget."""

    def call(self, config: Config) -> Call:
        return Call("GET", "/agents/me")


class InboxLite(Tool):
    """The issues assigned to me that are open, in short."""

    def call(self, config: Config) -> Call:
        return Call("GET", "/agents/me/inbox-lite")


class ListAgents(Tool):
    """The agents of the company."""

    company_id: CompanyId = None

    def call(self, config: Config) -> Call:
        return Call("GET", path("/companies/{company}/agents", company=config.company(self.company_id)))


class GetAgent(Tool):
    """One agent, by id or shortname. A shortname may need the company."""

    agent_id: Reference
    company_id: CompanyId = None

    def call(self, config: Config) -> Call:
        return Call("GET", path("/agents/{agent}", {"companyId": self.company_id}, agent=self.agent_id))


class ListProjects(Tool):
    """The projects of the company."""

    company_id: CompanyId = None

    def call(self, config: Config) -> Call:
        return Call("GET", path("/companies/{company}/projects", company=config.company(self.company_id)))


class GetProject(Tool):
    """One project with its goals and workspaces, by id or shortname. A shortname may need the company."""

    project_id: Reference
    company_id: CompanyId = None

    def call(self, config: Config) -> Call:
        query = {"companyId": self.company_id}
        return Call("GET", path("/projects/{project}", query, project=self.project_id))


class ListGoals(Tool):
    """The goals of the company."""

    company_id: CompanyId = None

    def call(self, config: Config) -> Call:
        return Call("GET", path("/companies/{company}/goals", company=config.company(self.company_id)))


class GetGoal(Tool):
    """One goal."""

    goal_id: Reference

    def call(self, config: Config) -> Call:
        return Call("GET", path("/goals/{goal}", goal=self.goal_id))
