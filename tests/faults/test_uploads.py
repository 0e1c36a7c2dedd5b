"""Uploads to the real web server: streamed, refused in time, and nothing half of them when it is killed."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import subprocess
from datetime import timedelta

import psutil
import pytest
from django.conf import settings

from issues.models import Attachment
from paperclip.companies import assets
from paperclip.companies.models import Asset, Company
from paperclip.core import clock, storage
from tests import factories
from tests.product import wait_for

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

_WARM_UP = 24
MIB = 1024 * 1024
HEAD = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
TAIL = b"\r\n--XX--\r\n"


@pytest.fixture
def scene(product, monkeypatch):
    """A web server that takes 64 MiB, an issue, and who may write to it."""
    monkeypatch.setattr(settings, "FILES_ROOT", product.home / "files")
    company = factories.company(attachment_max_bytes=64 * MIB)
    issue = factories.issue(company)
    token = factories.board_token(factories.user(member_of=company))
    product.start("web", PAPERCLIP_ATTACHMENT_MAX_BYTES=str(64 * MIB))
    return product, issue, token


def begin(product, issue, token, size: int) -> http.client.HTTPConnection:
    """Send everything of an upload but its content."""
    line = http.client.HTTPConnection("127.0.0.1", product.port, timeout=30)
    line.putrequest("POST", f"/api/companies/{issue.company_id}/issues/{issue.pk}/attachments")
    line.putheader("Authorization", f"Bearer {token}")
    line.putheader("Content-Type", "multipart/form-data; boundary=XX")
    line.putheader("Content-Length", str(len(HEAD) + size + len(TAIL)))
    line.endheaders()
    line.send(HEAD)
    return line


def resident(product) -> int:
    web = psutil.Process(product.parts["web"].pid)
    return sum(process.memory_info().rss for process in [web, *web.children(recursive=True)])


def on_disk(product):
    return [found.name for found in (product.home / "files").rglob("*") if found.is_file()]


def test_large_file_goes_through_without_being_held_in_memory(scene):
    product, issue, token = scene
    piece = b"x" * MIB
    for _ in range(_WARM_UP):  # what a worker loads with its first requests is not the file's
        line = begin(product, issue, token, MIB)
        line.send(piece)
        line.send(TAIL)
        assert line.getresponse().read()
    before = resident(product)
    line = begin(product, issue, token, 48 * MIB)
    for _ in range(48):
        line.send(piece)
    highest = resident(product)
    line.send(TAIL)
    answer = line.getresponse()
    row = json.loads(answer.read())

    assert answer.status == 201
    assert row["byteSize"] == 48 * MIB
    assert row["sha256"] == hashlib.sha256(piece * 48).hexdigest()
    line.request("GET", row["contentPath"], headers={"Authorization": f"Bearer {token}"})
    answer = line.getresponse()
    assert (answer.status, answer.getheader("Content-Length")) == (200, str(48 * MIB))
    assert hashlib.sha256(answer.read()).hexdigest() == row["sha256"]
    assert max(highest, resident(product)) - before < 40 * MIB


def test_client_that_sends_too_much_still_hears_why(scene):
    product, issue, token = scene
    Company.objects.update(attachment_max_bytes=MIB)
    line = begin(product, issue, token, 3 * MIB)
    line.send(b"x" * 3 * MIB + TAIL)

    answer = line.getresponse()

    assert (answer.status, json.loads(answer.read())) == (422, {"error": f"Attachment exceeds {MIB} bytes"})
    assert on_disk(product) == []


def test_stranger_is_refused_before_the_file_is_read(scene):
    product, issue, _ = scene
    line = begin(product, issue, "pcp_board_" + "0" * 48, 32 * MIB)

    assert line.getresponse().status == 401
    assert on_disk(product) == []


@pytest.fixture
def small_disk(scene):
    """The store lies on a disk of its own, of 4 MiB."""
    product, _, _ = scene
    folder = product.home / "files"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_is_told_and_space_mends_it(scene, small_disk):
    product, issue, token = scene
    line = begin(product, issue, token, 8 * MIB)
    line.send(b"x" * 8 * MIB + TAIL)
    answer = line.getresponse()

    assert (answer.status, json.loads(answer.read())) == (503, {"error": storage.NO_ROOM})
    assert on_disk(product) == []
    assert not Asset.objects.exists()
    line = begin(product, issue, token, MIB)
    line.send(b"x" * MIB + TAIL)
    assert line.getresponse().status == 201
    assert len(on_disk(product)) == 1


@pytest.mark.parametrize("end", ["the server is killed", "the client hangs up"])
def test_upload_that_never_ends_leaves_no_row(scene, end):
    product, issue, token = scene
    line = begin(product, issue, token, 32 * MIB)
    line.send(b"x" * 8 * MIB)
    wait_for(lambda: on_disk(product), seconds=20, what="the file to come in")

    if end == "the server is killed":
        product.kill("web")
        assert len(on_disk(product)) == 1
        assert assets.sweep(now=clock.now()).unfinished == 0
        assert assets.sweep(now=clock.now() + timedelta(days=2)).unfinished == 1
    else:
        line.sock.shutdown(socket.SHUT_RDWR)
        line.close()
        wait_for(lambda: not on_disk(product), seconds=20, what="the half file to go")

    assert on_disk(product) == []
    assert not Asset.objects.exists()
    assert not Attachment.objects.exists()
