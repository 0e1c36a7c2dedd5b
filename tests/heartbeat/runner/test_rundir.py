import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartbeat.runner import logs, records, rundir, shim


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


# -- making a directory -----------------------------------------------------------------------------


def test_directory_is_private_and_secrets_are_in_the_environment_file_only(runs):
    directory = runs.create(["tool", "--flag"], env={"TOKEN": "geheim"}, stdin="prompt ü", timeout_sec=1.5)
    assert mode_of(directory.path) == 0o700
    files = {path.name: path for path in directory.path.iterdir()}
    assert files.keys() == {"spec.json", "env.json", "reserve"}
    assert {mode_of(path) for path in files.values()} == {0o600}
    assert json.loads(files["env.json"].read_bytes()) == {
        "TOKEN": "geheim",
        "PAPERCLIP_RUN_ID": directory.run_id,
    }
    assert json.loads(files["spec.json"].read_bytes()) == {
        "version": 1,
        "runId": directory.run_id,
        "argv": ["tool", "--flag"],
        "cwd": "/",
        "stdin": "prompt ü",
        "timeoutSec": 1.5,
        "graceSec": 1,
        "maxLogBytes": 1 << 20,
        "adapterType": "process",
        "claimToken": "token",
        "maskEnv": [],
        "notes": [],
        "memo": {},
    }


def test_every_file_of_a_finished_run_is_private(runs):
    directory, _ = runs.run(["echo", "x"])
    runs.shim_of(directory).wait(10)
    assert {mode_of(path) for path in directory.path.iterdir()} == {0o600}
    names = {path.name for path in directory.path.iterdir()}
    assert names == {
        "spec.json",
        "shim.pid",
        "shim.err",
        "alive",
        "started.json",
        "log.ndjson",
        "exit.json",
    }


def test_spec_is_read_back_as_it_was_given(runs):
    directory = runs.create(["a", "\udcff"], stdin=None)
    spec = directory.read_spec()
    assert (spec.argv, spec.stdin, spec.run_id) == (("a", "\udcff"), None, directory.run_id)


def test_bytes_that_are_not_utf8_reach_the_program(runs):
    env = {"PATH": os.environ["PATH"], "ODD": "\udcff"}
    directory, end = runs.run(
        ["/bin/sh", "-c", 'printf "%s" "$ODD$1" | od -An -tx1', "sh", "\udcfe"], env=env
    )
    assert (end.exit_code, runs.text(directory).split()) == (0, ["ff", "fe"])


def test_second_directory_of_a_run_is_refused(runs):
    directory = runs.create(["a"])
    with pytest.raises(rundir.AlreadyStarted):
        rundir.create(runs.root, directory.run_id, directory.read_spec(), {})


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "a\0", "x" * 65, "a\n", "é"])
def test_id_that_is_no_plain_name_is_refused(runs, run_id):
    spec = runs.create(["a"]).read_spec()
    with pytest.raises(ValueError, match="run id"):
        rundir.create(runs.root, run_id, spec, {})
    with pytest.raises(ValueError, match="run id"):
        rundir.RunDir.open(runs.root, run_id)


def test_spec_of_another_run_is_refused(runs):
    spec = runs.create(["a"]).read_spec()
    with pytest.raises(ValueError, match="not of other"):
        rundir.create(runs.root, "other", spec, {})


def test_failed_creation_leaves_nothing(runs, monkeypatch):
    spec = runs.create(["a"]).read_spec()
    (runs.root / spec.run_id / "alive").touch()
    shutil.rmtree(runs.root / spec.run_id)
    monkeypatch.setattr(shim, "ENV_FILE", "no/such/folder")
    with pytest.raises(FileNotFoundError):
        rundir.create(runs.root, spec.run_id, spec, {"TOKEN": "geheim"})
    assert rundir.RunDir.open(runs.root, spec.run_id) is None


