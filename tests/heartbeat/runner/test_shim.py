import base64
import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartbeat.runner import rundir, shim

REPOSITORY = Path(__file__).parents[3]


def sh(script):
    return ["/bin/sh", "-c", script]


# -- how a program ends -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_exit_code_is_reported(runs, code):
    _, end = runs.run(sh(f"exit {code}"))
    assert (end.exit_code, end.signal, end.error, end.timed_out, end.cancelled) == (
        code,
        None,
        None,
        False,
        False,
    )


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGSEGV", "SIGHUP"])
def test_death_by_signal_has_no_exit_code(runs, name):
    _, end = runs.run(sh(f"kill -{name[3:]} $$"))
    assert (end.exit_code, end.signal) == (None, name)


def test_death_by_real_time_signal_is_named_by_number(runs):
    _, end = runs.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 40)"])
    assert (end.exit_code, end.signal) == (None, "SIG40")


def test_started_file_names_the_process_and_its_group(runs):
    directory = runs.start(sh("echo $$; exec sleep 100"))
    started = directory.read_started()
    assert started.pid == started.process_group_id == runs.number_from(directory)
    assert os.getsid(started.pid) == started.pid
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", started.started_at)


def test_shim_exits_cleanly_and_says_nothing(runs):
    directory, _ = runs.run(["/bin/true"])
    assert runs.shim_of(directory).wait(10) == 0
    assert (directory.path / shim.SHIM_ERRORS_FILE).read_bytes() == b""
    assert not directory.is_alive()


# -- timeout and cancel -----------------------------------------------------------------------------

# Both ignore SIGTERM: what a shell ignores, its children ignore as well.
STUBBORN_FAMILY = sh("trap '' TERM; sleep 1000 & echo $!; wait")


def test_timeout_kills_the_whole_group_that_ignores_sigterm(runs):  # H-89
    begin = time.monotonic()
    directory = runs.start(STUBBORN_FAMILY, timeout_sec=1, grace_sec=0)
    grandchild = runs.number_from(directory)
    end = runs.finish(directory)
    assert (end.timed_out, end.cancelled, end.exit_code, end.signal) == (True, False, None, "SIGKILL")
    assert 2.0 <= time.monotonic() - begin < 8.0, "timeout 1 s and then a grace of at least 1 s"
    assert not runs.runs_still(grandchild)
    assert "Timed out after 1 s" in runs.text(directory, "system")


def test_timeout_stays_a_timeout_when_the_program_then_exits_well(runs):
    well = sh("trap 'exit 0' TERM; while :; do sleep 0.01; done")
    _, end = runs.run(well, timeout_sec=0.5, grace_sec=9)
    assert (end.timed_out, end.exit_code) == (True, 0)


@pytest.mark.parametrize("seconds", [10**9, 10**12, -5])
def test_odd_timeout_is_no_obstacle(runs, seconds):
    _, end = runs.run(sh("sleep 0.1; exit 3"), timeout_sec=seconds)
    assert (end.exit_code, end.timed_out, end.error) == (3, False, None)


def test_cancel_lets_the_program_tidy_up(runs):
    directory = runs.start(
        sh("trap 'echo tidy; exit 7' TERM; echo ready; while :; do sleep 0.01; done"), grace_sec=9
    )
    runs.until(lambda: "ready" in runs.text(directory))
    assert directory.request_cancel("no longer wanted") is True
    end = runs.finish(directory)
    assert (end.cancelled, end.timed_out, end.exit_code) == (True, False, 7)
    assert "tidy" in runs.text(directory)
    assert directory.read_cancel() == "no longer wanted"


def test_cancel_kills_a_program_that_ignores_sigterm_after_the_grace(runs):
    directory = runs.start(STUBBORN_FAMILY, grace_sec=1)
    grandchild = runs.number_from(directory)
    begin = time.monotonic()
    directory.request_cancel("stop")
    end = runs.finish(directory)
    assert time.monotonic() - begin >= 1.0
    assert (end.cancelled, end.signal) == (True, "SIGKILL")
    assert not runs.runs_still(grandchild)


def test_cancel_before_the_start_runs_nothing(runs, tmp_path):
    directory = runs.create(sh(f"touch {tmp_path}/ran"))
    assert directory.request_cancel("changed my mind") is False
    runs.launch(directory)
    end = runs.finish(directory)
    assert (end.cancelled, end.exit_code, end.signal, end.started_at) == (True, None, None, None)
    assert not (tmp_path / "ran").exists()


