"""Who calls, and for which company: the one place that answers both (C-9 to C-14, C-23 to C-26).

A credential that does not verify is refused, never taken for a lesser or greater one. There is no trusted
address: an agent on the same machine must not be able to act as the board.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from paperclip.companies import actors, tokens
from paperclip.companies.actors import NOBODY, Actor
from paperclip.companies.choices import AGENT_UNASSIGNABLE, AgentRole, MemberStatus, Permission, PrincipalType
from paperclip.companies.models import Agent, AgentApiKey, BoardApiToken, Grant, User
from paperclip.core import clock, naming, rows
from paperclip.core.errors import BadRequest, Forbidden, Unauthorized

RUN_HEADER = "X-Paperclip-Run-Id"
BAD_TOKEN = "Agent token did not verify; obtain fresh credentials and retry"  # noqa: S105  an answer, not a token
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_TOUCH_EVERY = timedelta(minutes=1)


class ActorAuthentication(BaseAuthentication):
    """Gives every request its `Actor` as `request.auth`."""

    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, Actor]:
        """Return the caller. Raises Unauthorized for credentials that do not verify."""
        header = request.headers.get("Authorization", "")
        scheme, _, token = header.partition(" ")
        actor = _from_token(token.strip(), request) if scheme.lower() == "bearer" else _from_session(request)
        return actor.user or AnonymousUser(), actor

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return "Bearer"


def _from_token(token: str, request: Request) -> Actor:
    if not token:
        raise Unauthorized(BAD_TOKEN)
    if token.startswith(tokens.BOARD_PREFIX):
        return _board_token_actor(token)
    if token.startswith(tokens.AGENT_PREFIX):
        return _agent_key_actor(token, request)
    return _run_token_actor(token, request)


def _board_token_actor(token: str) -> Actor:
    now = clock.now()
    row = rows.one(
        BoardApiToken.objects.select_related("user")
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
        .filter(key_hash=tokens.digest(token), revoked_at__isnull=True, user__is_active=True)
    )
    if row is None:
        raise Unauthorized(BAD_TOKEN)
    if row.last_used_at is None or row.last_used_at < now - _TOUCH_EVERY:
        BoardApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return actors.for_user(row.user, source="board_key", key_id=row.id)


def _agent_key_actor(token: str, request: Request) -> Actor:
    now = clock.now()
    key = rows.one(
        AgentApiKey.objects.select_related("agent")
        .filter(key_hash=tokens.digest(token), revoked_at__isnull=True)
        .exclude(agent__status__in=AGENT_UNASSIGNABLE)
    )
    if key is None:
        raise Unauthorized(BAD_TOKEN)
    if key.last_used_at is None or key.last_used_at < now - _TOUCH_EVERY:
        AgentApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return actors.for_agent(key.agent, run_id=_header_run(request, key.agent), key_id=key.id)


def _run_token_actor(token: str, request: Request) -> Actor:
    """A run token is good for exactly as long as its run is live, whatever its expiry says (CW-3)."""
    claims = tokens.read_run_token(token)
    run_id = naming.as_field_uuid(claims["run_id"]) if claims else None
    agent_id = naming.as_field_uuid(claims["sub"]) if claims else None
    if claims is None or run_id is None or agent_id is None:
        raise Unauthorized(BAD_TOKEN)
    agent = rows.one(
        Agent.objects.filter(pk=agent_id, company_id=claims["company_id"]).exclude(
            status__in=AGENT_UNASSIGNABLE
        )
    )
    if agent is None or not _run_is_live(run_id, agent):
        raise Unauthorized(BAD_TOKEN)
    claimed = _header_run_id(request)
    if claimed is not None and claimed != run_id:
        raise Forbidden(f"{RUN_HEADER} names another run than the token")
    return actors.for_agent(agent, run_id=run_id, source="agent_jwt")


def _header_run(request: Request, agent: Agent) -> UUID | None:
    """Return the run a key agent acts from. A run that is not its own, or over, is refused on writes (CW-2)."""
    run_id = _header_run_id(request)
    if run_id is None or _run_is_live(run_id, agent):
        return run_id
    if request.method in SAFE_METHODS:
        return None
    raise Forbidden(f"{RUN_HEADER} does not name a live run of this agent")


def _header_run_id(request: Request) -> UUID | None:
    text = request.headers.get(RUN_HEADER, "").strip()
    if not text:
        return None
    run_id = naming.as_field_uuid(text)
    if run_id is None:
        raise BadRequest(f"{RUN_HEADER} must be a run id")
    return run_id


def _run_is_live(run_id: UUID, agent: Agent) -> bool:
    return bool(import_string(settings.RUN_LOOKUP)(run_id=run_id, agent_id=agent.id))


def _from_session(request: Request) -> Actor:
    user = getattr(request._request, "user", None)
    if not isinstance(user, User) or not user.is_active:
        return NOBODY
    if request.method not in SAFE_METHODS and not _from_trusted_page(request):
        raise Forbidden("Board mutation requires trusted browser origin")
    return actors.for_user(user)


def _from_trusted_page(request: Request) -> bool:
    """Whether a browser sent this from a page of ours (C-18); `paperclip.core.hosts` says what our host is."""
    page = request.headers.get("Origin") or request.headers.get("Referer") or ""
    parts = urlsplit(page)
    origin = f"{parts.scheme}://{parts.netloc}"
    trusted = {settings.PAPERCLIP_PUBLIC_URL}
    trusted |= {f"{scheme}://{request.get_host()}" for scheme in ("http", "https")}
    return bool(parts.netloc) and origin in trusted


def require_no_foreign_page(request: Request) -> None:
    """Raise Forbidden when a browser sent this from a page that is not ours; programs send no page at all."""
    page = request.headers.get("Origin") or request.headers.get("Referer")
    if page and not _from_trusted_page(request):
        raise Forbidden("Board mutation requires trusted browser origin")


# --- May this actor do this in that company? -------------------------------------------------------------


def admit(actor: Actor, company_id: UUID | None, *, method: str) -> None:
    """Let `actor` into a company or raise why not, in the order of C-24.

    `company_id` is None when the path names none that could exist. Raises Unauthorized or Forbidden.
    """
    if actor.is_nobody:
        raise Unauthorized()
    if actor.agent is not None:
        if actor.agent.company_id != company_id:
            raise Forbidden("Agent key cannot access another company")
        return
    membership = actor.memberships.get(company_id) if company_id else None
    if membership is None:
        raise Forbidden("User does not have access to this company")
    if method in SAFE_METHODS or actor.is_instance_admin:
        return
    if not membership.is_active:
        raise Forbidden("User does not have active company access")
    if not membership.may_write:
        raise Forbidden("Viewer access is read-only")


def require_board(actor: Actor) -> None:
    """Raise Forbidden unless a person calls (C-25)."""
    if not actor.is_board:
        raise Forbidden("Board access required")


def require_signed_in(actor: Actor) -> None:
    """Raise Unauthorized unless somebody is known to call."""
    if actor.is_nobody:
        raise Unauthorized()


def has_permission(actor: Actor, company_id: UUID, permission: Permission | str) -> bool:
    """Whether the actor holds `permission` in the company: an active membership and a grant (C-23)."""
    if actor.is_instance_admin:
        return True
    if actor.user is not None:
        membership = actor.memberships.get(company_id)
        if membership is None or membership.status != MemberStatus.ACTIVE:
            return False
        principal = (PrincipalType.USER, actor.user.id)
    elif actor.agent is not None:
        principal = (PrincipalType.AGENT, actor.agent.id)
    else:
        return False
    return Grant.objects.filter(
        company_id=company_id,
        principal_type=principal[0],
        principal_id=principal[1],
        permission_key=permission,
    ).exists()


def may_assign(actor: Actor, company_id: UUID) -> bool:
    """Whether the actor may assign issues (I-36)."""
    agent = actor.agent
    if agent is not None and (agent.role == AgentRole.CEO or agent.can_create_agents):
        return True
    return has_permission(actor, company_id, Permission.TASKS_ASSIGN)


def may_manage_agents(actor: Actor, company_id: UUID) -> bool:
    """Whether a person may manage agents (the board half of C-26)."""
    return actor.is_board and has_permission(actor, company_id, Permission.AGENTS_CREATE)


def may_create_agents(actor: Actor, company_id: UUID) -> bool:
    """Whether the actor may create agents and read their configuration (C-26)."""
    if actor.agent is not None and actor.agent.can_create_agents:
        return True
    return has_permission(actor, company_id, Permission.AGENTS_CREATE)
