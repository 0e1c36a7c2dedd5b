"""Views of one issue, named in the path by id or identifier (I-6)."""

from __future__ import annotations

from uuid import UUID

from issues import queries
from issues.models import Issue
from paperclip.companies.api.base import ActorView
from paperclip.core import naming
from paperclip.core.errors import NotFound


class IssueView(ActorView):
    """A view under `/issues/<reference>`; an issue of another company answers as one that does not exist."""

    def locate(self, reference: str) -> UUID:
        """Return the id of the issue that `reference` names, or raise NotFound; the caller may use this
        method.
        """
        found = queries.locate(reference, self.actor.company_ids)
        if found is None:
            raise NotFound("Issue not found")
        issue_id, company_id = found
        self.admit(company_id)
        return issue_id

    def issue(self, reference: str) -> Issue:
        """Return the row of the issue that `reference` names."""
        row = Issue.objects.filter(pk=self.locate(reference)).first()
        if row is None:
            raise NotFound("Issue not found")
        return row

    def part(self, reference: str, *, what: str) -> UUID:
        """Return the id of a part of the issue that the path names; what cannot be an id names nothing."""
        part_id = naming.as_field_uuid(reference)
        if part_id is None:
            raise NotFound(f"{what} not found")
        return part_id
