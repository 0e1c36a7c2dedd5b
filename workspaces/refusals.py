"""What stands against a place for work."""

from __future__ import annotations

from paperclip.core.errors import Unprocessable


class PlaceError(Unprocessable):
    """A workspace cannot be made, restored or provisioned; the message says what stands against it."""
