"""One server with a runner, one company and one installation of the clients, for all their tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from paperclip.companies.models import Agent
from tests import cast as standing
from tests import factories
from tests import product as product_processes
from tests.clients import installed
from tests.clients.installed import Cli, Driver
from tests.product import Product

PROGRAM = {"command": "sh", "args": ["-c", "echo a word from the agent"]}


@dataclass(frozen=True)
class Shop:
    """A company at work, seen from outside: who is in it, and the clients that call its server."""

    product: Product
    cast: standing.Cast
    modules: Path
    home: Path
    token: str

    def cli(self, version: str, **environment: str) -> Cli:
        """The command line of one version in the hands of the owner, or of whom `environment` says."""
        base = {
            "PAPERCLIP_HOME": str(self.home / "data"),
            "PAPERCLIP_API_URL": self.product.url,
            "PAPERCLIP_API_KEY": self.token,
            "PAPERCLIP_NO_BROWSER": "1",
        }
        program = self.modules / version / "dist" / "index.js"
        return Cli(program, version, self.home, base | environment, Driver(program))


@pytest.fixture(scope="session")
def clients() -> Path:
    return installed.install()


@pytest.fixture(scope="module")
def shop(clients, tmp_path_factory, django_db_setup, django_db_blocker) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("clients")
    home = folder / "user"
    home.mkdir()
    with django_db_blocker.unblock(), product_processes.running(folder) as product:
        product.start("web", PAPERCLIP_ENABLE_COMPANY_DELETION="1")
        cast = standing.make()
        # The engineer runs; the others hear of their work and are not started for it.
        Agent.objects.filter(company=cast.company).update(
            runtime_config={"heartbeat": {"enabled": False, "wakeOnDemand": False}}
        )
        Agent.objects.filter(pk=cast.engineer.pk).update(
            adapter_config=PROGRAM, runtime_config={"heartbeat": {"enabled": False}}
        )
        product.start("runner")
        yield Shop(product, cast, clients, home, factories.board_token(cast.owner))
