from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paperclip.companies import actors
from paperclip.companies.models import Company, Secret
from paperclip.companies.secrets import keyring, store
from paperclip.core import clock

VALUE = "tulip-bulb-1637"


@pytest.fixture(autouse=True)
def key_file(settings, tmp_path) -> Path:
    """A key file of the test's own, none at first, and no key remembered from another test."""
    settings.SECRETS_KEY_FILE = tmp_path / "keys" / "secrets.key"
    settings.SECRETS_MASTER_KEY = settings.SECRETS_PREVIOUS_KEY = ""
    keyring._known.clear()
    yield settings.SECRETS_KEY_FILE
    keyring._known.clear()


def keep(company: Company, value: str = VALUE, **fields: Any) -> Secret:
    """A secret kept here."""
    fields = {"name": "GitHub token", "value": value} | fields
    return store.create(company_id=company.pk, fields=fields, actor=actors.system("test"), now=clock.now())


def ref(secret: Secret, version: int | str = "latest") -> dict[str, Any]:
    return {"type": "secret_ref", "secretId": str(secret.pk), "version": version}