def test_open_finds_existing_directories_only(runs):
    directory = runs.create(["a"])
    assert rundir.RunDir.open(runs.root, directory.run_id).path == directory.path
    assert rundir.RunDir.open(runs.root, "missing") is None


# -- the lock ---------------------------------------------------------------------------------------


def test_lock_is_free_before_held_during_and_free_after(runs):
    directory = runs.create(["sleep", "1000"])
    assert (directory.was_started(), directory.is_alive()) == (False, False)
    runs.launch(directory)
    assert (directory.was_started(), directory.is_alive()) == (True, True)
    directory.request_cancel("end")
    assert runs.finish(directory).cancelled
    runs.until(lambda: not directory.is_alive())
    assert directory.was_started()


def test_lock_is_held_while_the_interpreter_of_the_shim_is_still_loading(runs, monkeypatch, tmp_path):
    slow = tmp_path / "slow.py"
    slow.write_text("import time\ntime.sleep(1000)\n")  # knows nothing of the lock
    monkeypatch.setattr(rundir, "shim_program", lambda: slow)
    directory = runs.create(["a"])
    process = runs.launch(directory)
    assert directory.is_alive()
    process.kill()
    process.wait()
    assert not directory.is_alive()


def test_observers_never_see_a_started_run_without_its_lock(runs):
    directories = [runs.create(["sleep", "1000"]) for _ in range(10)]
    seen_dead = []
    done = threading.Event()

    def observe():
        while not done.is_set():
            seen_dead.extend(each for each in directories if each.was_started() and not each.is_alive())

    observers = [threading.Thread(target=observe) for _ in range(2)]
    for observer in observers:
        observer.start()
    for directory in directories:
        runs.launch(directory)
    for directory in directories:
        runs.until(directory.read_started)
    done.set()
    for observer in observers:
        observer.join()
    assert seen_dead == []


def test_looking_at_the_lock_disturbs_no_other_observer(runs):
    directory = runs.create(["a"])
    alive = directory.path / shim.ALIVE_FILE
    with alive.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert not directory.is_alive()
    with alive.open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        assert directory.is_alive()


def test_run_is_never_started_twice(runs):  # HW-18
    directory, _ = runs.run(["/bin/true"])
    with pytest.raises(rundir.AlreadyStarted):
        rundir.start_shim(directory)
    live = runs.start(["sleep", "1000"])
    with pytest.raises(rundir.AlreadyStarted):
        rundir.start_shim(live)
    assert live.is_alive()


def test_failed_start_can_be_tried_again(runs, monkeypatch):
    directory = runs.create(["/bin/true"])
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/no/such/python")
        with pytest.raises(FileNotFoundError):
            rundir.start_shim(directory)
    assert not directory.was_started()
    runs.launch(directory)
    assert runs.finish(directory).exit_code == 0


def test_shim_knows_nothing_of_the_runners_environment(runs, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "geheim")
    directory = runs.start(["sleep", "1000"])
    assert b"geheim" not in Path(f"/proc/{runs.shim_of(directory).pid}/environ").read_bytes()


# -- cancelling -------------------------------------------------------------------------------------


def test_cancel_never_signals_a_stranger(runs):
    directory = runs.create(["a"])
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        (directory.path / shim.PID_FILE).write_text(json.dumps({"pid": stranger.pid}))
        (directory.path / shim.ALIVE_FILE).touch()
        assert directory.request_cancel("lock is free") is False
        with (directory.path / shim.ALIVE_FILE).open("w") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)
            assert directory.request_cancel("lock is held, but not by that process") is False
        assert stranger.poll() is None
        stranger.kill()
    assert directory.read_cancel() == "lock is free"
    assert mode_of(directory.path / shim.CANCEL_FILE) == 0o600


def test_cancel_of_an_ended_run_is_harmless(runs):
    directory, end = runs.run(["/bin/true"])
    runs.shim_of(directory).wait(10)
    assert directory.request_cancel("too late") is False
    assert directory.read_exit() == end


