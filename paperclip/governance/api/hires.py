"""Hiring agents (C-55)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import rights
from paperclip.companies.agent_input import HireInput
from paperclip.companies.api import repeating
from paperclip.companies.api.agents import AgentOut
from paperclip.companies.api.agents import render as render_agent
from paperclip.companies.api.base import CompanyView
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation
from paperclip.governance import hires
from paperclip.governance.api.approvals import ApprovalOut
from paperclip.governance.api.approvals import render as render_approval


class HireOut(Output):
    """The agent, and the approval it waits for."""

    agent = AgentOut()
    approval = ApprovalOut(allow_null=True)


class Hire(CompanyView):
    """Taking on an agent, with the board's leave where it wants to be asked."""

    @operation("Hire an agent [C-55]", reads=HireInput, answers=HireOut, status=201)
    @repeating.once
    def post(self, request: Request, company_id: str) -> Response:
        rights.require_agent_creator(self.actor, self.company.id)
        fields = HireInput.read(request.data)
        first, others = fields.pop("source_issue_id", None), fields.pop("source_issue_ids", [])
        issue_ids = list(dict.fromkeys([*([first] if first else []), *others]))
        agent, approval = hires.ask(
            company=self.company, fields=fields, issue_ids=issue_ids, actor=self.actor, now=self.now
        )
        answer = {
            "agent": render_agent(agent, self),
            "approval": render_approval(approval) if approval else None,
        }
        return Response(answer, status=201)