def test_no_cancellation_is_lost_however_early(runs):
    for _ in range(15):
        directory = runs.create(["sleep", "1000"])
        runs.launch(directory)
        directory.request_cancel("at once")
        assert runs.finish(directory).cancelled


def test_shim_survives_a_hangup(runs):
    directory = runs.start(sh("echo ready; while [ ! -e go ]; do sleep 0.01; done"), cwd=str(runs.root))
    runs.shim_of(directory).send_signal(signal.SIGHUP)
    (runs.root / "go").touch()
    assert runs.finish(directory).exit_code == 0


# -- programs that cannot be started ----------------------------------------------------------------


def program(folder, content, mode=0o755):
    path = folder / "program"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


NOT_FOUND, NOT_EXECUTABLE = "command_not_found", "command_not_executable"


@pytest.mark.parametrize(
    ("make", "code", "sentence"),
    [
        pytest.param(lambda t: ["no-such"], NOT_FOUND, 'not found in PATH: "no-such"', id="A-42 name"),
        pytest.param(lambda t: [f"{t}/no"], NOT_FOUND, 'Command not found: "{t}/no"', id="A-42 path"),
        pytest.param(lambda t: [], NOT_FOUND, "not found", id="A-42 empty argv"),
        pytest.param(lambda t: [""], NOT_FOUND, "not found", id="A-42 empty command"),
        pytest.param(lambda t: [program(t, "", 0o644)], NOT_EXECUTABLE, '"{t}/program"', id="A-42 no x bit"),
        pytest.param(lambda t: [str(t)], NOT_EXECUTABLE, '"{t}"', id="A-42 a folder"),
        pytest.param(lambda t: [program(t, "#!/no/such\n")], NOT_EXECUTABLE, "interpreter", id="A-42 #!"),
        pytest.param(lambda t: [program(t, "plain text")], NOT_EXECUTABLE, "#!", id="A-42 no program"),
        pytest.param(lambda t: ["/bin/echo", "a\0b"], "spawn_failed", "forbidden character", id="A-42 NUL"),
        pytest.param(lambda t: ["/bin/echo", "x" * 3_000_000], "spawn_failed", "too big", id="A-42 too big"),
    ],
)
def test_unstartable_program_is_explained(runs, tmp_path, make, code, sentence):
    directory, end = runs.run(make(tmp_path))
    assert (end.error.code, end.exit_code, end.signal, end.started_at) == (code, None, None, None)
    assert sentence.format(t=tmp_path) in end.error.message
    assert directory.read_started() is None


@pytest.mark.parametrize(
    ("cwd", "code"),
    [
        pytest.param("{t}/gone", "cwd_missing", id="A-42 missing"),
        pytest.param("{t}/file", "cwd_not_directory", id="A-42 file"),
        pytest.param("{t}/file/below", "cwd_not_directory", id="A-42 below a file"),
        pytest.param("relative", "cwd_not_directory", id="A-42 relative"),
    ],
)
def test_unusable_working_directory_is_explained(runs, tmp_path, cwd, code):
    (tmp_path / "file").touch()
    _, end = runs.run(["/bin/true"], cwd=cwd.format(t=tmp_path))
    assert end.error.code == code
    assert f'"{cwd.format(t=tmp_path)}"' in end.error.message


def test_command_is_found_in_the_path_of_the_agent(runs, tmp_path):
    program(tmp_path, "#!/bin/sh\necho mine\n")
    directory, end = runs.run(["program"], env={"PATH": f"/nowhere:{tmp_path}"})
    assert (end.exit_code, runs.text(directory)) == (0, "mine\n")


def test_relative_command_is_found_below_the_working_directory(runs, tmp_path):
    program(tmp_path, "#!/bin/sh\npwd\n")
    directory, end = runs.run(["./program"], cwd=str(tmp_path))
    assert (end.exit_code, runs.text(directory)) == (0, f"{tmp_path}\n")


# -- processes left behind --------------------------------------------------------------------------