# -- after the shim died ----------------------------------------------------------------------------

LEFTOVERS = """
import os, subprocess, sys, time
bare = subprocess.Popen(["env", "-i", "sleep", "1000"])
away = subprocess.Popen(["sleep", "1000"], start_new_session=True)
print(os.getpid(), bare.pid, away.pid, flush=True)
time.sleep(1000)
"""


def test_killed_shim_frees_the_lock_and_its_agent_is_found_and_ended(runs):
    stranger = runs.start(["sleep", "1000"])
    directory = runs.python(LEFTOVERS)
    runs.number_from(directory)
    pids = [int(word) for word in runs.text(directory).split()]
    with pytest.raises(rundir.ShimAlive):
        directory.kill_leftovers()
    with pytest.raises(rundir.ShimAlive):
        directory.remove()
    shim_process = runs.shim_of(directory)
    shim_process.send_signal(signal.SIGKILL)
    shim_process.wait()
    assert not directory.is_alive()
    assert directory.read_exit() is None
    assert all(runs.runs_still(pid) for pid in pids)
    assert directory.kill_leftovers() == 3, (
        "the agent, its group member without marker, and the one that left"
    )
    assert not any(runs.runs_still(pid) for pid in pids)
    assert runs.runs_still(stranger.read_started().pid)
    assert directory.kill_leftovers() == 0


def test_leftover_that_ignores_sigterm_is_killed_after_the_grace(runs):
    directory = runs.start(["/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo $!; wait"])
    grandchild = runs.number_from(directory)
    agent = directory.read_started().pid
    runs.shim_of(directory).kill()
    runs.shim_of(directory).wait()
    assert directory.kill_leftovers(grace_seconds=0.2) == 2
    assert not runs.runs_still(agent)
    assert not runs.runs_still(grandchild)


def test_group_id_that_now_is_a_strangers_is_left_alone(runs):
    directory = runs.create(["a"])
    (directory.path / shim.ALIVE_FILE).touch()
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as stranger:
        record = {
            "pid": stranger.pid,
            "processGroupId": stranger.pid,
            "startedAt": "2026-01-01T00:00:00.000Z",
        }
        (directory.path / shim.STARTED_FILE).write_text(json.dumps(record))
        assert directory.kill_leftovers() == 0
        assert stranger.poll() is None
        stranger.kill()


def test_unread_environment_is_discarded(runs):
    directory = runs.create(["a"])
    directory.discard_env()
    directory.discard_env()
    assert not (directory.path / shim.ENV_FILE).exists()


def test_finished_run_can_be_removed(runs):
    directory, _ = runs.run(["/bin/true"])
    runs.shim_of(directory).wait(10)
    directory.remove()
    assert rundir.RunDir.open(runs.root, directory.run_id) is None


# -- reading what the shim wrote --------------------------------------------------------------------


def test_missing_files_read_as_none(runs):
    directory = runs.create(["a"])
    assert directory.read_started() is None
    assert directory.read_exit() is None
    assert directory.read_cancel() is None
    assert directory.log_stat() is None
    assert directory.tail_excerpt("stdout") == ""
    page = directory.read_log(0, 1000)
    assert (page.content, page.next_offset, page.end) == ("", None, False)


@pytest.fixture(scope="module")
def exit_record():
    return {
        "version": 1,
        "pid": 5,
        "exitCode": 0,
        "signal": None,
        "timedOut": False,
        "cancelled": False,
        "startedAt": "2026-01-01T00:00:00.000Z",
        "finishedAt": "2026-01-01T00:00:01.000Z",
        "error": None,
        "stdoutBytes": 1,
        "stderrBytes": 2,
        "stdoutLines": 3,
        "stderrLines": 4,
        "logBytes": 5,
        "logSha256": "ab",
        "truncated": False,
        "lastOutputAt": None,
        "lastOutputStream": None,
        "outputSeq": 6,
        "leftoverProcesses": 0,
    }


