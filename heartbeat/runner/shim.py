"""Owns one agent program for its whole life: `python -I -S shim.py <run directory> [lock fd]`.

Called as `shim.py --nursery <socket fd>` it owns none, but forks such shims on request: see `nurse`.

The control plane may die and come back while an agent works; the agent belongs to this program
instead. It feeds standard input, keeps the log, enforces the timeout, passes on a cancellation, ends
what the agent leaves behind, and writes `exit.json` as its very last act. Parent and shim talk through
the files named below and one lock: `alive` is locked exclusively for as long as the shim lives, so a
free lock, and nothing else, means a dead shim.

It uses the standard library only and must never import Django or a package of this project. Imports
are chosen for start-up time, which every run pays: json, signal, hashlib, ctypes and selectors cost
about 15 ms together, the C modules beneath them one. pathlib is left out for the same reason.
"""
# ruff: noqa: PTH104, PTH108, PTH110, PTH112, PTH113, PTH116, PTH117, PTH118, PTH123, PTH208

import errno
import fcntl
import os
import select
import stat
import sys
import time

try:
    from _json import encode_basestring as quote
    from _json import make_scanner
except ImportError:  # an interpreter without the C accelerator
    from json.encoder import py_encode_basestring as quote

    make_scanner = None  # type: ignore[assignment,misc]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from hashlib import sha256
    from typing import Any, NoReturn
else:
    import _signal as signal

    try:
        if sys.version_info >= (3, 12):
            from _sha2 import sha256
        else:
            from _sha256 import sha256
    except ImportError:
        from hashlib import sha256

VERSION = 1

SPEC_FILE = "spec.json"
ENV_FILE = "env.json"
PID_FILE = "shim.pid"
ALIVE_FILE = "alive"
STARTED_FILE = "started.json"
LOG_FILE = "log.ndjson"
SECRET_MARKER = "***REDACTED***"  # noqa: S105  what stands in a secret's place
SECRET_MIN_LENGTH = 8
PICTURE_MIN_LENGTH = 1024
PICTURE_MARKER = b"[image left out: %d characters of base64]"
EXIT_FILE = "exit.json"
CANCEL_FILE = "cancel"
RESERVE_FILE = "reserve"
SHIM_ERRORS_FILE = "shim.err"

COMMAND_NOT_FOUND = "command_not_found"
COMMAND_NOT_EXECUTABLE = "command_not_executable"
CWD_MISSING = "cwd_missing"
CWD_NOT_DIRECTORY = "cwd_not_directory"
SPAWN_FAILED = "spawn_failed"
LOG_WRITE_FAILED = "log_write_failed"
SHIM_FAILED = "shim_failed"

CHUNK_BYTES = 8 * 1024
READ_BYTES = 64 * 1024
TAIL_BYTES = 64 * 1024
RESERVE_BYTES = 16 * 1024

QUIET_SECONDS = 0.2
STALE_SECONDS = 1.0
LINGER_SECONDS = 0.25
LEFTOVER_GRACE_SECONDS = 2.0
GIVE_UP_SECONDS = 5.0
LAST_DRAIN_SECONDS = 0.5
RETRY_SECONDS = 1.0
EXIT_WRITE_SECONDS = 60.0

PR_SET_CHILD_SUBREAPER = 36

NURSERY = "--nursery"
REQUEST_BYTES = 8 * 1024
STARTED = b"+"
REFUSED = b"!"


class StartError(Exception):
    """The agent program was not started: a code, and a sentence a person can act on."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


# -- small tools ------------------------------------------------------------------------------------


class _ScannerOptions:
    """What `json.JSONDecoder` would tell the C scanner."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def parse(text: str) -> "Any":
    """Return the value of a JSON document. Raises ValueError when the text is not one."""
    if make_scanner is not None:
        try:
            value, end = make_scanner(_ScannerOptions)(text, 0)  # type: ignore[arg-type]
            if end == len(text):
                return value
        except (StopIteration, SystemError):  # the bare scanner cannot tell what it does not like; json can
            pass
    from json import loads

    return loads(text)


def render(value: object) -> str:
    """Return the JSON text of null, booleans, whole numbers, strings and dictionaries of those."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{quote(key)}:{render(item)}" for key, item in value.items()) + "}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def now_text() -> str:
    """Return the time of day as ISO 8601 in UTC with milliseconds and Z."""
    ms = time.time_ns() // 1_000_000
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


def reason_of(error: OSError) -> str:
    """Return the system's words for an error."""
    return os.strerror(error.errno or errno.EIO)


def write_whole(fd: int, data: bytes) -> None:
    """Write all of `data`. A full disk takes a part of it; asking again for the rest tells why."""
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, data[written:])


def write_atomically(name: str, record: "dict[str, object]") -> None:
    """Put a JSON file into the run directory so that readers see all of it or nothing."""
    temporary = name + ".tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_whole(fd, render(record).encode("utf-8", "replace") + b"\n")
    finally:
        os.close(fd)
    os.rename(temporary, name)


def signal_name(number: int) -> str:
    """Return "SIGKILL" for 9; real-time signals, which have no name of their own, by number."""
    from signal import Signals

    try:
        return Signals(number).name
    except ValueError:
        return f"SIG{number}"