def test_log_is_complete_and_the_program_ran_once_when_the_parent_is_killed(runs, tmp_path):  # HW-18
    script = f"echo x >> {tmp_path}/ran; for i in $(seq 20); do echo line $i; sleep 0.03; done"
    directory = runs.create(sh(script))
    parent = (
        "import signal, sys; from pathlib import Path; from heartbeat.runner import rundir\n"
        "rundir.start_shim(rundir.RunDir(Path(sys.argv[1]))); print('started', flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent, directory.path],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == b"started\n"
        runs.until(lambda: directory.log_stat() and "line 5\n" in runs.text(directory))
        assert directory.read_exit() is None
        os.killpg(process.pid, signal.SIGKILL)
    assert directory.is_alive()
    assert runs.finish(directory).exit_code == 0
    assert runs.text(directory).splitlines() == [f"line {number}" for number in range(1, 21)]
    assert (tmp_path / "ran").read_text() == "x\n"
    runs.until(lambda: not directory.is_alive())


def test_background_child_that_holds_the_pipe_does_not_hold_the_run(runs):
    begin = time.monotonic()
    directory, end = runs.run(sh("sleep 1000 & echo $!"))
    assert (end.exit_code, end.leftover_processes) == (0, 1)
    assert time.monotonic() - begin < 5
    assert not runs.runs_still(int(runs.text(directory)))


def test_background_child_without_the_pipe_is_ended_too(runs):
    directory, end = runs.run(sh("sleep 1000 >/dev/null 2>&1 & echo $!"))
    assert (end.exit_code, end.leftover_processes) == (0, 1)
    assert not runs.runs_still(int(runs.text(directory)))


def test_leftover_that_ignores_sigterm_is_killed(runs):
    directory, end = runs.run(sh("(trap '' TERM; sleep 1000) & sleep 0.1; echo $!"))
    assert end.exit_code == 0
    assert end.leftover_processes == 1
    assert not runs.runs_still(int(runs.text(directory)))


def test_last_words_of_a_pipeline_are_kept(runs):
    directory, end = runs.run(sh("(sleep 0.1; echo late) & echo soon"))
    assert (runs.text(directory), end.leftover_processes) == ("soon\nlate\n", 0)


DAEMON = """
import os, sys, time
if os.fork():
    sys.exit(0)
os.setsid()
if os.fork():
    os._exit(0)
print(os.getpid(), flush=True)
time.sleep(1000)
"""


def test_daemon_that_left_the_session_is_found_and_ended(runs):
    directory, end = runs.run([sys.executable, "-c", DAEMON])
    assert end.exit_code == 0
    assert end.leftover_processes >= 1
    assert not runs.runs_still(runs.number_from(directory))


def test_orphans_that_end_during_the_run_are_collected(runs):
    directory = runs.start(sh("for i in 1 2 3; do (true & ) ; done; echo ready; exec sleep 1000"))
    runs.until(lambda: "ready" in runs.text(directory))
    shim_pid = runs.shim_of(directory).pid
    children = Path(f"/proc/{shim_pid}/task/{shim_pid}/children")
    runs.until(lambda: children.read_text().split() == [str(directory.read_started().pid)])


def start_modified(runs, directory, statement):
    """Start a shim after a statement that changes its surroundings."""
    program = (
        "import sys, importlib.util as u\n"
        "def load():\n"
        f"    spec = u.spec_from_file_location('shim', {shim.__file__!r})\n"
        "    module = u.module_from_spec(spec); spec.loader.exec_module(module); return module\n"
        f"{statement}\n"
        "sys.exit(shim.main(sys.argv))"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", program, directory.path], start_new_session=True
    )
    runs.processes.append((directory, process))
    return process


def test_group_is_ended_where_there_is_no_subreaper(runs):
    directory = runs.create(sh("sleep 1000 & echo $!"))
    start_modified(runs, directory, "shim = load(); shim.become_subreaper = lambda: False")
    end = runs.finish(directory)
    assert (end.exit_code, end.leftover_processes) == (0, 1)
    assert not runs.runs_still(int(runs.text(directory)))


def test_children_are_found_where_the_kernel_has_no_list_of_them(runs):
    directory = runs.create(sh("setsid sleep 1000 & echo $!"))
    blind = (
        "shim = load()\n"
        "def no_list(name, *a, **k):\n"
        "    if str(name).endswith('/children'): raise FileNotFoundError(name)\n"
        "    return open(name, *a, **k)\n"
    )
    start_modified(runs, directory, blind + "shim.open = no_list")
    end = runs.finish(directory)
    assert (end.exit_code, end.leftover_processes) == (0, 1)


def test_interpreter_without_c_json_serves_too(runs):
    directory = runs.create(sh('echo "zähl \\"eins\\""'), stdin="ü")
    start_modified(runs, directory, "sys.modules['_json'] = None; shim = load()")
    assert runs.finish(directory).exit_code == 0
    assert runs.text(directory) == 'zähl "eins"\n'


# -- output -----------------------------------------------------------------------------------------


def test_log_entries_have_the_contract_shape_and_the_exit_file_their_sum(runs):
    directory, end = runs.run(sh("echo out; echo err >&2; printf unfinished"))
    entries = runs.entries(directory)
    assert all(list(entry) == ["ts", "stream", "chunk"] for entry in entries)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["ts"]) for entry in entries)
    assert runs.text(directory) == "out\nunfinished"
    assert runs.text(directory, "stderr") == "err\n"
    raw = (directory.path / shim.LOG_FILE).read_bytes()
    assert (end.log_bytes, end.log_sha256) == (len(raw), hashlib.sha256(raw).hexdigest())
    assert (end.stdout_bytes, end.stdout_lines, end.stderr_bytes, end.stderr_lines) == (14, 2, 4, 1)
    assert end.output_seq == len(entries)
    assert end.last_output_at
    assert end.truncated is False


