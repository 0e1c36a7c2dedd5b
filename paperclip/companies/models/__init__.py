"""Companies, the people and agents in them, and what they work towards.

Import from here; the modules behind are split by subject only for reading.
"""

from paperclip.companies.models.activity import Activity
from paperclip.companies.models.agent import Agent, AgentApiKey, AgentConfigRevision
from paperclip.companies.models.asset import Asset, CompanyLogo
from paperclip.companies.models.company import Company
from paperclip.companies.models.people import BoardApiToken, Grant, Member, SignInLink, User
from paperclip.companies.models.work import Goal, Project, ProjectGoal

__all__ = [
    "Activity",
    "Agent",
    "AgentApiKey",
    "AgentConfigRevision",
    "Asset",
    "BoardApiToken",
    "Company",
    "CompanyLogo",
    "Goal",
    "Grant",
    "Member",
    "Project",
    "ProjectGoal",
    "SignInLink",
    "User",
]
