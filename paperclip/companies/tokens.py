"""Tokens: what is given out once, and what is kept of it (C-10)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings

from paperclip.companies.models import Agent

AGENT_PREFIX = "pcp_"
BOARD_PREFIX = "pcp_board_"
INVITE_PREFIX = "pcp_invite_"
CLAIM_PREFIX = "pcp_claim_"
CHALLENGE_PREFIX = "pcp_cli_auth_"


def new_agent_token() -> str:
    """Return a fresh agent API key."""
    return AGENT_PREFIX + secrets.token_hex(24)


def new_board_token() -> str:
    """Return a fresh board API token."""
    return BOARD_PREFIX + secrets.token_hex(24)


def new_invite_token() -> str:
    """Return a fresh invite token: 128 random bits in lower-case letters and digits (C-36, CW-32)."""
    return INVITE_PREFIX + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def new_claim_secret() -> str:
    """Return a fresh secret by which an agent claims its key (C-38)."""
    return CLAIM_PREFIX + secrets.token_hex(24)


def new_challenge_token() -> str:
    """Return a fresh secret of a command line that asks to be let in (C-21)."""
    return CHALLENGE_PREFIX + secrets.token_hex(24)


def digest(token: str) -> str:
    """Return what the database keeps of `token`: its sha256, in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def mint_run_token(*, agent: Agent, run_id: UUID, now: datetime) -> str:
    """Return the token that lets `agent` act from `run_id` for as long as that run is live (C-12)."""
    claims = {
        "sub": str(agent.id),
        "company_id": str(agent.company_id),
        "adapter_type": agent.adapter_type,
        "run_id": str(run_id),
        "iat": now,
        "exp": now + timedelta(seconds=settings.AGENT_JWT_TTL_SECONDS),
        "iss": settings.AGENT_JWT_ISSUER,
        "aud": settings.AGENT_JWT_AUDIENCE,
    }
    return jwt.encode(claims, _run_token_key(), algorithm="HS256")


def read_run_token(token: str) -> dict[str, Any] | None:
    """Return the claims of a run token whose signature, expiry, issuer and audience hold, else None."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _run_token_key(),
            algorithms=["HS256"],
            issuer=settings.AGENT_JWT_ISSUER,
            audience=settings.AGENT_JWT_AUDIENCE,
            options={"require": ["sub", "iat", "exp"]},
        )
    except jwt.InvalidTokenError:
        return None
    wanted = ("sub", "company_id", "adapter_type", "run_id")
    return claims if all(isinstance(claims.get(name), str) for name in wanted) else None


def _run_token_key() -> bytes:
    """Return the signing key: what is set for it, else one that is derived.

    Derived, so that a run token is never a valid signature for anything else of the product.
    """
    if settings.AGENT_JWT_SECRET:
        return bytes(settings.AGENT_JWT_SECRET.encode())
    return hashlib.sha256(b"paperclip.run-token:" + settings.SECRET_KEY.encode()).digest()