def test_silent_program_has_no_last_output(runs):
    _, end = runs.run(["/bin/true"])
    assert (end.last_output_at, end.last_output_stream, end.output_seq, end.log_bytes) == (None, None, 0, 0)


def test_prompt_without_newline_shows_while_the_program_runs(runs):
    directory = runs.start(sh("printf 'password: '; exec sleep 1000"))
    runs.until(lambda: runs.text(directory) == "password: ")
    assert directory.read_exit() is None


def test_flood_is_capped_but_counted_and_its_end_kept(runs):
    code = "for i in range(300000): print(f'line {i} of the flood, with \\x01 control')"
    directory = runs.python(code, max_log_bytes=200_000)
    end = runs.finish(directory, 60)
    size = directory.log_stat().bytes
    assert 200_000 < size <= 200_000 + shim.TAIL_BYTES + 1024
    assert (end.truncated, end.stdout_lines, end.log_bytes) == (True, 300_000, size)
    text = runs.text(directory)
    assert text.startswith("line 0 of")
    assert text.endswith("line 299999 of the flood, with \x01 control\n")
    assert end.log_sha256 == hashlib.sha256((directory.path / shim.LOG_FILE).read_bytes()).hexdigest()
    notes = runs.text(directory, "system")
    assert "limit of 200000 bytes" in notes
    left_out = int(re.search(r"(\d+) bytes of output were left out", notes)[1])
    assert left_out == end.stdout_bytes - len(text.encode())


def test_output_slightly_over_the_cap_is_whole_all_the_same(runs):
    directory, end = runs.run(sh("seq 1 3000"), max_log_bytes=4000)
    assert runs.text(directory).split() == [str(number) for number in range(1, 3001)]
    assert end.truncated is False


def test_character_written_in_pieces_is_not_broken(runs):
    code = "import os, time\nfor byte in 'é😀'.encode(): os.write(1, bytes([byte])); time.sleep(0.26)\n"
    directory, end = runs.run([sys.executable, "-c", code])
    assert (runs.text(directory), end.stdout_bytes) == ("é😀", 6)


def test_characters_are_not_broken_at_the_chunk_size(runs):  # HW-18
    code = "import os; os.write(1, b'x' + '😀'.encode() * 100000)"
    directory, _ = runs.run([sys.executable, "-c", code])
    assert runs.text(directory) == "x" + "😀" * 100000


def test_nul_and_invalid_bytes_are_replaced(runs):
    directory, end = runs.run([sys.executable, "-c", r"import os; os.write(1, b'a\0b\xff\xfec\xe2\x82')"])
    assert (runs.text(directory), end.stdout_bytes) == ("a\ufffdb\ufffd\ufffdc\ufffd", 8)


def test_long_line_without_newline_is_kept_in_chunks(runs):
    directory, end = runs.run([sys.executable, "-c", "print('y' * (1 << 20), end='')"], max_log_bytes=4 << 20)
    assert runs.text(directory) == "y" * (1 << 20)
    assert end.stdout_lines == 1
    assert max(len(entry["chunk"]) for entry in runs.entries(directory)) <= shim.CHUNK_BYTES


