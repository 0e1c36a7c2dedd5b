"""What others ask about how far an issue is through its policy. Reads only."""

from __future__ import annotations

from issues.choices import FlowStatus
from issues.models import Issue
from issues.policy import parsing
from issues.policy.shapes import Policy, Principal, State


def policy_of(issue: Issue) -> Policy | None:
    """Return the issue's policy."""
    return parsing.policy(issue.execution_policy)


def state_of(issue: Issue) -> State | None:
    """Return how far the issue is, None when it has no stages and never had a monitor."""
    return parsing.state(issue.execution_state)


def is_in_stages(issue: Issue) -> bool:
    """Whether the stages of the policy have a say in what happens next: somebody is asked, or asked for changes."""
    state = parsing.state(issue.execution_state)
    return state is not None and state.status in (FlowStatus.PENDING, FlowStatus.CHANGES_REQUESTED)


def asked(issue: Issue) -> Principal | None:
    """Return who is asked to judge the work now, None when nobody is."""
    state = parsing.state(issue.execution_state)
    return state.participant if state is not None and state.is_pending else None
