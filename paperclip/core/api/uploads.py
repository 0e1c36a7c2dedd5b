"""Files out of multipart bodies: read piece by piece into the store, never held in memory (I-137, C-104).

The caller is known and let in before a byte of the file is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import SuspiciousOperation, TooManyFilesSent
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest, HttpResponseBase, UnreadablePostError
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from paperclip.core.errors import BadRequest, Unprocessable
from paperclip.core.storage import Incoming, Upload

FIELD = "file"
UNKNOWN_TYPE = "application/octet-stream"

_MISSING = f"Missing file field '{FIELD}'"
_LONGEST_NAME = 255
_LONGEST_EXTENSION = 16
# What a body may hold besides its file: the boundaries, and the other fields.
_AROUND = 1024 * 1024
_TAIL = 4096
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")


@extend_schema_field(OpenApiTypes.BINARY)
class FilePart(serializers.FileField):
    """The file of a multipart body, for the OpenAPI document; it is read by `UploadView.receive`."""


class UploadView(APIView):
    """Mixed into a view that takes files: what is received goes away with the request unless it was kept."""

    _received: tuple[Upload, Mapping[str, str]] | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Handle the request and clear up after it, however it ended."""
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            if self._received is not None:
                self._received[0].file.discard()

    def receive(self, request: Request, *, limit: int, what: str) -> tuple[Upload, Mapping[str, str]]:
        """Return the file of the body and the fields beside it; a repeated attempt gets the same ones.

        `limit` in bytes. Raises BadRequest for a body that is not as it should be, Unprocessable for a file that
        is empty or too large, naming it as `what`, and Unavailable when it cannot be stored.
        """
        if self._received is None:
            self._received = receive(request._request, limit=limit, what=what)
        return self._received


def receive(request: HttpRequest, *, limit: int, what: str) -> tuple[Upload, Mapping[str, str]]:
    """Read the one file in the body of `request`; see `UploadView.receive`. The caller discards or keeps it."""
    too_large = Unprocessable(f"{what} exceeds {limit} bytes")
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > limit + _AROUND:
        raise too_large
    if request.content_type != "multipart/form-data" or not length:
        raise BadRequest(_MISSING)
    receiver = _Receiver(limit)
    try:
        fields = _parse(request, receiver)
        if receiver.stray is not None:
            raise BadRequest(f"Unexpected file in field '{receiver.stray}'; send one file, in '{FIELD}'")
        if receiver.incoming is None:
            raise BadRequest(_MISSING)
        if receiver.incoming.is_too_large:
            raise too_large
        if receiver.incoming.size == 0:
            raise Unprocessable(f"{what} is empty")
    except BaseException:
        receiver.discard()
        raise
    return Upload(receiver.incoming, _short(receiver.name), receiver.type), fields


def _parse(request: HttpRequest, receiver: _Receiver) -> dict[str, str]:
    stream = _Tailed(request)
    try:
        # The stubs know streams of files only; what is read from is the request itself, as Django does.
        parser = MultiPartParser(request.META, stream, [receiver], "utf-8")  # type: ignore[arg-type]
        fields, _ = parser.parse()
    except MultiPartParserError as error:
        raise BadRequest(f"Multipart body is malformed: {error}") from error
    except UnreadablePostError as error:
        raise BadRequest("The upload was cut off") from error
    except (TooManyFilesSent, SuspiciousOperation) as error:
        raise BadRequest("Multipart body has too many parts") from error
    boundary = (request.content_params or {}).get("boundary", "")
    if f"--{boundary}--".encode() not in stream.tail:
        raise BadRequest("The upload was cut off: the multipart body has no end")
    return {name: values[-1] for name, values in fields.lists() if values}


class _Tailed:
    """The body, remembering its end: a body that breaks off must not pass for a shorter file."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.tail = b""

    def read(self, size: int) -> bytes:
        piece: bytes = self._request.read(size)
        self.tail = (self.tail + piece)[-_TAIL:]
        return piece


class _Receiver(FileUploadHandler):
    """Writes the one expected file to the store and passes over any other."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self.incoming: Incoming | None = None
        self.name: str | None = None
        self.type = UNKNOWN_TYPE
        self.stray: str | None = None

    def new_file(
        self,
        field_name: str,
        file_name: str,
        content_type: str,
        content_length: int | None,
        charset: str | None = None,
        content_type_extra: dict[str, bytes] | None = None,
    ) -> None:
        if field_name != FIELD or self.incoming is not None:
            self.stray = self.stray or field_name[:64]
            raise SkipFile
        self.incoming, self.name, self.type = Incoming(limit=self._limit), file_name, _clean(content_type)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self.incoming is not None:
            self.incoming.write(raw_data)

    def file_complete(self, file_size: int) -> None:
        if self.incoming is not None:
            self.incoming.seal()

    def discard(self) -> None:
        """Throw away what was received."""
        if self.incoming is not None:
            self.incoming.discard()


def _clean(content_type: str | None) -> str:
    """Return the type as it may be stored and sent back; what is none counts as unknown."""
    lowered = (content_type or "").strip().lower()
    return lowered if _TYPE.fullmatch(lowered) else UNKNOWN_TYPE


def _short(name: str | None) -> str | None:
    """Return the name within what file systems take, its extension kept."""
    if not name or len(name) <= _LONGEST_NAME:
        return name or None
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > _LONGEST_EXTENSION:
        return name[:_LONGEST_NAME]
    return f"{stem[: _LONGEST_NAME - len(extension) - 1]}.{extension}"