def test_chunks_end_at_line_ends(runs):
    directory, _ = runs.run(["seq", "1", "30000"])
    assert all(entry["chunk"].endswith("\n") for entry in runs.entries(directory))


# -- input and environment --------------------------------------------------------------------------

BIG = "zeile ü\n" * 150_000


def test_large_input_reaches_a_program_that_answers_as_it_reads(runs):
    directory, end = runs.run(["cat"], stdin=BIG, max_log_bytes=4 << 20)
    assert end.exit_code == 0
    assert runs.text(directory) == BIG


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("exit 4", id="never read"),
        pytest.param("sleep 0.3; exit 4", id="never read, later end"),
        pytest.param("exec 0<&-; sleep 0.3; exit 4", id="closed early"),
        pytest.param("head -c 10 >/dev/null; exit 4", id="read in part"),
    ],
)
def test_input_that_is_not_taken_stops_nothing(runs, script):
    _, end = runs.run(sh(script), stdin=BIG)
    assert end.exit_code == 4


@pytest.mark.parametrize("stdin", [None, ""])
def test_no_input_is_end_of_file(runs, stdin):
    directory, _ = runs.run(sh("cat; echo over"), stdin=stdin)
    assert runs.text(directory) == "over\n"


def test_environment_is_exactly_the_given_one_and_its_file_is_gone(runs):
    env = {"PATH": "/usr/bin:/bin", "PAPERCLIP_API_KEY": "geheim-ü", "EMPTY": ""}
    code = "import json, os; print(json.dumps(dict(os.environ)), flush=True); import time; time.sleep(1000)"
    directory = runs.create([sys.executable, "-I", "-c", code], env=env)
    runs.launch(directory)
    runs.until(directory.read_started)
    assert not (directory.path / shim.ENV_FILE).exists()
    seen = json.loads(runs.until(lambda: runs.text(directory)))
    assert seen.pop("LC_CTYPE", None) in (None, "C.UTF-8")  # Python's own doing
    assert seen == {**env, rundir.RUN_ID_VARIABLE: directory.run_id}
    assert not any(
        "geheim" in path.read_text() for path in directory.path.iterdir() if path.name != "log.ndjson"
    )


def test_agent_gets_the_standard_descriptors_only(runs):
    directory, _ = runs.run(["ls", "-1", "/proc/self/fd"])
    assert runs.text(directory).split() == ["0", "1", "2", "3"], "3 is the folder ls reads"


def test_agent_starts_with_default_signals_and_none_blocked(runs):
    directory, _ = runs.run(["grep", "Sig", "/proc/self/status"])  # no shell between: it would tidy up
    masks = dict(re.findall(r"(Sig\w+):\s+(\w+)", runs.text(directory)))
    assert {int(masks[name], 16) for name in ("SigBlk", "SigIgn")} == {0}


# -- faults -----------------------------------------------------------------------------------------


def test_full_file_neither_stops_the_agent_nor_hides_its_exit(runs):
    directory = runs.create(["seq", "1", "100000"], max_log_bytes=10 << 20)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))  # noqa: E731
    program = [sys.executable, "-I", "-S", shim.__file__, directory.path]
    process = subprocess.Popen(program, preexec_fn=limit, start_new_session=True)
    runs.processes.append((directory, process))
    end = runs.finish(directory)
    assert (end.exit_code, end.error.code, end.stdout_lines) == (0, "log_write_failed", 100_000)
    assert "File too large" in end.error.message
    raw = (directory.path / shim.LOG_FILE).read_bytes()
    assert raw.endswith(b"\n")
    assert end.log_sha256 == hashlib.sha256(raw).hexdigest()


@pytest.fixture
def small_disk(tmp_path):
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", mount], capture_output=True)
    if made.returncode:
        pytest.skip("mounting a small disk takes root")
    yield mount
    subprocess.run(["umount", "-l", mount], check=True)


FILL = "import os\nfd = os.open('{path}', os.O_WRONLY | os.O_CREAT)\n"
FILL += "try:\n    while os.write(fd, b'x' * 4096): pass\n"
FILL += "except OSError: pass\n"


