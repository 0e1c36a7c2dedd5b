"""What kind of failure ended a run: a pure look at its error text, exit code, signal and structured codes (H-115).

The table is asked in its order and the first row that knows the failure wins. Words are matched whole and status
numbers only where they are a status, so "429" inside an id, "oom" in "room" and "eof" in "typeof" mean nothing
(HW-25).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from heartbeat.choices import FailureCategory
from heartbeat.endings import PROCESS_LOST

# Longer error texts are read to here: what went wrong is said early, and reading must cost little.
TEXT_CHARS = 16 * 1024
TRANSIENT_FAMILY = "transient_upstream"


@dataclass(frozen=True)
class Failure:
    """What is known of a failure. `http_status` is the upstream's answer where the adapter reports one."""

    error: str | None = None
    error_code: str | None = None
    error_family: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    timed_out: bool = False
    http_status: int | None = None

    @property
    def text(self) -> str:
        """The error text, as far as it is looked at."""
        return (self.error or "")[:TEXT_CHARS]


@dataclass(frozen=True)
class Diagnosis:
    """The kind of a failure, whether trying again may help, and what a person can do about it.

    `analysis` is the fix the interface names for it (H-115, H-116), empty for most. `rule` names the operator's
    rule that knew it, None for a row of the table.
    """

    category: str
    is_retryable: bool
    advice: str
    analysis: str = ""
    rule: str | None = None

    @property
    def kind(self) -> str:
        """The category in words."""
        return str(FailureCategory(self.category).label)


def diagnose(failure: Failure) -> Diagnosis:
    """Return what kind of failure it is, by the table of H-115."""
    category = _category(failure)
    advice = _ADVICE_BY_CODE.get(failure.error_code or "") or ADVICE[category]
    return Diagnosis(category, category in RETRYABLE, advice, ANALYSIS.get(category, ""))


def _category(failure: Failure) -> FailureCategory:
    code = failure.error_code or ""
    # The clock of the run sends a signal too; what made it do so says more.
    if failure.timed_out:
        return FailureCategory.TIMEOUT
    if code == PROCESS_LOST or _was_killed(failure):
        return FailureCategory.PROCESS_KILLED
    text = failure.text
    statuses = _statuses(text) | ({failure.http_status} if failure.http_status else set())
    for row in _TABLE:
        if row.knows(text, statuses, code):
            return row.category
    if failure.error_family == TRANSIENT_FAMILY or code.endswith(f"_{TRANSIENT_FAMILY}"):
        return FailureCategory.RATE_LIMIT
    if failure.exit_code in _EXIT_CODES_OF_SIGNALS:
        return FailureCategory.PROCESS_KILLED
    return FailureCategory.UNKNOWN


def _was_killed(failure: Failure) -> bool:
    if failure.signal in ("SIGKILL", "SIGTERM"):
        return True
    return failure.exit_code is None and bool(failure.signal)


# A shell reports a program that a signal ended as 128 + its number: SIGKILL and SIGTERM.
_EXIT_CODES_OF_SIGNALS = (137, 143)


@dataclass(frozen=True)
class _Row:
    category: FailureCategory
    words: re.Pattern[str]
    statuses: Collection[int] = ()
    codes: Collection[str] = ()
    code_ends: tuple[str, ...] = ()

    def knows(self, text: str, statuses: set[int], code: str) -> bool:
        """Whether the failure is of this row."""
        if code and (code in self.codes or (self.code_ends and code.endswith(self.code_ends))):
            return True
        return not statuses.isdisjoint(self.statuses) or self.words.search(text) is not None


def _words(*expressions: str) -> re.Pattern[str]:
    """Match any of `expressions` as whole words; `_` joins words as a space does (`rate_limit_error`)."""
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(expressions)})(?![a-z0-9])", re.IGNORECASE)


_TABLE: tuple[_Row, ...] = (
    _Row(
        FailureCategory.NOT_FOUND,
        _words("enoent", "no such file", "not[ _-]found"),
        statuses=(404, 410),
        codes=("command_not_found", "cwd_missing", "cwd_not_directory"),
    ),
    _Row(
        FailureCategory.PERMISSION_DENIED,
        _words("permission[ _]denied", "eacces"),
        statuses=(401, 403),
        codes=("command_not_executable",),
        code_ends=("auth_required", "pairing_required"),
    ),
    _Row(
        FailureCategory.RATE_LIMIT,
        _words(
            r"rate[ _-]?limit(?:s|ed|er|ing|error|exceeded)?",
            "too many requests",
            r"usage limit|5[ -]?hour limit|weekly limit reached",
            r"overloaded_error|server overloaded|throttlingexception",
        ),
        statuses=(429, 529),
    ),
    _Row(
        FailureCategory.TIMEOUT,
        # A flag or a setting of that name is no timeout: --timeout, timeout_sec, API_TIMEOUT_MS, timeout=10.
        re.compile(
            r"(?<![\w-])(?:(?:connect|connection|read|request|response|socket|gateway|pool|api)?[ _]?"
            r"time-?out(?:error|exception)?|e(?:socket)?timedout|timed[ -]?out)(?![\w=-])",
            re.IGNORECASE,
        ),
        statuses=(408, 504),
        codes=("timeout",),
        code_ends=("_timeout",),
    ),
    _Row(
        FailureCategory.NETWORK_ERROR,
        _words(
            r"empty (?:or malformed )?response",
            "econnreset",
            "econnrefused",
            "econnaborted",
            "epipe",
            "eai_again",
            "enetunreach",
            "ehostunreach",
            r"connection (?:was )?(?:reset|refused|dropped|aborted|closed)",
            "socket hang up",
            "stream disconnected",
            "network error",
        ),
        statuses=(502, 503),
    ),
    _Row(
        FailureCategory.EOF_ERROR,
        _words("eof", "eof ?error", "eofexception", "unexpectedeof", r"end[ -]of[ -]file"),
    ),
    _Row(
        FailureCategory.OOM,
        _words(r"out[ -]of[ -]memory", "oom", r"oom[ -]?kill(?:ed|er)", "enomem", "memoryerror"),
    ),
)

