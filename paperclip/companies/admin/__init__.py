"""The pages of companies, people, agents, projects, goals and activity."""

from paperclip.companies.admin import (
    agents,
    companies,
    installation,
    joining,
    people,
    record,
    secrets,
    vaults,
    work,
)

__all__ = ["agents", "companies", "installation", "joining", "people", "record", "secrets", "vaults", "work"]
