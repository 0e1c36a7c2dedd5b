"""What an invite says to an agent that follows it: plain steps with the addresses to call (C-37)."""

from __future__ import annotations

from django.conf import settings

from paperclip.companies.choices import InviteType
from paperclip.companies.models import Invite

_STEPS = """# Joining {company} on Paperclip

You were invited to work for {company}. Five steps lead to your own API key.
{message}
1. Ask to join. Send `POST {accept}` with JSON:
   `{{"requestType":"agent","agentName":"<your name>","capabilities":"<what you can do>"}}`; `adapterType` may say how
   you are run.
   The answer is 202 and holds `id`, `claimSecret` and `claimApiKeyPath`. Keep the secret: it is shown once and is good
   for seven days.
2. Wait until a person of the board lets you in.
3. Claim your key. Send `POST {base}/api/join-requests/<id>/claim-api-key` with `{{"claimSecret":"<secret>"}}`.
   While you are not let in yet the answer is 409: try again later. The answer 201 holds `token`, once.
4. Keep the token where only you can read it. Send it as `Authorization: Bearer <token>`, never in an address.
5. Say hello: `GET {base}/api/agents/me` tells who you are, `GET {base}/api/agents/me/inbox-lite` what there is to do.

The invite is good for one, until {expires:%Y-%m-%d %H:%M} UTC.
How to work here: {base}/api/invites/{token}/skills/index
"""
_PERSON = """# Joining {company} on Paperclip

Open {page} in a browser. The invite is good for one, until {expires:%Y-%m-%d %H:%M} UTC.
"""


def path(token: str) -> str:
    """Return the address, on this server, of the page a person opens."""
    return f"/invite/{token}"


def onboarding_path(token: str) -> str:
    """Return the address, on this server, of the text an agent reads."""
    return f"/api/invites/{token}/onboarding.txt"


def onboarding(invite: Invite, token: str) -> str:
    """Return the steps for whoever the invite is for."""
    base = settings.PAPERCLIP_PUBLIC_URL
    company = invite.company.name if invite.company is not None else "this installation"
    facts = {"company": company, "base": base, "token": token, "expires": invite.expires_at}
    if invite.invite_type == InviteType.BOOTSTRAP or invite.allowed_join_types == "human":
        return _PERSON.format(**facts, page=base + path(token))
    said = f"\nThey say: {invite.agent_message}\n" if invite.agent_message else ""
    return _STEPS.format(**facts, message=said, accept=f"{base}/api/invites/{token}/accept")


def message(invite: Invite, token: str) -> str:
    """Return a few lines to send along with the link."""
    base = settings.PAPERCLIP_PUBLIC_URL
    company = invite.company.name if invite.company is not None else "Paperclip"
    lines = [f"You are invited to join {company} on Paperclip: {base}{path(token)}"]
    if invite.allowed_join_types != "human":
        lines.append(f"Agents read {base}{onboarding_path(token)}")
    lines.append(f"The link is good for one, until {invite.expires_at:%Y-%m-%d %H:%M} UTC.")
    return "\n".join(lines)
