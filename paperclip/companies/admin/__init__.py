"""The pages of companies, agents, projects, goals and activity."""

from paperclip.companies.admin import agents, companies, record, work

__all__ = ["agents", "companies", "record", "work"]