def character_end(data: bytearray, end: int) -> int:
    """Return the largest cut at or before `end` that does not fall inside a UTF-8 sequence."""
    for back in range(1, min(3, end) + 1):
        byte = data[end - back]
        if byte & 0xC0 == 0x80:
            continue
        length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return end - back if length > back else end
    return end


# -- secrets ----------------------------------------------------------------------------------------


class Secrets:
    """What the log must not show: values as they are, as JSON writes them, and the lines of those that have several.

    Short ones are left, for they would eat ordinary words.
    """

    def __init__(self, values: "Iterable[str]" = ()) -> None:
        forms: set[str] = set()
        for value in values:
            forms.update((value, quote(value)[1:-1], *(line.strip() for line in value.splitlines())))
        # Longest first, so that a secret which contains another goes as a whole.
        self.texts = sorted((form for form in forms if len(form) >= SECRET_MIN_LENGTH), key=len, reverse=True)
        self.forms = [form.encode("utf-8", "replace") for form in self.texts]

    def mask(self, text: str) -> str:
        """Return the text with the marker in place of every secret."""
        for secret in self.texts:
            text = text.replace(secret, SECRET_MARKER)
        return text

    def cut(self, data: bytearray, cut: int) -> int:
        """Return the largest cut at or before `cut` that does not fall inside a secret, complete or still growing.

        0 means that more has to come first. A secret that begins the data is never cut, but let through.
        """
        if cut == 0:
            return 0
        moved = True
        while moved:
            moved = False
            for form in self.forms:
                start = self._find(form, data, cut)
                if start is not None:
                    cut, moved = start, start > 0
        if cut:
            return cut
        return next((len(form) for form in self.forms if data.startswith(form)), 0)

    def unfinished(self, data: bytearray) -> int:
        """Return where a secret begins that the end of the data cut off; the length of the data where none is."""
        end = len(data)
        starts = (self._find(form, data, end) for form in self.forms)
        start = min((start for start in starts if start is not None), default=end)
        return start if end - start >= SECRET_MIN_LENGTH else end

    def _find(self, form: bytes, data: bytearray, cut: int) -> "int | None":
        """Return where `form` begins before the cut and goes on after it, as far as the data goes."""
        start = data.find(form[:1], max(0, cut - len(form) + 1), cut)
        while start != -1:
            if form.startswith(data[start : start + len(form)]):
                return start
            start = data.find(form[:1], start + 1, cut)
        return None


# -- pictures ---------------------------------------------------------------------------------------

# How PNG, JPEG (also as JSON may write it), GIF and WebP begin in base64, and what announces any other.
PICTURE_STARTS = (b"iVBORw0KGg", b"/9j/", b"\\/9j\\/", b"R0lGOD", b"UklGR", b"data:image/")
ANNOUNCED = b"data:image/"
ANNOUNCEMENT_BYTES = 64
BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\"


class Pictures:
    """Takes pictures in base64 out of one output stream, however it was read in pieces (H-90).

    A picture of PICTURE_MIN_LENGTH characters or more becomes a marker that says how long it was. What may still
    become one is held back; a picture itself is only counted, so its length costs nothing.
    """

    def __init__(self) -> None:
        self.held = bytearray()
        self.length = 0  # characters so far of the picture the stream is in the middle of

    def pass_on(self, data: bytes) -> bytes:
        """Return what of the stream can be handed on, now that this was read."""
        self.held += data
        passed = bytearray()
        while self.held and self._advance(passed):
            pass
        return bytes(passed)

    def release(self) -> bytes:
        """Return what was held back only because a picture might begin with its last few characters."""
        return b"" if self.length or self._starts_here() else self.finish()

    def finish(self) -> bytes:
        """Return whatever is held back: nothing more will come."""
        rest = (PICTURE_MARKER % self.length if self.length else b"") + self.held
        self.held.clear()
        self.length = 0
        return rest

    def _advance(self, passed: bytearray) -> bool:
        """Move one step through what is held; False when more must be read first."""
        if self.length:
            return self._skip(passed)
        if not self._starts_here():
            return self._find(passed)
        head = self._head()
        if head is None:
            return False
        run = self._run(head, head + 2 * PICTURE_MIN_LENGTH)
        if run >= PICTURE_MIN_LENGTH:
            self._move(head, passed)
            self.length = run
            del self.held[:run]
            return True
        if not self.held[head + run :].strip(b"\\"):
            return False
        self._move(head + max(run, 1), passed)
        return True

    def _find(self, passed: bytearray) -> bool:
        """Pass on what comes before the next place where a picture may begin, a window's length at the most."""
        found = [at for start in PICTURE_STARTS if (at := self.held.find(start, 0, CHUNK_BYTES)) != -1]
        if found:
            self._move(min(found), passed)
        elif len(self.held) > CHUNK_BYTES:
            self._move(CHUNK_BYTES - len(ANNOUNCED), passed)
        else:
            self._move(len(self.held) - self._begun(), passed)
            return False
        return True

    def _skip(self, passed: bytearray) -> bool:
        run = self._run(0, len(self.held))
        self.length += run
        del self.held[:run]
        if not self.held.strip(b"\\"):
            return False
        passed += PICTURE_MARKER % self.length
        self.length = 0
        return True

    def _run(self, start: int, end: int) -> int:
        """Return how many characters of base64 begin that part; a last backslash may escape what follows."""
        body = self.held[start:end]
        return len(body[: len(body) - len(body.lstrip(BASE64))].rstrip(b"\\"))

    def _head(self) -> int | None:
        """Return how many bytes announce the picture that may begin here; None when that is not to be told yet."""
        if not self.held.startswith(ANNOUNCED):
            return 0
        comma = self.held.find(b",", 0, ANNOUNCEMENT_BYTES)
        if comma == -1:
            return None if len(self.held) < ANNOUNCEMENT_BYTES else len(ANNOUNCED)
        return comma + 1 if self.held[:comma].endswith(b";base64") else len(ANNOUNCED)

    def _starts_here(self) -> bool:
        return self.held.startswith(PICTURE_STARTS)

    def _begun(self) -> int:
        """Return how many of the last bytes may be the first ones of a picture."""
        for size in range(min(len(ANNOUNCED) - 1, len(self.held)), 0, -1):
            if any(start.startswith(self.held[-size:]) for start in PICTURE_STARTS):
                return size
        return 0

    def _move(self, size: int, passed: bytearray) -> None:
        passed += self.held[:size]
        del self.held[:size]