def test_known_exit_is_read(runs, exit_record):
    directory = runs.create(["a"])
    (directory.path / shim.EXIT_FILE).write_text(json.dumps(exit_record))
    assert directory.read_exit().exit_code == 0


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"exitCode": None},
        {"exitCode": "0"},
        {"exitCode": True},
        {"exitCode": -9},
        {"exitCode": None, "timedOut": True},
        {"signal": 9},
        {"signal": "SIGKILL"},
        {"timedOut": 0},
        {"error": "boom"},
        {"error": {}},
        {"error": {"code": "x"}},
        {"finishedAt": None},
        {"logBytes": None},
        {"lastOutputStream": "other"},
    ],
)
def test_unknown_exit_is_never_taken_for_a_success(runs, exit_record, change):
    directory = runs.create(["a"])
    (directory.path / shim.EXIT_FILE).write_text(json.dumps({**exit_record, **change}))
    with pytest.raises(records.RunFileInvalid, match=r"exit\.json"):
        directory.read_exit()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"version": 1}', b"[" * 100_000]
)
@pytest.mark.parametrize("reader", ["read_spec", "read_started", "read_exit"])
def test_half_written_file_raises_a_named_error(runs, reader, content):
    directory = runs.create(["a"])
    name = {"read_spec": "spec.json", "read_started": "started.json", "read_exit": "exit.json"}[reader]
    (directory.path / name).write_bytes(content)
    with pytest.raises(records.RunFileInvalid, match=name):
        getattr(directory, reader)()


# -- the log ----------------------------------------------------------------------------------------


def with_log(root, content, *, is_started=True):
    path = Path(tempfile.mkdtemp(dir=root))
    (path / shim.LOG_FILE).write_bytes(content)
    if is_started:
        (path / shim.ALIVE_FILE).touch()
    return rundir.RunDir(path)


def pages(directory, limit):
    offset = 0
    while True:
        page = directory.read_log(offset, limit)
        yield page
        if page.next_offset is None:
            return
        assert page.next_offset == page.offset > offset, "paging goes on"
        offset = page.next_offset


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=40)
property_test = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@property_test
@given(lines=st.lists(texts, max_size=12), limit=st.integers(1, 200), tail=texts)
def test_pages_of_a_log_make_up_the_file_H_175(tmp_path, lines, limit, tail):
    whole = "".join(line + "\n" for line in lines) + tail
    directory = with_log(tmp_path, whole.encode())
    found = list(pages(directory, limit))
    assert "".join(page.content for page in found) == whole
    assert [page.end for page in found] == [False] * (len(found) - 1) + [True]
    start = 0
    for page in found[:-1]:
        size = len(page.content.encode())
        assert size <= max(limit, 4)
        if not page.content.endswith("\n"):
            rest = whole.encode()[start:]
            assert len(rest.partition(b"\n")[0]) + 1 > limit, (
                "only a line longer than the limit is cut (K-34)"
            )
        start += size


def test_line_still_being_written_is_held_back(runs):
    directory = with_log(runs.root.parent, b'{"a":1}\n{"b"', is_started=False)
    page = directory.read_log(0, 1000)
    assert (page.content, page.offset, page.next_offset, page.end) == ('{"a":1}\n', 8, None, False)
    page = directory.read_log(8, 1000)
    assert (page.content, page.offset, page.next_offset, page.end) == ("", 8, None, False)


def test_live_log_is_followed_by_offset_to_its_end(runs):
    directory = runs.create(["/bin/sh", "-c", "for i in $(seq 50); do echo line $i; sleep 0.01; done"])
    runs.launch(directory)
    offset, content = 0, ""

    def follow():
        nonlocal offset, content
        page = directory.read_log(offset, 300)
        offset, content = page.offset, content + page.content
        return page.end

    runs.until(follow)
    assert content == (directory.path / shim.LOG_FILE).read_text()
    assert "".join(json.loads(line)["chunk"] for line in content.splitlines()).split("\n")[49] == "line 50"


