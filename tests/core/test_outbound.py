"""The one door by which others are called: what it lets out, and what it does not."""

from __future__ import annotations

import ipaddress
import socket
import socketserver
import ssl
import time

import pytest

from paperclip.core import outbound
from tests import listeners


@pytest.fixture
def hook():
    with listeners.hook() as made:
        yield made


@pytest.fixture
def _open(settings):
    settings.OUTBOUND_ALLOW = [ipaddress.ip_network("127.0.0.0/8")]


def send(url: str, seconds: float = 5) -> outbound.Answer:
    return outbound.post(url, body=b"{}", headers={"X-Test": "1"}, timeout_seconds=seconds)


@pytest.mark.usefixtures("_open")
def test_request_arrives_as_it_was_sent_and_the_answer_comes_back(hook):
    hook.answers = [418]
    answer = send(hook.url)
    assert answer.status == 418
    (got,) = hook.received
    assert (got.path, got.body, got.headers["X-Test"]) == ("/hook?token=sesame", b"{}", "1")
    assert got.headers["Host"] == f"127.0.0.1:{hook.port}"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "localhost", "255.255.255.255",
    ],
)  # fmt: skip
def test_private_addresses_are_not_called(host):
    with pytest.raises(outbound.Refused, match="private network"):
        send(f"http://{host}:9/")


@pytest.mark.usefixtures("_open")
def test_opening_one_network_opens_no_other():
    with pytest.raises(outbound.Refused):
        send("http://10.0.0.1/")
    with pytest.raises(outbound.Refused):
        send("http://[::1]/")


def test_every_address_of_a_name_is_judged(monkeypatch):
    """A name with a public and a private address could lead to either."""
    entries = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("1.1.1.1", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: entries)
    with pytest.raises(outbound.Refused):
        send("http://two-faced.example/")


@pytest.mark.usefixtures("_open")
def test_the_connection_goes_to_the_address_that_was_judged(hook, monkeypatch):
    """A name that means another address at the second look is not looked up a second time."""
    looks = []

    def look(host, port, *args, **options):
        looks.append(host)
        address = "127.0.0.1" if host == "rebinding.example" else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    assert send(f"http://rebinding.example:{hook.port}/").status == 204
    assert looks.count("rebinding.example") == 1
    assert hook.received[0].headers["Host"] == f"rebinding.example:{hook.port}"


@pytest.mark.usefixtures("_open")
def test_redirect_is_not_followed(hook):
    hook.answers, hook.headers = [302], {"Location": "http://10.0.0.1/"}
    assert send(hook.url).status == 302
    assert len(hook.received) == 1


@pytest.mark.parametrize(
    "url",
    [
        "", "ftp://example.com/", "file:///etc/passwd", "//example.com", "http://", "http://user:pw@example.com/",
        "http://example.com:0/", "http://example.com:99999/", "http://exa mple.com/", "http://example.com/\r\nX: 1",
        "http://" + "a" * 3000, "http://exämple.com/ü", "http://[::1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_before_anything_is_looked_up(url):
    with pytest.raises(outbound.Refused):
        outbound.check(url)


def test_public_address_and_name_are_fine():
    outbound.check("https://1.1.1.1/hook")
    outbound.check("https://hooks.example.com:8443/a?b=c")


@pytest.mark.usefixtures("_open")
def test_nobody_there_is_said_in_words_that_hide_the_path():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(outbound.Failed, match="127.0.0.1 cannot be reached: Connection refused") as refusal:
        send(f"http://127.0.0.1:{port}/secret-path")
    assert "secret-path" not in str(refusal.value)


@pytest.mark.usefixtures("_open")
def test_an_answer_that_drips_is_cut_off_at_the_deadline():
    class Handler(socketserver.BaseRequestHandler):
        handle = listeners.dripping(seconds=10)

    with listeners.serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        began = time.monotonic()
        with pytest.raises(outbound.Failed, match=r"no answer within 0\.5 s"):
            send(f"http://127.0.0.1:{port}/", seconds=0.5)
        assert time.monotonic() - began < 3


@pytest.mark.usefixtures("_open")
def test_certificate_of_nobody_is_not_believed(tmp_path):
    """A server with a certificate of its own making."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    day = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "pem"
    plain = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem.write_bytes(key.private_bytes(*plain) + certificate.public_bytes(serialization.Encoding.PEM))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            try:
                context.wrap_socket(self.request, server_side=True).recv(10)
            except (ssl.SSLError, OSError):
                return

    with (
        listeners.serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port,
        pytest.raises(outbound.Failed, match="certificate of 127.0.0.1 is not valid"),
    ):
        send(f"https://127.0.0.1:{port}/")
