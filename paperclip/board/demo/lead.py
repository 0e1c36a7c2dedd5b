"""The lead: breaks the audit into parts, waits for them, and writes the report.

Each heartbeat looks at what is there and does the next thing, so it does not matter which wake brings it or
what an interrupted one had done: create the parts that are missing, wait while any is open, else report.
"""

from __future__ import annotations

from paperclip.board.demo import parts, report, shift
from paperclip.board.demo.parts import CROSS_CHECK, PARTS, Part
from paperclip.board.demo.shift import CLOSED, Json, Shift, Trouble

REPORT = "report"


def work(at: Shift, issue: Json) -> None:
    """Take the audit one step further. Raises Trouble and ApiError."""
    children = shift.children(at, issue["id"])
    if _missing(children):
        if not shift.take(at, issue):
            return
        _plan(at, issue, children)
    elif _open(children):
        _wait_for(at, issue, children)
    # Looked at again: a part that ended during this heartbeat called an agent that was awake already.
    children = shift.children(at, issue["id"])
    if not _open(children) and shift.take(at, issue):
        _report(at, issue, children)


def _missing(children: list[Json]) -> list[Part]:
    there = {parts.of(child["description"]) for child in children}
    return [part for part in PARTS if part not in there]


def _open(children: list[Json]) -> list[Json]:
    return [child for child in children if child["status"] not in CLOSED]


def _wait_for(at: Shift, issue: Json, children: list[Json]) -> None:
    if issue["status"] != "blocked":
        shift.wait(at, issue, None)
    waiting = ", ".join(child["identifier"] for child in _open(children))
    at.say(f"Waiting for {waiting}")
    shift.answer(at, issue, f"Still to come: {waiting}. The report follows when they are done.")


# --- Breaking it down ------------------------------------------------------------------------------------


def _plan(at: Shift, issue: Json, children: list[Json]) -> None:
    """Create the parts that are missing and wait for all of them."""
    shift.survey(at, issue)
    workers = _workers(at)
    given = {part: child for child in children if (part := parts.of(child["description"]))}
    lines: list[str] = []
    for number, part in enumerate(PARTS):
        worker = _worker_for(part, workers, number)
        if part not in given:
            given[part] = _give_out(at, issue, part, worker, [child["id"] for child in given.values()])
        after = " (when all others are done)" if part.after_all_others else ""
        lines.append(f"- {given[part]['identifier']} {part.title}: {worker['name']}{after}")
    last = given[CROSS_CHECK]
    comment = (
        "I have broken the audit into parts:\n\n" + "\n".join(lines) + "\n\nThis issue is blocked by"
        f" {last['identifier']}, which waits for all others: before it is done there is nothing to do here."
    )
    shift.wait(at, issue, comment, blocked_by=[last["id"]])
    at.say(f"{issue['identifier']} waits for {last['identifier']}; I am called when every part is done")


def _give_out(at: Shift, issue: Json, part: Part, worker: Json, others: list[str]) -> Json:
    body = {
        "title": part.title,
        "description": part.description(),
        "assigneeAgentId": worker["id"],
        "priority": issue["priority"],
        **({"blockedByIssueIds": others} if part.after_all_others else {}),
    }
    child: Json = at.client.post(f"/issues/{issue['id']}/children", body)
    waits = f", after {len(others)} others" if part.after_all_others else ""
    at.say(f"{child['identifier']} {part.title}: for {worker['name']}{waits}")
    return child


def _workers(at: Shift) -> list[Json]:
    """Return the agents that report to the lead and may be given work. Raises Trouble when there are none."""
    agents = at.client.get(f"/companies/{at.me['companyId']}/agents")
    unable = ("terminated", "pending_approval", "paused")
    mine = [agent for agent in agents if agent["reportsTo"] == at.me["id"]]
    workers = [agent for agent in mine if agent["status"] not in unable]
    if not workers:
        raise Trouble("Nobody who could work reports to me: resume a worker, or hire one")
    return workers


def _worker_for(part: Part, workers: list[Json], number: int) -> Json:
    """Return the worker whose trade the part is, else the next in turn."""
    named = next((worker for worker in workers if worker["name"] == part.worker), None)
    return named or workers[number % len(workers)]


# --- Putting it together ---------------------------------------------------------------------------------


def _report(at: Shift, issue: Json, children: list[Json]) -> None:
    """Read what the workers wrote, write the report, close the audit."""
    chapters: list[report.Chapter] = []
    for child in children:
        part = parts.of(child["description"])
        if part is None:
            continue
        document = shift.find_document(at, child, part.key)
        at.say(f"{child['identifier']} {part.title}: {'read' if document else 'left no document'}")
        body = document["body"] if document else None
        chapters.append(report.Chapter(part, child["identifier"], child["status"], body))
    project = issue["project"]["name"] if issue["project"] else "the repository"
    shift.write_document(at, issue, key=REPORT, title=f"Audit of {project}", body=report.write(chapters))
    shift.finish(at, issue, f"{report.summary(chapters)}\n\nThe report is in the document `{REPORT}`.")
