"""Companies, the people and agents in them, and what they work towards.

Import from here; the modules behind are split by subject only for reading.
"""

from paperclip.companies.models.activity import Activity
from paperclip.companies.models.agent import Agent, AgentApiKey, AgentConfigRevision
from paperclip.companies.models.asset import Asset, CompanyLogo
from paperclip.companies.models.company import Company
from paperclip.companies.models.joining import CliChallenge, Invite, JoinRequest
from paperclip.companies.models.live import LiveEvent, LiveListener
from paperclip.companies.models.people import BoardApiToken, Grant, Member, SignInLink, User
from paperclip.companies.models.preferences import InboxDismissal, InstanceSettings, SidebarPreference
from paperclip.companies.models.reply import Reply
from paperclip.companies.models.secret import (
    Secret,
    SecretAccess,
    SecretBinding,
    SecretMasterKey,
    SecretProviderConfig,
    SecretVersion,
)
from paperclip.companies.models.work import Goal, Project, ProjectGoal

__all__ = [
    "Activity",
    "Agent",
    "AgentApiKey",
    "AgentConfigRevision",
    "Asset",
    "BoardApiToken",
    "CliChallenge",
    "Company",
    "CompanyLogo",
    "Goal",
    "Grant",
    "InboxDismissal",
    "InstanceSettings",
    "Invite",
    "JoinRequest",
    "LiveEvent",
    "LiveListener",
    "Member",
    "Project",
    "ProjectGoal",
    "Reply",
    "Secret",
    "SecretAccess",
    "SecretBinding",
    "SecretMasterKey",
    "SecretProviderConfig",
    "SecretVersion",
    "SidebarPreference",
    "SignInLink",
    "User",
]
