"""From a claimed run to a living program."""

from __future__ import annotations

import logging
import os
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

from heartbeat import events, lifecycle, model_profiles, outcomes, preparation, sessions
from heartbeat.adapters import bundles, registry
from heartbeat.adapters.base import ConfigError, Program, Result
from heartbeat.choices import EventType
from heartbeat.models import Run
from heartbeat.runner import rundir
from heartbeat.runner.nursery import Nursery
from heartbeat.runner.records import Spec
from heartbeat.runner.rundir import RunDir
from paperclip.companies import instance
from paperclip.core import clock, redaction

log = logging.getLogger(__name__)

# What the agent was told stands in the run's context; it is not repeated in the event.
_WAKE_PAYLOAD = "PAPERCLIP_WAKE_PAYLOAD_JSON"


@dataclass(frozen=True)
class Started:
    """A run whose shim was started, or found again.

    `pidfd` becomes readable when the shim ends, and is None where its lock alone tells. `shim` is a process to collect
    after that, None when that is not for us to do.
    """

    run_id: UUID
    claim_token: UUID
    directory: RunDir
    pidfd: int | None = None
    shim: subprocess.Popen[bytes] | None = None


def start(run: Run, nursery: Nursery | None) -> Started | None:
    """Start the program of a claimed run; return None when it could not be, which ends the run with the reason.

    The shim is forked by `nursery`, where there is one, else started as a program of its own.
    A directory left by an attempt that never started its shim is made anew. Raises what the database raises.
    """
    assert run.claim_token is not None
    now = clock.now()
    try:
        adapter = registry.get(run.agent.adapter_type)
        assignment, warnings = preparation.assignment(run, now=now)
        program = adapter.spec(assignment)
        secret_names = [*preparation.secret_names(assignment, run.issue), *program.secret_names]
        if program.starts_fresh:
            sessions.leave(run)
        if program.folder is not None:
            bundles.put(program.folder)
        directory = _directory(run, program, secret_names, warnings)
        if nursery is None:
            started = Started(run.pk, run.claim_token, directory, shim=rundir.start_shim(directory))
        else:
            pidfd = rundir.start_shim_by(nursery.launch, directory)
            started = Started(run.pk, run.claim_token, directory, pidfd=pidfd)
    except ConfigError as error:
        _fail(run, str(error), error.code)
    except OSError as error:
        log.error("run %s could not be started: %s", run.pk, error)
        _fail(run, _sentence(error), "spawn_failed")
    else:
        try:
            _tell(run, program, secret_names, now=now)
        except DatabaseError:  # the runner finds the run again, by its directory
            if started.pidfd is not None:
                os.close(started.pidfd)
            raise
        return started
    return None


def give_up(run: Run, error: Exception) -> None:
    """End a claimed run that a fault of ours kept from starting, so that it cannot stay `running` for nobody."""
    _fail(run, f"The run could not be started: {type(error).__name__}", "runner_error")


def _directory(run: Run, program: Program, secret_names: list[str], notes: tuple[str, ...]) -> RunDir:
    root = Path(settings.RUNS_ROOT)
    earlier = RunDir.open(root, str(run.pk))
    if earlier is not None and not earlier.was_started():
        earlier.remove()
    spec = Spec(
        run_id=str(run.pk),
        argv=tuple(program.argv),
        cwd=str(program.cwd),
        stdin=program.stdin,
        timeout_sec=program.timeout_seconds,
        grace_sec=program.grace_seconds,
        max_log_bytes=settings.RUN_LOG_MAX_BYTES,
        adapter_type=run.agent.adapter_type,
        claim_token=str(run.claim_token),
        mask_env=(*secret_names, *instance.names_to_censor()),
        notes=(*notes, *program.notes),
        memo=dict(program.memo),
    )
    return rundir.create(root, str(run.pk), spec, program.environment)


def _tell(run: Run, program: Program, secret_names: list[str], *, now: datetime) -> None:
    """Tell on the run what was started, and with which variables beyond the host's own (H-82)."""
    added = {name: value for name, value in program.environment.items() if os.environ.get(name) != value}
    added.pop(_WAKE_PAYLOAD, None)
    mask = redaction.Masker([added[name] for name in secret_names if name in added])
    payload = {
        "adapterType": run.agent.adapter_type,
        "command": mask(program.argv[0]),
        "commandArgs": [mask(word) for word in program.argv[1:]],
        "cwd": str(program.cwd),
        "env": {
            name: redaction.MARKER if name in secret_names else mask(value) for name, value in added.items()
        },
        "timeoutSec": program.timeout_seconds,
        "commandNotes": [mask(note) for note in program.notes],
        "promptMetrics": dict(program.prompt_metrics) or None,
        "modelProfile": (run.context_snapshot or {}).get(model_profiles.CONTEXT_KEY),
    }
    events.append(
        run,
        f"Started {Path(program.argv[0]).name}",
        now=now,
        event_type=EventType.ADAPTER_INVOKE,
        payload=payload,
    )


def _fail(run: Run, message: str, code: str) -> None:
    assert run.claim_token is not None
    lifecycle.finish(
        run_id=run.pk,
        claim_token=run.claim_token,
        result=Result(error_message=message, error_code=code),
        remains=outcomes.Remains(),
        now=clock.now(),
    )


def _sentence(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno == 28:
        return f"The disk is full: the run's folder cannot be written{where}. Free some space and wake the agent again"
    return f"The run could not be started: {error.strerror or error}{where}"
