"""Live events over real connections to real server processes (K-46 to K-48, CW-31)."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from heartbeat.models import Run
from issues import comments
from paperclip.companies import activity, actors, agents, tokens
from paperclip.companies.choices import MemberStatus
from paperclip.companies.models import AgentApiKey, Company, Member
from paperclip.core import clock
from tests import cast as standing
from tests import factories
from tests.live import ears
from tests.live.ears import says
from tests.product import Product, wait_for

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def company(product) -> standing.Cast:
    made = standing.make()
    serve(product)
    return made


def serve(product: Product, *arguments: str) -> None:
    """Start the web part with this process' secret, so that it knows the sessions and run tokens made here."""
    product.start("web", *arguments, PAPERCLIP_SECRET_KEY=settings.SECRET_KEY)


def log(place: Company, action: str, **details: object) -> None:
    """Something that happens."""
    activity.record(
        company_id=place.pk, actor=actors.system("test"), action=action, entity_type="company",
        entity_id=place.pk, details=details or None, now=clock.now(),
    )  # fmt: skip


def test_stream_tells_what_is_committed_and_in_which_form(product, company):
    with ears.ear(product, company.company.pk, factories.board_token(company.operator)) as ear:
        log(company.company, "test.happened", password="hunter2", plain="seen")
        message = ear.next()
    assert ear.status == 200
    assert "text/event-stream" in ear.head
    frame = message.frame
    assert set(frame) == {"id", "companyId", "type", "createdAt", "payload"}
    assert frame["companyId"] == str(company.company.pk)
    assert frame["type"] == "activity.logged"
    assert frame["createdAt"].endswith("Z")
    assert frame["payload"]["action"] == "test.happened"
    assert frame["payload"]["details"]["plain"] == "seen"
    assert "hunter2" not in message.data


def test_websocket_tells_the_same(product, company):
    with ears.websocket(product, company.company.pk, factories.agent_key(company.engineer)) as client:
        client.send("whatever the client says is ignored")
        log(company.company, "test.happened")
        frame = json.loads(client.recv(timeout=10))
    assert frame["type"] == "activity.logged"
    assert frame["payload"]["action"] == "test.happened"


def test_other_companies_are_not_heard(product, company):
    with ears.ear(product, company.company.pk, factories.board_token(company.owner)) as ear:
        log(company.elsewhere, "test.elsewhere")
        log(company.company, "test.here")
        assert ear.next().frame["payload"]["action"] == "test.here"


def run_token(company: standing.Cast) -> str:
    run = factories.run(company.engineer, status="running")
    return tokens.mint_run_token(agent=company.engineer, run_id=run.pk, now=clock.now())


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(lambda company: (factories.agent_key(company.engineer), ""), id="K-46 agent key"),
        pytest.param(lambda company: (None, f"?token={factories.agent_key(company.peer)}"), id="K-46 query"),
        pytest.param(lambda company: (run_token(company), ""), id="CW-31 run token"),
        pytest.param(lambda company: (factories.board_token(company.viewer), ""), id="K-46 board token"),
    ],
)
def test_websocket_opens_for_whoever_belongs_to_the_company(product, company, credential):
    token, query = credential(company)
    with ears.websocket(product, company.company.pk, token, query=query) as client:
        log(company.company, "test.happened")
        assert "test.happened" in client.recv(timeout=10)


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(lambda company: (None, ""), id="K-46 nobody"),
        pytest.param(lambda company: ("pcp_wrong", ""), id="K-46 unknown key"),
        pytest.param(
            lambda company: (factories.agent_key(company.foreign_agent), ""), id="K-46 foreign agent"
        ),
        pytest.param(lambda company: (factories.board_token(company.outsider), ""), id="K-46 outsider"),
        pytest.param(
            lambda company: (None, f"?token={factories.board_token(company.owner)}"),
            id="CW-31 board key in address",
        ),
    ],
)
def test_websocket_is_refused_before_the_upgrade(product, company, credential):
    token, query = credential(company)
    with pytest.raises(InvalidStatus) as refused:
        ears.websocket(product, company.company.pk, token, query=query).close()
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body) == {"error": "forbidden"}


def session(person: object) -> str:
    client = Client()
    client.force_login(person)
    return f"paperclip-session={client.cookies['paperclip-session'].value}"