# -- the log ----------------------------------------------------------------------------------------


class Log:
    """The NDJSON log: each entry one whole line, written by one system call, bounded in size.

    Past `max_bytes`, and while the disk refuses writes, only the newest TAIL_BYTES are kept, in memory;
    they are appended when the run ends or the disk takes writes again. The file never exceeds `max_bytes`
    by more than that tail and the few lines the shim says itself.
    """

    def __init__(self, max_bytes: int, secrets: "Secrets | None" = None) -> None:
        self.secrets = secrets or Secrets()
        self.fd = os.open(LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        self.max_bytes = max_bytes
        self.size = 0
        self.digest = sha256()
        self.is_full = False
        self.failure: str | None = None
        self.retry_at: float | None = None  # monotonic; set while the disk refuses writes
        self.tail: list[tuple[str, str, bytes]] = []
        self.tail_bytes = 0
        self.omitted_bytes = 0
        self.admitted_bytes = 0  # of the omitted ones, those the log itself owns up to

    def add(self, stream: str, data: bytes) -> None:
        """Store a chunk of output."""
        ts = now_text()
        if self.retry_at is not None and time.monotonic() >= self.retry_at:
            self.retry_at = None
            self._store_tail()
        if self.retry_at is None and not self.is_full:
            line = self._line(ts, stream, data)
            if self.size + len(line) > self.max_bytes:
                self.is_full = True
                self.note(f"The log has reached its limit of {self.max_bytes} bytes; its end will follow.")
            elif self._append(line):
                return
        self.tail.append((ts, stream, data))
        self.tail_bytes += len(data)
        while self.tail_bytes - len(self.tail[0][2]) >= TAIL_BYTES:
            self._omit_oldest()

    def note(self, sentence: str) -> bool:
        """Say something of the shim's own, whatever the size of the log; False if the disk refuses."""
        return self._append(self._line(now_text(), "system", f"[paperclip] {sentence}\n".encode()))

    def finish(self) -> None:
        """Append the end of an output that was not stored whole; nothing more will come."""
        self._store_tail()
        self.omitted_bytes += self.tail_bytes

    def _store_tail(self) -> None:
        lines: list[bytes] = []
        room = TAIL_BYTES
        for ts, stream, data in reversed(self.tail):
            line = self._line(ts, stream, data)
            room -= len(line)
            if room < 0:
                break
            lines.append(line)
        while len(self.tail) > len(lines):
            self._omit_oldest()
        missing = self.omitted_bytes - self.admitted_bytes
        if missing and self.note(f"{missing} bytes of output were left out here."):
            self.admitted_bytes = self.omitted_bytes
        if lines and self._append(b"".join(reversed(lines))):
            self.tail.clear()
            self.tail_bytes = 0

    def _omit_oldest(self) -> None:
        size = len(self.tail.pop(0)[2])
        self.tail_bytes -= size
        self.omitted_bytes += size

    def _line(self, ts: str, stream: str, data: bytes) -> bytes:
        # PostgreSQL text cannot hold NUL, and excerpts of the log end up there.
        chunk = self.secrets.mask(data.decode("utf-8", "replace").replace("\0", "\ufffd"))
        return f'{{"ts":"{ts}","stream":"{stream}","chunk":{quote(chunk)}}}\n'.encode()

    def _append(self, lines: bytes) -> bool:
        try:
            write_whole(self.fd, lines)
        except OSError as error:
            self.failure = self.failure or reason_of(error)
            self.retry_at = None if self.is_full else time.monotonic() + RETRY_SECONDS
            os.ftruncate(self.fd, self.size)  # takes back the first part of a line that did not fit
            return False
        self.size += len(lines)
        self.digest.update(lines)
        return True


class Stream:
    """One output pipe of the agent: counts all of it, hands it on in chunks that end at line ends.

    No chunk ends inside a secret: the log could not know one half by itself. Pictures are left out.
    """

    def __init__(
        self, name: str, fd: int, deliver: "Callable[[str, bytes], None]", secrets: "Secrets | None" = None
    ) -> None:
        self.name = name
        self.fd = fd
        self.deliver = deliver
        self.secrets = secrets or Secrets()
        self.pictures = Pictures()
        self.bytes = 0
        self.newlines = 0
        self.ends_open = False
        self.pending = bytearray()
        self.pending_since = 0.0
        self.flush_at: float | None = None

    @property
    def lines(self) -> int:
        """Lines seen so far, an unfinished last one included."""
        return self.newlines + self.ends_open

    def feed(self, data: bytes, now: float) -> None:
        """Take what was read; deliver whole lines, or CHUNK_BYTES of a line that is longer."""
        self.bytes += len(data)
        self.newlines += data.count(b"\n")
        self.ends_open = not data.endswith(b"\n")
        if not self.pending:
            self.pending_since = now
        self.pending += self.pictures.pass_on(data)
        while len(self.pending) > CHUNK_BYTES:
            cut = self.pending.rfind(b"\n", 0, CHUNK_BYTES) + 1
            if not self._deliver(cut or character_end(self.pending, CHUNK_BYTES)):
                break
            self.pending_since = now
        self._deliver(self.pending.rfind(b"\n") + 1)
        # A prompt without a newline shows soon; a line that is still growing is not cut needlessly.
        waiting = min(now + QUIET_SECONDS, self.pending_since + STALE_SECONDS)
        self.flush_at = waiting if self.pending or self.pictures.held else None

    def flush(self) -> None:
        """Deliver an unfinished line, except for an unfinished character."""
        self.flush_at = None
        self.pending += self.pictures.release()
        self._deliver(character_end(self.pending, len(self.pending)))

    def finish(self) -> None:
        """Deliver whatever is left; nothing more will come."""
        self.flush_at = None
        self.pending += self.pictures.finish()
        unfinished = self.secrets.unfinished(self.pending)
        if unfinished < len(self.pending):
            self.pending[unfinished:] = SECRET_MARKER.encode()
        if self.pending:
            self.deliver(self.name, bytes(self.pending))
            self.pending.clear()

    def _deliver(self, cut: int) -> bool:
        """Deliver about so much; False when nothing can be delivered yet."""
        cut = self.secrets.cut(self.pending, cut)
        if cut:
            self.deliver(self.name, bytes(self.pending[:cut]))
            del self.pending[:cut]
        return cut > 0


# -- starting the agent -----------------------------------------------------------------------------


def take_environment() -> "dict[str, str]":
    """Read the agent's environment and remove the file at once: it holds secrets."""
    try:
        with open(ENV_FILE, encoding="utf-8") as file:
            os.unlink(ENV_FILE)
            env = parse(file.read())
    except (OSError, ValueError) as error:
        raise unusable(ENV_FILE, type(error).__name__) from error
    if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
        raise unusable(ENV_FILE, "not a table of names and texts")
    return env


def read_spec() -> "dict[str, Any]":
    """Read what to run. Raises StartError when the file is not a spec of this version."""
    try:
        with open(SPEC_FILE, encoding="utf-8") as file:
            spec = parse(file.read())
    except (OSError, ValueError) as error:
        raise unusable(SPEC_FILE, type(error).__name__) from error
    if not isinstance(spec, dict) or spec.get("version") != VERSION:
        raise unusable(SPEC_FILE, f"not of version {VERSION}")
    return spec


def secrets_of(spec: "Mapping[str, Any]", env: "Mapping[str, str]") -> Secrets:
    """Return what the log must not show: the values of the variables the spec names."""
    return Secrets(env[name] for name in spec.get("maskEnv", ()) if name in env)


def unusable(name: str, why: str) -> StartError:
    """Return the error for a file of the run directory that cannot be used."""
    return StartError(SPAWN_FAILED, f"The file {name} in the run's directory cannot be used: {why}.")


def check_cwd(cwd: str) -> None:
    """Raise StartError unless the working directory is a directory."""
    advice = "Create it, or correct cwd in the agent's settings."
    try:
        is_directory = os.path.isabs(cwd) and stat.S_ISDIR(os.stat(cwd).st_mode)
    except NotADirectoryError:
        is_directory = False
    except (FileNotFoundError, ValueError):
        raise StartError(CWD_MISSING, f'Working directory not found: "{cwd}". {advice}') from None
    except OSError as error:
        message = f'Working directory "{cwd}" cannot be used: {reason_of(error)}.'
        raise StartError(SPAWN_FAILED, message) from None
    if not is_directory:
        message = f'Working directory is not the absolute path of a directory: "{cwd}". {advice}'
        raise StartError(CWD_NOT_DIRECTORY, message)


def find_program(command: str, cwd: str, path: str) -> str:
    """Return the absolute path of a command as a shell in `cwd` with this PATH would find it (A-42)."""
    folders = [""] if "/" in command else path.split(":")
    refused = None
    for folder in folders if command else []:
        candidate = os.path.join(cwd, folder, command)
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
        if os.path.isfile(candidate) or (os.path.isdir(candidate) and "/" in command):
            refused = refused or candidate
    if refused:
        raise not_executable(refused, "Make it a program this user may run (chmod +x)")
    where = "" if "/" in command else " in PATH"
    message = (
        f'Command not found{where}: "{command}". Install it, or correct command in the agent\'s settings.'
    )
    raise StartError(COMMAND_NOT_FOUND, message)


def not_executable(program: str, advice: str) -> StartError:
    """Return the error for a program that is there but may not or cannot be run (A-42)."""
    message = f'Command is not executable (permission denied): "{program}". {advice}.'
    return StartError(COMMAND_NOT_EXECUTABLE, message)


def spawn(program: str, argv: "list[str]", env: "Mapping[str, str]", cwd: str, stdio: "Sequence[int]") -> int:
    """Start the program in a session of its own and return its pid once it really runs.

    `stdio` are the descriptors for its input, output and errors. Raises StartError.
    """
    report, report_end = os.pipe()
    # A signal that reached the copy before it is the agent would be written to the shim's own wake-up pipe.
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _become(program, argv, env, cwd, stdio, report_end)
    except OSError as error:
        os.close(report)
        raise StartError(SPAWN_FAILED, f"No process could be started: {reason_of(error)}.") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.close(report_end)
    problem = os.read(report, 64)
    os.close(report)
    if problem:
        os.waitpid(pid, 0)
        step, number = problem.decode().split()
        raise explain(step, int(number), program, cwd)
    return pid


def _become(
    program: str,
    argv: "list[str]",
    env: "Mapping[str, str]",
    cwd: str,
    stdio: "Sequence[int]",
    report_end: int,
) -> "NoReturn":
    step = "exec"
    number = errno.EINVAL
    try:
        os.setsid()
        for target, fd in enumerate(stdio):
            os.dup2(fd, target)
        for each in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        step = "chdir"
        os.chdir(cwd)
        step = "exec"
        os.execve(program, argv, env)  # noqa: S606 - running it is the purpose
    except OSError as error:
        number = error.errno or number
    finally:  # also for a NUL in an argument: nothing may run on in this copy of the shim
        os.write(report_end, f"{step} {number}".encode())
        os._exit(127)


def explain(step: str, number: int, program: str, cwd: str) -> StartError:
    """Return the error for a program that was found but did not start."""
    reason = os.strerror(number)
    if step == "chdir":
        return StartError(SPAWN_FAILED, f'Working directory "{cwd}" cannot be entered: {reason}.')
    if number in (errno.EACCES, errno.EPERM):
        return not_executable(program, "It, its interpreter or its disk may not be executed by this user")
    if number == errno.ENOENT:
        message = (
            f'Command is not executable: "{program}". The interpreter in its first line (#!) was not found.'
        )
        return StartError(COMMAND_NOT_EXECUTABLE, message)
    if number == errno.ENOEXEC:
        message = (
            f'Command is not executable: "{program}". It is neither a program for this machine nor a script '
            "whose first line (#!) names its interpreter."
        )
        return StartError(COMMAND_NOT_EXECUTABLE, message)
    if number == errno.E2BIG:
        reason = "its arguments and environment are too big"
    if number == errno.EINVAL:
        reason = "an argument or a variable holds a forbidden character"
    return StartError(SPAWN_FAILED, f'Failed to start command "{program}": {reason}.')


def become_subreaper() -> bool:
    """Have descendants that lose their parent handed to this process, where the platform can do so."""
    if sys.platform != "linux":
        return False
    try:
        from _ctypes import call_function, dlopen, dlsym

        prctl = dlsym(dlopen(None, 0), "prctl")  # type: ignore[arg-type]
        return bool(call_function(prctl, (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0)
    except (ImportError, OSError):
        return False


def own_children() -> "list[int]":
    """Return the pids of this process's children (Linux only)."""
    me = os.getpid()
    try:
        with open(f"/proc/self/task/{me}/children", encoding="utf-8") as file:
            return [int(pid) for pid in file.read().split()]
    except FileNotFoundError:  # a kernel built without that list
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _parent_of(pid) == me]


def _parent_of(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


# -- owning the agent -------------------------------------------------------------------------------


class Shim:
    """One run, from reading its spec to writing its exit file."""

    def __init__(self) -> None:
        self.log: Log | None = None
        self.streams: list[Stream] = []
        self.poll = select.poll()
        self.handlers: dict[int, Callable[[], object]] = {}
        self.stdin_fd: int | None = None
        self.stdin_left = memoryview(b"")
        self.is_subreaper = False

        self.pid: int | None = None
        self.status: int | None = None  # of waitpid, once the agent has ended
        self.error: StartError | None = None
        self.timed_out = False
        self.cancelled = False
        self.grace_seconds = 1.0
        self.kill_at: float | None = None
        self.is_ending_leftovers = False
        self.asked: set[int] = set()
        self.leftovers = 0

        self.started_at: str | None = None
        self.finished_at: str | None = None
        self.output_seq = 0
        self.last_output_at: str | None = None
        self.last_output_stream: str | None = None

    # The phases of a run.

    def run(self) -> None:
        """Start the agent and stay until it and all it left behind have ended."""
        try:
            env = take_environment()
            spec = read_spec()
            self._take_charge(spec, env)
            # The parent writes the cancel file first and looks for the pid file second, the shim does the
            # reverse: whichever comes late sees the other's, so no cancellation falls between.
            if os.path.exists(CANCEL_FILE):
                self.cancelled = True
                return
            self._start(spec, env)
        except StartError as error:
            self.error = error
            return
        self._watch(spec["timeoutSec"])
        self._end_leftovers()
        self._drain()

    def _take_charge(self, spec: "dict[str, Any]", env: "Mapping[str, str]") -> None:
        """Make ready to be signalled and to log, then say which process to signal."""
        wake, wake_end = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(wake_end, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda number, frame: None)  # the number arrives through the pipe
        self._listen(wake, select.POLLIN, lambda: self._on_signals(wake))
        self.grace_seconds = max(1.0, spec["graceSec"])
        try:
            self.log = Log(spec["maxLogBytes"], secrets_of(spec, env))
            write_atomically(PID_FILE, {"pid": os.getpid(), "startedAt": now_text(), "bootId": boot_id()})
        except OSError as error:
            reason = reason_of(error)
            message = f"The run's files cannot be written ({reason}), so its program was not started."
            raise StartError(LOG_WRITE_FAILED, message) from error

    def _start(self, spec: "dict[str, Any]", env: "Mapping[str, str]") -> None:
        """Start the agent program and record that it runs."""
        argv, cwd = spec["argv"], spec["cwd"]
        for note in spec.get("notes", ()):
            self._note(note)
        check_cwd(cwd)
        program = find_program(argv[0] if argv else "", cwd, env.get("PATH") or os.defpath)
        self.is_subreaper = become_subreaper()
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        if spec["stdin"] is None:
            stdin = os.open(os.devnull, os.O_RDONLY)
        else:
            stdin, self.stdin_fd = os.pipe()
            self.stdin_left = memoryview(spec["stdin"].encode("utf-8", "replace"))
        try:
            self.pid = spawn(program, argv, env, cwd, (stdin, out_end, err_end))
        finally:
            for fd in (stdin, out_end, err_end):
                os.close(fd)
        self.started_at = now_text()
        self._record_start()
        assert self.log is not None
        for name, fd in (("stdout", out), ("stderr", err)):
            self._follow(Stream(name, fd, self._on_output, self.log.secrets))
        if self.stdin_fd is not None:
            os.set_blocking(self.stdin_fd, False)
            self._listen(self.stdin_fd, select.POLLOUT, self._on_stdin_room)

    def _record_start(self) -> None:
        try:
            write_atomically(
                STARTED_FILE, {"pid": self.pid, "processGroupId": self.pid, "startedAt": self.started_at}
            )
        except OSError as error:  # the agent runs already, and the exit file carries the same facts
            self._note(f"{STARTED_FILE} could not be written: {reason_of(error)}.")

    def _watch(self, timeout_seconds: float) -> None:
        """Serve the agent until it ends, and make it end when its time is over."""
        deadline = time.monotonic() + timeout_seconds if timeout_seconds > 0 else None
        is_killed = False
        while not self._has_ended():
            until = deadline if self.kill_at is None else self.kill_at
            self._turn(None if is_killed else until)
            now = time.monotonic()
            if self._has_ended() or is_killed:
                continue
            if self.kill_at is not None:
                if now >= self.kill_at:
                    is_killed = True
                    self._note("It did not end in time; sent SIGKILL to its process group.")
                    self._signal_group(signal.SIGKILL)
            elif deadline is not None and now >= deadline:
                self.timed_out = True
                self._terminate(f"Timed out after {timeout_seconds:g} s")

    def _has_ended(self) -> bool:
        return self.status is not None

    def _end_leftovers(self) -> None:
        """End what outlived the agent program: SIGTERM, a short grace, SIGKILL.

        A pipeline's last writers get a moment to end by themselves first, unless the run was told to end.
        """
        self._close_stdin()
        now = time.monotonic()
        act_at = now if self.kill_at is not None else now + LINGER_SECONDS
        force_at = act_at + LEFTOVER_GRACE_SECONDS
        if self.kill_at is not None:
            force_at = min(force_at, self.kill_at)
        give_up_at = force_at + GIVE_UP_SECONDS
        while self._is_anything_left():
            now = time.monotonic()
            if now >= give_up_at:
                self._note("Processes it left behind could not be ended.")
                break
            until = give_up_at
            if now >= force_at:
                self._signal_leftovers(signal.SIGKILL)
            elif now >= act_at:
                self._signal_leftovers(signal.SIGTERM)
                until = force_at
            else:
                until = act_at
            # Without a subreaper nothing tells when a stranger's child ends, so look again now and then.
            self._turn(until if self.is_subreaper else min(until, now + 0.05))
        if self.leftovers:
            self._note(f"Ended {self.leftovers} process(es) the program left behind.")

    def _drain(self) -> None:
        """Take what is still in the pipes. Someone may hold them open: do not wait for the end."""
        until = time.monotonic() + LAST_DRAIN_SECONDS
        for stream in self.streams:
            while stream.fd in self.handlers and time.monotonic() < until:
                if not self._read(stream):
                    break
            stream.finish()
        assert self.log is not None
        self.log.finish()

    # What happens in a turn of the loop.

    def _turn(self, until: float | None) -> None:
        """Wait for something to happen, at the longest to `until` (monotonic), and deal with it."""
        moments = [stream.flush_at for stream in self.streams if stream.flush_at is not None]
        if until is not None:
            moments.append(until)
        # An hour at most: poll refuses the number of milliseconds in a month.
        seconds = min(3600.0, max(0.0, min(moments) - time.monotonic())) if moments else None
        timeout = None if seconds is None else seconds * 1000 + 1
        for fd, _ in self.poll.poll(timeout):
            if fd in self.handlers:
                self.handlers[fd]()
        now = time.monotonic()
        for stream in self.streams:
            if stream.flush_at is not None and now >= stream.flush_at:
                stream.flush()

    def _listen(self, fd: int, events: int, handler: "Callable[[], object]") -> None:
        self.poll.register(fd, events)
        self.handlers[fd] = handler

    def _forget(self, fd: int) -> None:
        self.poll.unregister(fd)
        del self.handlers[fd]
        os.close(fd)

    def _follow(self, stream: Stream) -> None:
        os.set_blocking(stream.fd, False)
        self.streams.append(stream)
        self._listen(stream.fd, select.POLLIN, lambda: self._read(stream))

    def _read(self, stream: Stream) -> bool:
        """Read once; False when there is nothing to read just now or ever."""
        try:
            data = os.read(stream.fd, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._forget(stream.fd)
            stream.finish()
            return False
        self.last_output_at = now_text()
        self.last_output_stream = stream.name
        stream.feed(data, time.monotonic())
        return True

    def _on_output(self, stream: str, data: bytes) -> None:
        self.output_seq += 1
        assert self.log is not None
        self.log.add(stream, data)

    def _on_stdin_room(self) -> None:
        assert self.stdin_fd is not None
        try:
            written = os.write(self.stdin_fd, self.stdin_left[:READ_BYTES]) if self.stdin_left else 0
        except BlockingIOError:
            return
        except BrokenPipeError:  # the agent does not want the rest
            self._close_stdin()
            return
        self.stdin_left = self.stdin_left[written:]
        if not self.stdin_left:
            self._close_stdin()

    def _close_stdin(self) -> None:
        if self.stdin_fd is not None:
            self._forget(self.stdin_fd)
            self.stdin_fd = None

    def _on_signals(self, wake: int) -> None:
        for number in os.read(wake, 4096):
            if number == signal.SIGCHLD:
                self._reap()
            elif self.status is None and self.kill_at is None:
                self.cancelled = True
                self._terminate("Cancelled")

    def _reap(self) -> bool:
        """Collect children that have ended; True while others live."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.pid:
                self.status = status
                self.finished_at = now_text()
            elif self.is_ending_leftovers:
                self.leftovers += 1

    # Ending processes.

    def _terminate(self, why: str) -> None:
        self._note(
            f"{why}: sent SIGTERM to its process group; SIGKILL follows after {self.grace_seconds:g} s."
        )
        self.kill_at = time.monotonic() + self.grace_seconds
        self._signal_group(signal.SIGTERM)

    def _signal_group(self, number: int) -> None:
        """Signal the agent's group. Its id cannot be a stranger's while a member has not been collected."""
        assert self.pid is not None
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # macOS answers so for a group in which everyone has ended

    def _is_anything_left(self) -> bool:
        has_children = self._reap()
        if self.is_subreaper:
            return has_children
        assert self.pid is not None
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _signal_leftovers(self, number: int) -> None:
        assert self.pid is not None
        self.is_ending_leftovers = True
        is_group_alive = not self.is_subreaper
        for pid in own_children() if self.is_subreaper else ():
            if os.getpgid(pid) == self.pid:
                is_group_alive = True
            elif number == signal.SIGKILL or pid not in self.asked:
                os.kill(pid, number)
                self.asked.add(pid)
        # A second SIGTERM makes many programs skip their own clean-up: one is enough.
        was_asked = self.kill_at is not None or self.pid in self.asked
        if is_group_alive and (number == signal.SIGKILL or not was_asked):
            self._signal_group(number)
            self.asked.add(self.pid)
        if not self.is_subreaper:
            self.leftovers = max(self.leftovers, 1)  # how many is not known there

    def _note(self, sentence: str) -> None:
        if self.log is not None:
            self.log.note(sentence)

    # The end.

    def abandon(self) -> None:
        """After a fault of the shim itself: leave no agent without an owner."""
        if self.pid is not None and self.status is None:
            self._signal_group(signal.SIGKILL)
            _, self.status = os.waitpid(self.pid, 0)
        self.error = StartError(
            SHIM_FAILED, f"The run's shim failed; see {SHIM_ERRORS_FILE} in its directory."
        )

    def write_exit(self) -> None:
        """Put `exit.json` in place for good. A full disk gets a minute in which to be cleared."""
        data = render(self._exit_record()).encode("utf-8", "replace") + b"\n"
        give_up_at = time.monotonic() + EXIT_WRITE_SECONDS
        while True:
            try:
                # Filled in place, the reserve needs no block that the disk might not have.
                _write_durably(RESERVE_FILE, data)
                os.rename(RESERVE_FILE, EXIT_FILE)
                break
            except OSError:
                if time.monotonic() > give_up_at:
                    raise
                if os.path.exists(RESERVE_FILE):
                    os.unlink(RESERVE_FILE)  # a file system that copies on write needs the room first
                time.sleep(0.5)  # nothing announces that a disk has room again
        directory = os.open(".", os.O_RDONLY)
        os.fsync(directory)

    def _exit_record(self) -> "dict[str, object]":
        code = None if self.status is None else os.waitstatus_to_exitcode(self.status)
        stdout, stderr = self.streams if len(self.streams) == 2 else (None, None)
        log = self.log
        return {
            "version": VERSION,
            "pid": self.pid,
            "exitCode": code if code is not None and code >= 0 else None,
            "signal": signal_name(-code) if code is not None and code < 0 else None,
            "timedOut": self.timed_out,
            "cancelled": self.cancelled,
            "startedAt": self.started_at,
            "finishedAt": self.finished_at or now_text(),
            "error": self._error_record(),
            "stdoutBytes": stdout.bytes if stdout else 0,
            "stderrBytes": stderr.bytes if stderr else 0,
            "stdoutLines": stdout.lines if stdout else 0,
            "stderrLines": stderr.lines if stderr else 0,
            "logBytes": log.size if log else 0,
            "logSha256": (log.digest if log else sha256()).hexdigest(),
            "truncated": bool(log and log.omitted_bytes),
            "lastOutputAt": self.last_output_at,
            "lastOutputStream": self.last_output_stream,
            "outputSeq": self.output_seq,
            "leftoverProcesses": self.leftovers,
        }

    def _error_record(self) -> "dict[str, str] | None":
        if self.error is not None:
            return {"code": self.error.code, "message": self.error.message}
        if self.log is None or self.log.failure is None or not self.log.omitted_bytes:
            return None
        message = (
            f"The log could not be written: {self.log.failure}. The program went on; "
            f"{self.log.omitted_bytes} bytes of its output are lost. Free space on that disk."
        )
        return {"code": LOG_WRITE_FAILED, "message": message}


def _write_durably(name: str, data: bytes) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        write_whole(fd, data)
        os.ftruncate(fd, len(data))
        os.fsync(fd)
    finally:
        os.close(fd)


def boot_id() -> str | None:
    """Return what tells this boot of the host from any other, where the platform says so."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return None


def hold_lock(fd: int | None) -> None:
    """Keep the lock on `alive`: the one inherited from the parent, else take it. Never pass it on."""
    if fd is None:
        fd = os.open(ALIVE_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.set_inheritable(fd, False)


def main(argv: "Sequence[str]") -> int:
    """Run the agent described in a run directory; return 0 once its exit file is in place."""
    os.chdir(argv[1])
    hold_lock(int(argv[2]) if len(argv) > 2 else None)
    shim = Shim()
    try:
        shim.run()
    except Exception:  # noqa: BLE001 - whatever went wrong, the agent must not be left without an owner
        sys.excepthook(*sys.exc_info())
        shim.abandon()
    shim.write_exit()
    return 0


# -- the nursery ------------------------------------------------------------------------------------


def nurse(fd: int) -> None:
    """Fork a shim for each run directory named on the socket `fd`, until the other end is closed.

    A request is the directory with two descriptors, the held lock and the file for errors. The answer is STARTED
    with a descriptor of the shim's process, or REFUSED and the number of the error.
    """
    import gc
    import socket

    if sys.platform == "linux":
        import _ctypes  # noqa: F401 - for `become_subreaper`: what is loaded here costs no fork any time
    gc.freeze()
    os.set_inheritable(fd, False)
    requests = socket.socket(fileno=fd)
    signal.signal(signal.SIGCHLD, lambda number, frame: collect())
    while True:
        path, descriptors, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
        if not path:
            return
        # Until its descriptor is taken an ended shim must not be collected: its pid could become a stranger's.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        answer, proof = _fork_shim(requests, os.fsdecode(path), descriptors)
        try:
            socket.send_fds(requests, [answer], proof)
        except (BrokenPipeError, ConnectionResetError):
            return  # the runner is gone
        # A copy of the lock that stayed open here would make the shim look alive for ever.
        for each in (*descriptors, *proof):
            os.close(each)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def _fork_shim(
    requests: "socket.socket", directory: str, descriptors: "list[int]"
) -> "tuple[bytes, list[int]]":
    """Return what to answer, and the descriptor of the shim where one could be had."""
    try:
        pid = os.fork()
    except OSError as error:
        return REFUSED + b"%d" % (error.errno or errno.EIO), []
    if pid == 0:
        requests.close()
        _grow_up(directory, *descriptors)
    try:
        return STARTED, [os.pidfd_open(pid)]
    except OSError:
        return STARTED, []


def collect() -> None:
    """Let go of the shims that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _grow_up(directory: str, lock_fd: int, errors_fd: int) -> "NoReturn":
    """Be a shim: in the fork, as a process that was started by itself would be."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        os.dup2(errors_fd, 2)
        os.close(errors_fd)
        status = main(["", directory, str(lock_fd)])
    except BaseException:  # noqa: BLE001 - nothing may run on in this copy of the nursery
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    if sys.argv[1] == NURSERY:
        nurse(int(sys.argv[2]))
        sys.exit()
    status = main(sys.argv)
    sys.stderr.flush()
    os._exit(status)  # nothing is left to tidy up, and tidying takes longer than a short run