def test_exit_file_is_written_on_a_full_disk(runs, small_disk):
    code = FILL.format(path=small_disk / "filler") + "for i in range(30000): print('line', i)"
    directory = runs.python(code, root=small_disk)
    end = runs.finish(directory)
    assert (end.exit_code, end.error.code, end.stdout_lines) == (0, "log_write_failed", 30_000)
    assert "No space left" in end.error.message
    assert runs.shim_of(directory).wait(10) == 0


def test_cancel_works_on_a_full_disk(runs, small_disk):
    code = FILL.format(path=small_disk / "filler") + "import time; open('ready', 'w'); time.sleep(1000)"
    directory = runs.python(code, root=small_disk, cwd=str(runs.root.parent))
    runs.until((runs.root.parent / "ready").exists)
    assert directory.request_cancel("x" * 100_000) is True
    assert runs.finish(directory).cancelled


def test_log_goes_on_when_the_disk_has_room_again(runs, small_disk):
    filler = small_disk / "filler"
    code = FILL.format(path=filler) + (
        "import time\nprint('full', 'x' * 8000, flush=True)\ntime.sleep(0.5)\n"
        f"os.close(fd); os.unlink('{filler}')\ntime.sleep(1.2)\nprint('room', flush=True); time.sleep(1000)"
    )
    directory = runs.python(code, root=small_disk)
    runs.until(lambda: runs.text(directory).endswith("room\n"), 20)
    directory.request_cancel("seen enough")
    end = runs.finish(directory)
    assert (end.error, end.truncated) == (None, False)
    assert runs.text(directory) == "full " + "x" * 8000 + "\nroom\n"


def test_nothing_is_started_when_the_files_of_the_run_cannot_be_written(runs, tmp_path):
    directory = runs.create(sh(f"touch {tmp_path}/ran"))
    (directory.path / f"{shim.PID_FILE}.tmp").mkdir()
    runs.launch(directory)
    end = runs.finish(directory)
    assert (end.error.code, end.started_at, end.exit_code) == ("log_write_failed", None, None)
    assert "Is a directory" in end.error.message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("spec.json", b'{"version": 1'),
        ("spec.json", b"[]"),
        ("spec.json", b'{"version": 99}'),
        ("spec.json", b""),
        ("env.json", b'{"A": 1}'),
        ("env.json", b"\xff"),
    ],
)
def test_unusable_files_of_the_parent_are_said_plainly(runs, name, content):
    directory = runs.create(["/bin/true"])
    (directory.path / name).write_bytes(content)
    runs.launch(directory)
    end = runs.finish(directory)
    assert end.error.code == "spawn_failed"
    assert name in end.error.message


def test_fault_of_the_shim_itself_ends_the_agent_and_is_told(runs, tmp_path):
    directory = runs.create(sh("echo $$; exec sleep 1000"))
    broken = "shim = load()\ndef fail(self, *a): raise RuntimeError('planted')\nshim.Stream.feed = fail"
    start_modified(runs, directory, broken)
    end = runs.finish(directory)
    assert (end.error.code, end.signal) == ("shim_failed", "SIGKILL")
    assert not runs.runs_still(end.pid)


# -- the program itself -----------------------------------------------------------------------------