_NOT_COUNTED = (
    r"(?![\w-]|\.\d|\s+(?:rows?|results?|items?|files?|records?|lines?|bytes|tokens|ms|seconds?)\b)"
)
# A number is a status where something names it one, where it stands alone in brackets, before its usual phrase, or
# where it opens what the program said.
_STATUS = (
    re.compile(
        r"(?<![a-z0-9])(?:https?(?:/\d(?:\.\d)?)?|(?:\w{1,32}_)?status(?:[ _-]?code)?|error(?:[ _-]?code)?|code"
        r"|response|answered|returned|received)[\"']?\s{0,2}[:=]?\s{0,2}(?:(?:is|was|of)\s)?[\"'(\[]?"
        rf"([45]\d\d){_NOT_COUNTED}",
        re.IGNORECASE,
    ),
    re.compile(r"(?<=[(\[])([45]\d\d)(?=[)\]])"),
    re.compile(
        r"(?<![\w.#/-])(401 unauthorized|403 forbidden|404 not found|429 too many|502 bad gateway"
        r"|503 service unavailable|504 gateway time|529 overloaded)",
        re.IGNORECASE,
    ),
    re.compile(r"(?:^\s*|\bcode \d{1,3}: )([45]\d\d)(?=\s*$|\s+(?:status\b|\{|You\b))"),
)


def _statuses(text: str) -> set[int]:
    return {int(found[:3]) for pattern in _STATUS for found in pattern.findall(text)}


RETRYABLE = frozenset(
    {
        FailureCategory.PROCESS_KILLED,
        FailureCategory.RATE_LIMIT,
        FailureCategory.TIMEOUT,
        FailureCategory.NETWORK_ERROR,
        FailureCategory.EOF_ERROR,
    }
)
ANALYSIS: dict[str, str] = {
    FailureCategory.RATE_LIMIT: "Wait and retry on next heartbeat interval",
}
ADVICE: dict[str, str] = {
    FailureCategory.PROCESS_KILLED: (
        "The program was killed from outside. If it happens again, look on the runner's host for what kills it: a"
        " memory limit, a restart, or a person."
    ),
    FailureCategory.NOT_FOUND: (
        "Something the run needs is not there: a command, a file, a folder or a model. Correct the name in the"
        " agent's configuration or put the thing in place, then wake the agent."
    ),
    FailureCategory.PERMISSION_DENIED: (
        "The agent was not let in. Check the file rights of its folder, or sign its program in again, then wake it."
    ),
    FailureCategory.RATE_LIMIT: (
        "The provider asked to slow down. Waiting is enough; if it happens often, run fewer agents at once on this"
        " account or raise its limits."
    ),
    FailureCategory.TIMEOUT: (
        "It took too long. Raise the agent's timeout, or split the work into smaller issues."
    ),
    FailureCategory.NETWORK_ERROR: (
        "The connection to the upstream broke. Check the network and proxy of the runner's host if it goes on."
    ),
    FailureCategory.EOF_ERROR: (
        "The answer ended in the middle. If it happens again, look at the end of the run's log for what was cut off."
    ),
    FailureCategory.OOM: (
        "The program ran out of memory. Give the runner's host more, or run fewer agents on it at once."
    ),
    FailureCategory.UNKNOWN: (
        "Nothing known fits this failure. Read the end of the run's log; a failure rule can teach Paperclip the next"
        " one."
    ),
}
# Codes that say more than their category.
_ADVICE_BY_CODE: dict[str, str] = {
    "max_turns_exhausted": (
        "The agent used up the turns it has per run. Raise its limit of turns, or split the work."
    ),
    "turn_limit_exhausted": (
        "The agent used up the turns it has per run. Raise its limit of turns, or split the work."
    ),
    "adapter_config_invalid": "Correct the agent's adapter configuration as the error says, then wake the agent.",
    "command_not_found": "Install the agent's command on the runner's host, or correct `command`, then wake the agent.",
    "command_not_executable": "Make the agent's command executable on the runner's host, then wake the agent.",
    "cwd_missing": "Create the agent's folder on the runner's host, or correct `cwd`, then wake the agent.",
    "cwd_not_directory": "The agent's `cwd` names a file. Correct it, then wake the agent.",
    "log_write_failed": "The disk of the runner's host does not take the run's log. Free space there.",
    "process_lost": (
        "The host or its runner stopped in the middle of the run. Look at the runners page if it happens again."
    ),
}
