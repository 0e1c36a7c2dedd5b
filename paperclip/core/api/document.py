"""The parts of the OpenAPI document that belong to no single operation: ways to sign in, and subjects."""

from __future__ import annotations

BEARER, SESSION, STREAM_KEY, NOTHING = "bearerToken", "boardSession", "streamKey", ""
SECURITY_SCHEMES = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": "An agent's API key, the token of a run, or a person's board key (C-10).",
    },
    SESSION: {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "A person signed in to the board. What changes something must come from a page of it (C-18).",
    },
    STREAM_KEY: {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "An agent's API key in the address, for clients of the live events that send no headers (K-46).",
    },
}

TAGS = {
    "access": "Members, invitations, requests to join and the administrators of the instance.",
    "activity": "Who did what, and when.",
    "agents": "Agents, their configuration, instructions, skills, keys and place in the organization.",
    "approvals": "Decisions that wait for a person.",
    "board": "What the pages of the board remember for each person, and the figures they show.",
    "companies": "Companies, their looks and their switches.",
    "feedback": "Votes on what agents wrote.",
    "goals": "What a company wants.",
    "health": "Whether the server is well.",
    "issues": "Work: issues, their threads, documents, files, blockers, trees and recovery.",
    "live events": "The stream of what happens in a company.",
    "money": "Costs, budgets and other money.",
    "portability": "Companies as packages: export and import.",
    "projects": "Projects and their workspaces.",
    "routines": "Recurring work and what triggers it.",
    "runs": "Heartbeat runs, their events and logs.",
    "secrets": "Secrets without their values, their vaults and who used them.",
    "sign-in": "Sessions, board keys and the sign-in of the command line.",
    "workspaces": "Execution workspaces, their services and operations.",
}
TAG_OF = {
    word: tag
    for tag, words in {
        "access": "admin instance invites join-requests members user-directory users openclaw",
        "agents": "adapters agent-configurations agent-hires llms org org.png org.svg skills",
        "board": "dashboard inbox-dismissals sidebar-badges sidebar-preferences",
        "companies": "archive assets branding drain logo stats undrain",
        "feedback": "feedback-traces",
        "issues": "attachments labels search work-products",
        "live events": "events",
        "money": "budget-incidents budgets cost-events costs finance-events",
        "portability": "export exports import imports",
        "routines": "routine-triggers",
        "runs": "heartbeat-runs live-runs",
        "secrets": "secret-provider-configs secret-providers",
        "sign-in": "auth board-api-keys board-claim cli-auth",
        "workspaces": "execution-workspaces workspace-operations",
    }.items()
    for word in words.split()
}