def test_browser_session_opens_it_from_a_page_of_ours_only(product, company):
    cookie = session(company.operator)
    ours = {"Cookie": cookie, "Origin": product.url}
    with ears.websocket(product, company.company.pk, headers=ours) as client:
        log(company.company, "test.happened")
        assert "test.happened" in client.recv(timeout=10)
    with pytest.raises(InvalidStatus) as refused:
        ears.websocket(
            product, company.company.pk, headers={"Cookie": cookie, "Origin": "https://elsewhere.example"}
        ).close()
    assert refused.value.response.status_code == 403


def test_stream_refuses_in_the_shape_of_the_api(product, company):
    with ears.ear(product, company.company.pk, None) as ear:
        assert ear.status == 401
    with ears.ear(product, company.company.pk, factories.board_token(company.outsider)) as ear:
        assert ear.status == 403
    with ears.ear(product, company.company.pk, "pcp_wrong") as ear:
        assert ear.status == 401


def test_suspended_member_may_not_listen(product, company):
    Member.objects.filter(company=company.company, principal_id=company.viewer.pk).update(
        status=MemberStatus.SUSPENDED
    )
    with ears.ear(product, company.company.pk, factories.board_token(company.viewer)) as ear:
        assert ear.status == 403


def test_request_that_is_no_handshake_is_told_so(product, company):
    request = Request(
        f"{product.url}{ears.socket_path(company.company.pk)}",
        headers={"Authorization": f"Bearer {factories.board_token(company.owner)}"},
    )
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=10)
    assert refused.value.code == 426


def test_key_in_the_address_is_in_no_log(product, company):
    key = factories.agent_key(company.engineer)
    with ears.websocket(product, company.company.pk, query=f"?token={key}") as client:
        log(company.company, "test.happened")
        client.recv(timeout=10)
    board = factories.board_token(company.owner)
    with pytest.raises(InvalidStatus):
        ears.websocket(product, company.company.pk, query=f"?token={board}").close()
    assert key not in product.said()
    assert board not in product.said()


# --- Missing nothing -------------------------------------------------------------------------------------


def test_what_happened_while_the_server_was_dead_is_told_on_return(product, company):
    token = factories.board_token(company.owner)
    with ears.ear(product, company.company.pk, token) as ear:
        log(company.company, "test.before")
        assert ear.next().frame["payload"]["action"] == "test.before"
        mark = ear.mark
    product.kill("web")
    for number in range(50):
        log(company.company, f"test.meanwhile.{number}")
    serve(product)
    with ears.ear(product, company.company.pk, token, since=mark) as ear:
        told = [ear.next().frame["payload"]["action"] for _ in range(50)]
        log(company.company, "test.after")
        told.append(ear.next().frame["payload"]["action"])
    assert told == [*(f"test.meanwhile.{number}" for number in range(50)), "test.after"]


def test_client_that_only_ever_heard_ready_can_go_on_too(product, company):
    token = factories.board_token(company.owner)
    with ears.ear(product, company.company.pk, token) as ear:
        mark = ear.mark
    log(company.company, "test.meanwhile")
    with ears.ear(product, company.company.pk, token, since=mark) as ear:
        assert ear.next().frame["payload"]["action"] == "test.meanwhile"


@pytest.mark.parametrize("mark", ["17", "nonsense", "1-1:1:", "99999-5:3:", "1:2:3"])
def test_mark_that_means_nothing_is_answered_with_a_wish_to_load_anew(product, company, mark):
    with ears.ear(product, company.company.pk, factories.board_token(company.owner), since=mark) as ear:
        assert ear.next().event == "reset"
        log(company.company, "test.after")
        assert ear.next().frame["payload"]["action"] == "test.after"


def test_database_that_drops_its_connections_costs_nothing(product, company):
    with ears.ear(product, company.company.pk, factories.board_token(company.owner)) as ear:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchall()
        log(company.company, "test.after")
        assert ear.next(seconds=15).frame["payload"]["action"] == "test.after"


# --- Losing the right ------------------------------------------------------------------------------------


def ends(ear: ears.Ear, company: standing.Cast) -> list[str]:
    """What is still heard until the stream ends, something happening all the time."""
    heard = []
    until = time.monotonic() + 20
    while time.monotonic() < until:
        log(company.company, "test.secret")
        try:
            heard.append(ear.next(seconds=1).data)
        except TimeoutError:
            continue
        except ConnectionError:
            return heard
    raise AssertionError("the stream is still open")


def test_revoked_key_ends_the_stream(product, company):
    key = factories.agent_key(company.engineer)
    with ears.ear(product, company.company.pk, key) as ear:
        log(company.company, "test.before")
        ear.next()
        AgentApiKey.objects.filter(agent=company.engineer).update(revoked_at=clock.now())
        ends(ear, company)
    with ears.ear(product, company.company.pk, key) as ear:
        assert ear.status == 401