def test_offset_past_the_end_is_an_empty_last_page(runs):
    page = with_log(runs.root.parent, b"{}\n").read_log(1000, 10)
    assert (page.content, page.offset, page.next_offset, page.end) == ("", 1000, None, True)


@pytest.mark.parametrize(("offset", "limit"), [(-1, 10), (0, 0), (0, -5)])
def test_senseless_range_is_refused(runs, offset, limit):
    with pytest.raises(ValueError, match="offset must be"):
        runs.create(["a"]).read_log(offset, limit)


entries = st.lists(st.tuples(st.sampled_from(["stdout", "stderr", "system"]), texts), max_size=30)


@property_test
@given(entries=entries, limit=st.integers(0, 120), torn=st.booleans(), block=st.integers(1, 90))
def test_excerpt_is_the_end_of_the_stream(tmp_path, entries, limit, torn, block):
    def line(stream, chunk):
        return f'{{"ts":"2026-01-01T00:00:00.000Z","stream":"{stream}","chunk":{shim.quote(chunk)}}}\n'

    content = "".join(line(*entry) for entry in entries)
    if torn:
        content += line("stdout", "never finished")[:-3]
    directory = with_log(tmp_path, content.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "BLOCK_BYTES", block)
        excerpt = directory.tail_excerpt("stdout", limit)
    whole = "".join(chunk for stream, chunk in entries if stream == "stdout").encode()
    assert excerpt == (whole[-limit:] if limit else b"").decode("utf-8", "ignore")


def test_excerpt_reads_only_the_end_of_a_long_log(runs):
    directory, _ = runs.run(["seq", "1", "200000"], max_log_bytes=4 << 20)
    excerpt = directory.tail_excerpt("stdout")
    assert len(excerpt) == 32 * 1024
    assert excerpt.endswith("199999\n200000\n")
    assert directory.tail_excerpt("stderr") == ""


@pytest.mark.parametrize("bad", [b"not json\n", b"{}\n", b"[]\n", b'{"stream":"stdout","chunk":5}\n', b"\n"])
def test_unreadable_log_entry_raises_a_named_error(runs, bad):
    good = b'{"ts":"2026-01-01T00:00:00.000Z","stream":"stdout","chunk":"x"}\n'
    with pytest.raises(records.RunFileInvalid, match=r"log\.ndjson"):
        with_log(runs.root.parent, good + bad + good).tail_excerpt("stdout")


def test_log_stat_tells_size_and_age(runs):
    directory, end = runs.run(["echo", "x"])
    stat_ = directory.log_stat()
    assert stat_.bytes == end.log_bytes
    assert stat_.modified_at == (directory.path / shim.LOG_FILE).stat().st_mtime


# -- the compiled shim ------------------------------------------------------------------------------


@pytest.fixture
def copied_shim(tmp_path, monkeypatch):
    copy = tmp_path / "shim.py"
    shutil.copy(shim.__file__, copy)
    monkeypatch.setattr(shim, "__file__", str(copy))
    return copy


def test_compiled_shim_is_used_only_while_it_is_current(copied_shim):
    assert rundir.shim_program() == copied_shim
    subprocess.run([sys.executable, "-m", "py_compile", copied_shim], check=True)
    assert rundir.shim_program().suffix == ".pyc"
    copied_shim.write_text(copied_shim.read_text() + "# newer\n")
    assert rundir.shim_program() == copied_shim


def test_compiled_shim_works(runs, copied_shim):
    subprocess.run([sys.executable, "-m", "py_compile", copied_shim], check=True)
    directory, end = runs.run(["echo", "compiled"])
    assert (end.exit_code, runs.text(directory)) == (0, "compiled\n")
    assert runs.shim_of(directory).args[3].endswith(".pyc")
