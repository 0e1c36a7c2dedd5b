"""What an agent that was called over HTTP reports of its run."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from heartbeat import callbacks
from heartbeat.api.runs import RunView
from paperclip.core.api.fields import Enum, Int, Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation

_MOST_TOKENS = 2**53
# Fields by the names under which they are kept, which are those they were sent under.
_SPOKEN = {
    "status": "status", "summary": "summary", "error": "error", "provider": "provider", "model": "model",
    "input_tokens": "inputTokens", "cached_input_tokens": "cachedInputTokens", "output_tokens": "outputTokens",
    "cost_cents": "costCents",
}  # fmt: skip


class RunCallbackInput(Input):
    """How a run ended, in its agent's own words. Tokens and cost are those of this run."""

    status = Enum(choices=[("succeeded", "succeeded"), ("failed", "failed")])
    summary = Text(multiline=True, required=False, allow_null=True, max_length=16_000)
    error = Text(multiline=True, required=False, allow_null=True, max_length=4_000)
    input_tokens = Int(required=False, min_value=0, max_value=_MOST_TOKENS)
    cached_input_tokens = Int(required=False, min_value=0, max_value=_MOST_TOKENS)
    output_tokens = Int(required=False, min_value=0, max_value=_MOST_TOKENS)
    cost_cents = Int(required=False, min_value=0, max_value=1_000_000_00)
    provider = Text(required=False, allow_null=True, max_length=64)
    model = Text(required=False, allow_null=True, max_length=128)


class RunCallbackOut(Output):
    """What was reported is kept."""

    ok = serializers.BooleanField()


class RunCallbackView(RunView):
    """`POST /heartbeat-runs/:id/callback`."""

    @operation(
        "Say how the caller's own run ended, which waits for it",
        reads=RunCallbackInput,
        answers=RunCallbackOut,
        refuses=(409,),
    )
    def post(self, request: Request, run_id: str) -> Response:
        """Keep it; the run ends by it within seconds."""
        run = self.run(run_id)
        fields = RunCallbackInput.read(request.data)
        said = {spoken: fields[name] for name, spoken in _SPOKEN.items() if fields.get(name) is not None}
        callbacks.report(run_id=run.pk, said=said, actor=self.actor, now=self.now)
        return Response(RunCallbackOut.render({"ok": True}))