def test_lost_membership_ends_the_stream(product, company):
    with ears.ear(product, company.company.pk, factories.board_token(company.viewer)) as ear:
        Member.objects.filter(company=company.company, principal_id=company.viewer.pk).delete()
        ends(ear, company)


def hear_for_ever(client: ClientConnection, company: standing.Cast) -> None:
    while True:
        log(company.company, "test.happened")
        client.recv(timeout=10)


def test_end_of_the_run_ends_its_stream(product, company):
    with ears.websocket(product, company.company.pk, run_token(company)) as client:
        Run.objects.filter(agent=company.engineer).update(
            status="succeeded", finished_at=clock.now(), claim_token=None, runner=None
        )
        with pytest.raises(ConnectionClosed) as closed:
            hear_for_ever(client, company)
    assert closed.value.rcvd.code == 1008


def test_signing_out_ends_the_stream(product, company):
    cookie = session(company.operator)
    with ears.ear(product, company.company.pk, None, headers={"Cookie": cookie}) as ear:
        Session.objects.all().delete()
        ends(ear, company)


# --- Many, slow, gone ------------------------------------------------------------------------------------


def test_two_hundred_streams_leave_every_thread_free(product, company):
    everybody = [company.ceo, company.manager, company.engineer, company.peer]
    keys = [factories.agent_key(who) for who in everybody]
    board = factories.board_token(company.owner)
    with ExitStack() as open_streams:
        streams = [
            open_streams.enter_context(ears.ear(product, company.company.pk, keys[number % 4]))
            for number in range(200)
        ]
        request = Request(
            f"{product.url}/api/companies/{company.company.pk}/issues",
            headers={"Authorization": f"Bearer {board}"},
        )

        def ask(_: int) -> int:
            with urlopen(request, timeout=10) as answer:
                return answer.status

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(80))) == {200}
        log(company.company, "test.happened")
        for stream in streams:
            assert stream.next().frame["payload"]["action"] == "test.happened"


def test_one_caller_cannot_take_all_the_room(product, company):
    product.kill("web")
    serve(product, "--workers", "1")
    key = factories.agent_key(company.engineer)
    with ExitStack() as open_streams:
        for _ in range(100):
            open_streams.enter_context(ears.ear(product, company.company.pk, key))
        with ears.ear(product, company.company.pk, key) as ear:
            assert ear.status == 429
        with ears.ear(product, company.company.pk, factories.agent_key(company.peer)) as ear:
            assert ear.status == 200


def test_client_that_does_not_read_is_dropped_and_disturbs_nobody(product, company):
    token = factories.board_token(company.owner)
    product.kill("web")
    serve(product, "--workers", "1")
    with (
        ears.ear(product, company.company.pk, token, buffer=4096) as slow,
        ears.ear(product, company.company.pk, token) as quick,
    ):
        heard = 0
        for number in range(600):
            log(company.company, f"test.{number}", filling="x" * 6000)
            if number % 20 == 19:
                heard += len(quick.until(says("activity.logged", action=f"test.{number}")))
        assert heard == 600
        with pytest.raises(ConnectionError):
            read_on(slow)


def read_on(ear: ears.Ear) -> None:
    while True:
        ear.next(seconds=10)


def test_stop_of_the_server_says_goodbye(product, company):
    with ears.websocket(product, company.company.pk, factories.agent_key(company.engineer)) as client:
        product.parts["web"].terminate()
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=15)
    assert closed.value.rcvd.code == 1001


# --- What the board does ---------------------------------------------------------------------------------


def test_comment_and_pause_are_told(product, company):
    issue = factories.issue(company.company)
    owner = actors.for_user(company.owner)
    with ears.ear(product, company.company.pk, factories.board_token(company.operator)) as ear:
        comments.add(issue_id=issue.pk, body="hello", actor=owner, now=clock.now())
        ear.until(says("activity.logged", entityId=str(issue.pk)))
        agents.pause(agent=company.engineer, actor=owner, now=clock.now())
        ear.until(says("agent.status", agentId=str(company.engineer.pk), status="paused"))


def test_nobody_listening_costs_no_connection(product, company):
    def backends() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE %s",
                ["%pg_current_snapshot%"],
            )
            return cursor.fetchone()[0] - 1

    with ears.ear(product, company.company.pk, factories.board_token(company.owner)):
        pass
    wait_for(lambda: backends() == 0, seconds=10, what="the listening connection to be closed")
