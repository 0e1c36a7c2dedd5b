"""One heartbeat of an agent: why it was woken, which issue it takes, how it leaves that issue (K-43, K-44).

An issue that the agent worked on is never left `in_progress`: it ends done, or blocked with the reason.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paperclip.board.demo import files
from paperclip.board.demo.client import ApiError, Client
from paperclip.board.demo.files import Survey
from paperclip.board.demo.voice import Voice

Json = dict[str, Any]

CLOSED = ("done", "cancelled")
_TAKEN_FROM = ["todo", "backlog", "blocked"]
_HEARD_CHARACTERS = 160
_NEEDED = (
    "PAPERCLIP_API_URL",
    "PAPERCLIP_API_KEY",
    "PAPERCLIP_RUN_ID",
    "PAPERCLIP_AGENT_ID",
    "PAPERCLIP_COMPANY_ID",
)


class Trouble(Exception):
    """The work cannot be done; the message is the sentence people are told."""


@dataclass(frozen=True)
class Shift:
    """An agent awake: who it is, why it was woken, and its way to the API."""

    client: Client
    say: Voice
    me: Json
    task_id: str | None
    reason: str | None
    project_folder: Path | None
    heard: Sequence[str]


def begin(environment: Mapping[str, str], say: Voice) -> Shift:
    """Read what the run was given and ask the API who this is. Raises Trouble and ApiError."""
    missing = [name for name in _NEEDED if not environment.get(name)]
    if missing:
        raise Trouble(f"{', '.join(missing)} not set: the control plane starts this program, as an agent")
    client = Client(
        base=environment["PAPERCLIP_API_URL"],
        key=environment["PAPERCLIP_API_KEY"],
        run_id=environment["PAPERCLIP_RUN_ID"],
        say=say,
    )
    me = client.get("/agents/me")
    reason = environment.get("PAPERCLIP_WAKE_REASON") or None
    say(f"{me['name']} is awake" + (f": {reason.replace('_', ' ')}" if reason else ""))
    heard = _heard(environment)
    for word in heard:
        say(f"Somebody said: {word}")
    folder = environment.get("PAPERCLIP_WORKSPACE_CWD")
    is_of_project = environment.get("PAPERCLIP_WORKSPACE_SOURCE", "").startswith("project")
    return Shift(
        client=client,
        say=say,
        me=me,
        task_id=environment.get("PAPERCLIP_TASK_ID") or None,
        reason=reason,
        project_folder=Path(folder) if folder and is_of_project else None,
        heard=heard,
    )


def _heard(environment: Mapping[str, str]) -> list[str]:
    """Return the first line of each comment the wake is about."""
    payload = json.loads(environment.get("PAPERCLIP_WAKE_PAYLOAD_JSON") or "{}")
    bodies = [comment["body"].strip() for comment in payload.get("comments", [])]
    return [body.splitlines()[0][:_HEARD_CHARACTERS] for body in bodies if body]


# --- Which issue -----------------------------------------------------------------------------------------


def choose(shift: Shift) -> Json | None:
    """Return the issue to look at: the one the wake is about, else the first of the inbox that is ready.

    None when there is nothing to do, or when the wake's issue is somebody else's or closed.
    """
    inbox = shift.client.get("/agents/me/inbox-lite")
    if shift.task_id is None:
        return _first_ready(shift, inbox)
    issue: Json = shift.client.get(f"/issues/{shift.task_id}")
    if issue["assigneeAgentId"] != shift.me["id"]:
        shift.say(f"{issue['identifier']} is not assigned to me; I leave it alone")
        return None
    if issue["status"] in CLOSED:
        shift.say(f"{issue['identifier']} is {issue['status']} already; nothing is left to do")
        return None
    return issue


def _first_ready(shift: Shift, inbox: list[Json]) -> Json | None:
    for status in ("in_progress", "todo", "blocked"):
        for row in inbox:
            if row["status"] == status and row["dependencyReady"]:
                issue: Json = shift.client.get(f"/issues/{row['id']}")
                return issue
    shift.say("My inbox holds nothing I could work on")
    return None


def take(shift: Shift, issue: Json) -> bool:
    """Check the issue out; False when it is another's or waits for others: never tried again (K-45)."""
    body = {"agentId": shift.me["id"], "expectedStatuses": _TAKEN_FROM}
    try:
        shift.client.post(f"/issues/{issue['id']}/checkout", body)
    except ApiError as error:
        if error.status not in (409, 422):
            raise
        shift.say(f"{issue['identifier']} cannot be taken now: {error}")
        return False
    context = shift.client.get(f"/issues/{issue['id']}/heartbeat-context")
    comments = shift.client.get(f"/issues/{issue['id']}/comments?order=asc")
    words = f", with {len(comments)} comment{'s' if len(comments) != 1 else ''}" if comments else ""
    project = f" of {context['project']['name']}" if context["project"] else ""
    shift.say(f"Took {issue['identifier']}{project}: {issue['title']}{words}")
    return True


