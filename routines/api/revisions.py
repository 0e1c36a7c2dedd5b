"""The history of a routine, and going back in it (R-119, R-120)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.core import naming
from paperclip.core.api.schema import operation
from paperclip.core.errors import NotFound
from routines import restore, revisions, rights
from routines.api import shapes
from routines.api.base import RoutineView


class RevisionList(RoutineView):
    """`GET /routines/:id/revisions`."""

    @operation(
        "List a routine's revisions, newest first [R-119]", answers=shapes.RoutineRevisionOut, many=True
    )
    def get(self, request: Request, routine_id: str) -> Response:
        """Answer the revisions with their snapshots, which hold no secrets."""
        routine = self.routine(routine_id)
        rights.require_reader_of_history(self.actor, routine)
        return Response(shapes.RoutineRevisionOut.render_many(revisions.newest(routine)))


class RevisionRestore(RoutineView):
    """`POST /routines/:id/revisions/:revisionId/restore`."""

    @operation("Bring an earlier revision back [R-120]", answers=shapes.RestoredOut)
    def post(self, request: Request, routine_id: str, revision_id: str) -> Response:
        """Make the routine what the revision says; answer new secrets of webhooks that were gone, this once."""
        routine = self.routine(routine_id)
        wanted = naming.as_uuid(revision_id)
        if wanted is None:
            raise NotFound("Routine revision not found")
        done = restore.restore(routine_id=routine.pk, revision_id=wanted, actor=self.actor, now=self.now)
        return Response(
            shapes.RestoredOut.render(
                {
                    "routine": done.routine,
                    "revision": done.revision,
                    "restored_from_revision_id": done.source.pk,
                    "restored_from_revision_number": done.source.revision_number,
                    "secret_materials": [
                        {
                            "trigger_id": made.trigger_id,
                            "webhook_url": made.url,
                            "webhook_secret": made.secret,
                        }
                        for made in done.materials
                    ],
                }
            )
        )