def test_shim_needs_the_standard_library_only_and_leaves_slow_modules_alone():
    code = (
        "import sys\n"
        f"exec(compile(open({shim.__file__!r}).read(), 'shim', 'exec'), {{'__name__': 'shim'}})\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    modules = set(answer.stdout.split())
    assert modules <= sys.stdlib_module_names | {"__main__"}
    assert not modules & {"json", "re", "enum", "signal", "hashlib", "ctypes", "selectors", "subprocess"}


def test_shim_started_by_hand_takes_the_lock_itself(runs):
    directory = runs.create(["sleep", "1000"])
    program = [sys.executable, "-I", "-S", shim.__file__, directory.path]
    runs.processes.append((directory, subprocess.Popen(program, start_new_session=True)))
    runs.until(directory.read_started)
    assert directory.is_alive()
    second = subprocess.run(program, capture_output=True, text=True)
    assert "BlockingIOError" in second.stderr
    directory.request_cancel("enough")
    assert runs.finish(directory).cancelled


def test_start_is_quick(runs):
    took = []
    for _ in range(10):
        directory = runs.create(["/bin/true"])
        begin = time.monotonic()
        runs.launch(directory)
        runs.finish(directory)
        took.append(time.monotonic() - begin)
    assert sorted(took)[5] < 0.25, "a tenfold of what it takes on an idle machine"


def test_secrets_named_by_the_spec_are_masked_in_the_log(runs):  # HW-18
    code = "import os; print('key', os.environ['KEY'], os.environ['SHORT'])"
    env = {"KEY": "tulip-bulb-1637", "SHORT": "key"}
    directory = runs.python(code, env=env, mask_env=("KEY", "SHORT"))
    runs.finish(directory)
    assert runs.text(directory) == "key ***REDACTED*** key\n", "a value that short would eat ordinary words"


def test_notes_open_the_log(runs):
    directory = runs.python("print('hello')", notes=("Folder /x does not exist",))
    runs.finish(directory)
    first = runs.entries(directory)[0]
    assert (first["stream"], first["chunk"]) == ("system", "[paperclip] Folder /x does not exist\n")


SECRET = "tulip-bulb-1637"
MASKED = "***REDACTED***"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(
            "out('a ' + S[:7]); time.sleep(0.6); out(S[7:] + ' b\\n')", f"a {MASKED} b\n", id="two writes"
        ),
        pytest.param(
            "for c in 'x' + S + 'y': out(c); time.sleep(0.3 if c == '-' else 0)",
            f"x{MASKED}y",
            id="by character",
        ),
        pytest.param(
            "out('x' * 8185 + S + 'y' * 9000 + '\\n')",
            "x" * 8185 + MASKED + "y" * 9000 + "\n",
            id="long line",
        ),
        pytest.param("out('x' * 8000 + (S + ' ') * 3000)", None, id="many in one line"),
        pytest.param("out('end ' + S[:12])", f"end {MASKED}", id="cut off by the end"),
        pytest.param("out('end ' + S[:5])", "end tulip", id="too short to be one"),
        pytest.param("out('tulip-bulb tulips\\n')", "tulip-bulb tulips\n", id="only begins like one"),
        pytest.param("import json; out(json.dumps({'k': Q}) + '\\n')", None, id="as JSON writes it"),
        pytest.param("out('key:\\n' + M + '\\n')", None, id="several lines"),
        pytest.param("out(M.splitlines()[1] + '\\n')", f"{MASKED}\n", id="one line of several"),
    ],
)
def test_no_secret_slips_through_between_two_chunks(runs, code, expected):
    quoted, lines = 'ab"cd\\efgh', "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----"
    preamble = (
        "import os, sys, time\nS, Q, M = (os.environ[n] for n in 'SQM')\n"
        "def out(text): os.write(1, text.encode())\n"
    )
    env = {"PATH": os.environ["PATH"], "S": SECRET, "Q": quoted, "M": lines}
    directory = runs.python(preamble + code, env=env, mask_env=("S", "Q", "M"))
    runs.finish(directory)
    text = runs.text(directory)
    for secret in (SECRET, "cd\\\\efgh", "MIIEvQIBADANBg", "lip-bulb-1637"):
        assert secret not in text
    if expected is not None:
        assert text == expected
    assert directory.tail_excerpt("stdout") == text[-32 * 1024 :]
    assert MASKED in text or expected is not None


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_wherever_a_read_ends_no_secret_is_seen(data):
    """Any text with secrets in it, read in any pieces, flushed at any time, says the same as when read at once."""
    letters = st.text("ab\n", max_size=12)
    secrets = data.draw(st.lists(st.text("ab", min_size=8, max_size=12), min_size=1, max_size=3))
    parts = data.draw(st.lists(st.one_of(letters, st.sampled_from(secrets)), max_size=8))
    whole = "".join(parts).encode()
    known = shim.Secrets(secrets)
    said: list[str] = []
    stream = shim.Stream("stdout", -1, lambda _, chunk: said.append(known.mask(chunk.decode())), known)
    rest = whole
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        stream.feed(rest[:size], 0.0)
        rest = rest[size:]
        if data.draw(st.booleans()):
            stream.flush()
    stream.finish()
    text = "".join(said)
    for secret in secrets:
        assert secret not in text
    assert stream.bytes == len(whole)
    if not any(secret in whole.decode() for secret in secrets) and known.unfinished(bytearray(whole)) == len(
        whole
    ):
        assert text == whole.decode()