# --- What it works on ------------------------------------------------------------------------------------


def survey(shift: Shift, issue: Json) -> Survey:
    """Return the files of the repository the issue is about. Raises Trouble when there is none to look at."""
    folder = _folder(shift, issue)
    if folder is None:
        raise Trouble(
            "This issue belongs to no project with a folder: give its project a workspace on this host"
        )
    try:
        surveyed = files.survey(folder)
    except OSError as error:
        raise Trouble(f"The repository at {folder} cannot be read: {error.strerror}") from error
    if not surveyed.files:
        raise Trouble(f"The repository at {folder} holds no files, so there is nothing to measure")
    more = " and more" if surveyed.is_cut_short else ""
    shift.say(f"{len(surveyed.files):,} files{more} in {folder}")
    return surveyed


def _folder(shift: Shift, issue: Json) -> Path | None:
    """Return the folder the run was given, or the project's: a wake that names no issue brings no folder."""
    if shift.project_folder is not None:
        return shift.project_folder
    workspace = issue["project"]["primaryWorkspace"] if issue["project"] else None
    return Path(workspace["cwd"]) if workspace and workspace["cwd"] else None


# --- What it leaves --------------------------------------------------------------------------------------


def write_document(shift: Shift, issue: Json, *, key: str, title: str, body: str) -> None:
    """Put a document on the issue, as a new revision when an earlier heartbeat wrote it already."""
    path = f"/issues/{issue['id']}/documents/{key}"
    earlier = find_document(shift, issue, key)
    document = {"title": title, "format": "markdown", "body": body}
    if earlier is not None:
        document["baseRevisionId"] = earlier["latestRevisionId"]
        document["changeSummary"] = "Measured again"
    shift.client.put(path, document)
    shift.say(f"Wrote the document `{key}` on {issue['identifier']}")


def find_document(shift: Shift, issue: Json, key: str) -> Json | None:
    """Return a document of an issue, None when it has none of that key."""
    try:
        document: Json = shift.client.get(f"/issues/{issue['id']}/documents/{key}")
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    return document


def children(shift: Shift, parent_id: str) -> list[Json]:
    """Return the child issues of an issue, oldest first."""
    query = urllib.parse.urlencode({"parentId": parent_id})
    rows: list[Json] = shift.client.get(f"/companies/{shift.me['companyId']}/issues?{query}")
    return sorted(rows, key=lambda row: row["issueNumber"])


def finish(shift: Shift, issue: Json, comment: str) -> None:
    """Say what was found and close the issue, both at once: nobody is woken for a half-told end."""
    shift.client.patch(f"/issues/{issue['id']}", {"status": "done", "comment": comment})
    shift.say(f"{issue['identifier']} is done")


def wait(shift: Shift, issue: Json, comment: str | None, *, blocked_by: Sequence[str] = ()) -> None:
    """Set the issue to blocked: it goes on when somebody else has done something, such as `blocked_by`."""
    body: Json = {"status": "blocked"}
    if comment is not None:
        body["comment"] = comment
    if blocked_by:
        body["blockedByIssueIds"] = list(blocked_by)
    shift.client.patch(f"/issues/{issue['id']}", body)


def answer(shift: Shift, issue: Json, text: str) -> None:
    """Answer whoever woke the agent with a comment; when nobody did, say nothing."""
    if shift.heard:
        shift.client.post(f"/issues/{issue['id']}/comments", {"body": text})


def give_up(shift: Shift, issue: Json, why: str) -> None:
    """Set the issue to blocked with the reason, said once however often it is met (K-45)."""
    text = f"I cannot go on: {why}"
    latest = shift.client.get(f"/issues/{issue['id']}/comments?order=desc&limit=1")
    is_said = bool(latest) and latest[0]["body"] == text
    wait(shift, issue, None if is_said else text)
