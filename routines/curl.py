"""How a webhook is set off from a shell, for each way its sender may prove to know the secret. Pure."""

from __future__ import annotations

from routines.choices import SigningMode

_BODY = """body='{"ref":"main"}'"""
_JSON = '-H "Content-Type: application/json"'
_SIGN = "openssl dgst -sha256 -hmac \"$SECRET\" -hex | sed 's/.* //'"
# Where the reader does not know the secret any more.
UNKNOWN = "the secret, shown when it was made"


def example(url: str, mode: str | None, *, secret: str = UNKNOWN) -> str:
    """Return the commands that set off the webhook at `url`. A webhook without a mode signs with the time (R-43)."""
    match mode or SigningMode.HMAC_SHA256:
        case SigningMode.NONE:
            return f'{_BODY}\ncurl {_JSON} -d "$body" {url}'
        case SigningMode.BEARER:
            lines = [_BODY, f'curl -H "Authorization: Bearer $SECRET" {_JSON} -d "$body" {url}']
        case SigningMode.GITHUB_HMAC:
            lines = [
                _BODY,
                f"signature=$(printf '%s' \"$body\" | {_SIGN})",
                f'curl -H "X-Hub-Signature-256: sha256=$signature" {_JSON} -d "$body" {url}',
            ]
        case _:
            lines = [
                f"{_BODY} at=$(date +%s)",
                f'signature=$(printf \'%s.%s\' "$at" "$body" | {_SIGN})',
                f'curl -H "X-Paperclip-Timestamp: $at" -H "X-Paperclip-Signature: sha256=$signature" {_JSON} \\',
                f'  -d "$body" {url}',
            ]
    return "\n".join([f"SECRET='{secret}'", *lines])