# -- pictures (H-90) --------------------------------------------------------------------------------

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 12).decode()[:4096]
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(range(255, -1, -1)) * 12).decode()[:4096]
SVG = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'>" * 80).decode()[:4096]
LEFT_OUT = "[image left out: 4096 characters of base64]"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        pytest.param(f'{{"data":"{PNG}"}}', f'{{"data":"{LEFT_OUT}"}}', id="HB-87 in JSON"),
        pytest.param(
            f"![](data:image/png;base64,{PNG}) x",
            f"![](data:image/png;base64,{LEFT_OUT}) x",
            id="H-90 as a link",
        ),
        pytest.param(
            f"data:image/svg+xml;base64,{SVG} x",
            f"data:image/svg+xml;base64,{LEFT_OUT} x",
            id="H-90 announced",
        ),
        pytest.param(f"{PNG} and {JPEG}", f"{LEFT_OUT} and {LEFT_OUT}", id="H-90 two"),
        pytest.param(PNG, LEFT_OUT, id="H-90 cut off by the end"),
        pytest.param(
            json.dumps(json.dumps({"data": PNG})),
            json.dumps(json.dumps({"data": LEFT_OUT})),
            id="H-90 JSON in JSON",
        ),
        pytest.param(PNG[:1023] + ".", PNG[:1023] + ".", id="H-90 too short to matter"),
        pytest.param("QUJD" * 1024, "QUJD" * 1024, id="H-90 no picture"),
        pytest.param("data:image/png, no", "data:image/png, no", id="H-90 only announced"),
        pytest.param("/9j/notes.txt R0lGOD!", "/9j/notes.txt R0lGOD!", id="H-90 only begins like one"),
    ],
)
def test_pictures_do_not_fill_the_log(runs, said, kept):
    code = "import os, sys\nfor line in sys.stdin: os.write(1, line.encode())"
    directory = runs.python(code, stdin=said + "\n" + said)
    end = runs.finish(directory)
    assert runs.text(directory) == f"{kept}\n{kept}"
    assert end.stdout_bytes == 2 * len(said) + 1, "what the program wrote is counted all the same"


def test_picture_in_jpeg_as_json_may_write_it_is_left_out(runs):
    escaped = JPEG.replace("/", "\\/")
    directory = runs.python("import sys; print(sys.stdin.read(), end='')", stdin=f'"{escaped}"\n')
    runs.finish(directory)
    assert runs.text(directory) == f'"[image left out: {len(escaped)} characters of base64]"\n'


def test_long_chunk_is_stored_in_pieces_and_a_full_log_keeps_its_end(runs):
    """HB-87: 90,004 characters at once. Below the cap nothing is lost; above it the end is kept, and the gap said."""
    code = "import os; os.write(1, b'a' * 90_000 + b'tail')"
    whole, capped = runs.python(code), runs.python(code, max_log_bytes=16_384)
    for directory in (whole, capped):
        runs.finish(directory)
    assert runs.text(whole) == "a" * 90_000 + "tail"
    assert max(len(entry["chunk"]) for entry in runs.entries(whole)) <= shim.CHUNK_BYTES
    text, notes = runs.text(capped), runs.text(capped, "system")
    assert text.endswith("atail")
    assert len(text) < 16_384 + shim.TAIL_BYTES
    assert f"{90_004 - len(text)} bytes of output were left out here" in notes


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_wherever_a_read_ends_the_same_pictures_are_left_out(data):
    parts = st.one_of(
        st.text('ad/9jR0lGOD\\" \n', max_size=12),
        st.sampled_from([*(start.decode() for start in shim.PICTURE_STARTS), ";base64,", PNG, JPEG, SVG]),
    )
    whole = "".join(data.draw(st.lists(parts, max_size=6))).encode()

    def read(sizes):
        pictures, said, rest = shim.Pictures(), bytearray(), whole
        for size in sizes:
            said += pictures.pass_on(rest[:size])
            rest = rest[size:]
        return bytes(said + pictures.pass_on(rest) + pictures.finish())

    once = read([])
    assert read(data.draw(st.lists(st.integers(1, 2000), max_size=12))) == once
    assert read([1] * min(len(whole), 3000)) == once
    assert PNG.encode() not in once
    if len(whole) < shim.PICTURE_MIN_LENGTH:
        assert once == whole
