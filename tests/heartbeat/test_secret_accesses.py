"""C-101: the record of who was given a secret is kept as long as the activity."""

from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat import retention
from paperclip.companies.models import Secret, SecretAccess
from paperclip.core import clock
from tests import factories


@pytest.mark.django_db
def test_old_accesses_go_and_new_ones_stay(settings):
    settings.ACTIVITY_DAYS = 30
    now = clock.now()
    company = factories.company()
    secret = Secret.objects.create(company=company, key="k", name="K")
    for days in (31, 29):
        SecretAccess.objects.create(
            company=company,
            secret=secret,
            provider="local_encrypted",
            actor_type="agent",
            actor_id="a",
            consumer_type="agent",
            consumer_id=secret.pk,
            config_path="env.A",
            outcome="success",
            created_at=now - timedelta(days=days),
        )
    assert retention.prune(now=now).secret_accesses == 1
    assert SecretAccess.objects.get().created_at == now - timedelta(days=29)
    settings.ACTIVITY_DAYS = 0
    assert retention.prune(now=now + timedelta(days=400)).secret_accesses == 0
