"""Where the command line reads from and writes to: pipes that close, disks that are full, terminals, and what Ctrl-C does."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import signal
import sqlite3
import struct
import subprocess
import termios

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.generated import ROWS
from tripstore_tools.harness.terminal import Terminal, bars
from tripstore_tools.harness.tripstore import FAILED, SAMPLE, clean_environment, cli

# MARK: Pipes

def first_line(*arguments, ignoring_sigpipe=False):
    """`tripstore … | head -1`: the line, how it ended, and what it said."""
    process = subprocess.Popen(
        [str(tripstore.BINARY), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(),
        restore_signals=not ignoring_sigpipe)
    line = process.stdout.readline().decode()
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    return line, process.wait(timeout=tripstore.TIMEOUT_SECONDS), said


@pytest.fixture(scope="module")
def many_groups(generated_in_columnstore):
    """A query with far more to print than a pipe holds."""
    return ["trip-groups", "--limit=10000", "--precision=7", "--data-dir", generated_in_columnstore.data_dir]


def test_generating_into_a_closed_pipe_ends_quietly():
    line, code, said = first_line("generate", "--rows=1000000")
    assert line == "region,origin_coord,destination_coord,datetime,datasource\n"
    assert (code, said) in [(0, ""), (-signal.SIGPIPE, "")]


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_an_answer_into_a_closed_pipe_ends_quietly(many_groups, form):
    line, code, said = first_line(*many_groups, "--format", form)
    assert line
    assert (code, said) in [(0, ""), (-signal.SIGPIPE, "")]


def test_an_answer_into_a_closed_pipe_ends_quietly_where_the_signal_is_ignored(many_groups):
    """As under some service managers and containers."""
    _, code, said = first_line(*many_groups, "--format=csv", ignoring_sigpipe=True)
    assert (code, said) == (128 + signal.SIGPIPE, "")


FULL = pathlib.Path("/dev/full")


@pytest.mark.skipif(not FULL.is_char_device(), reason="There is no device here that is always full.")
@pytest.mark.parametrize("arguments", [
    ["regions"], ["jobs"], ["regions", "--format=csv"], ["generate", "--rows=1000"]], ids=str)
def test_a_full_disk_is_a_sentence(sample_store, arguments):
    with FULL.open("w") as full:
        done = subprocess.run([str(tripstore.BINARY), *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                              env=clean_environment(DATA_DIR=str(sample_store)))
    assert done.returncode == FAILED
    assert done.stderr == ("Error: Cannot write to standard output: No space left on device; "
                           "free space on that file system and try again.\n")


def test_a_load_goes_on_where_nobody_reads_what_it_says(tmp_path):
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run([str(tripstore.BINARY), "ingest", str(SAMPLE), "--data-dir", str(tmp_path / "data")], stderr=theirs,
                          env=clean_environment(), restore_signals=False, check=False)
    os.close(theirs)
    assert done.returncode == 0


def test_standard_output_has_the_answer_and_nothing_else(sample_store):
    done = cli("trip-groups", "--limit=3", "--format=csv", "--data-dir", sample_store)
    assert (len(done.stdout.splitlines()), done.stderr) == (4, "")


def test_generated_rows_are_the_same_in_a_file_and_in_a_pipe(tmp_path):
    piped = cli("generate", "--rows=1000", "--seed=3").stdout
    cli("generate", "--rows=1000", "--seed=3", "-o", tmp_path / "trips.csv")
    assert (tmp_path / "trips.csv").read_text() == piped
    assert len(piped.splitlines()) == 1001
    assert cli("generate", "--rows=1000", "--seed=4").stdout != piped
    assert cli("generate", "--rows=0").stdout.count("\n") == 1


def test_nothing_moves_and_nothing_is_coloured_where_there_is_no_terminal(generated_csv, tmp_path):
    done = cli("ingest", generated_csv, "--data-dir", tmp_path / "data")
    said = cli("verify", "--data-dir", tmp_path / "data"), cli("inspect", "--data-dir", tmp_path / "data"), done
    for text in [part for one in said for part in (one.stdout, one.stderr)]:
        assert not set("\x1b\r█░") & set(text)
    assert re.fullmatch(rf"trips\.csv: {ROWS:,} trips ingested \(job 1, [\d,]+ rows/s\)\n", done.stderr.split("left\n")[-1])
    assert done.stdout == ""


def test_quiet_says_nothing_but_errors(tmp_path):
    done = cli("ingest", "--quiet", SAMPLE, "--data-dir", tmp_path / "data")
    assert (done.stdout, done.stderr) == ("", "")
    done = cli("ingest", "-q", SAMPLE, "absent.csv", "--data-dir", tmp_path / "data", check=False)
    assert "absent.csv" in done.stderr and "trips ingested" not in done.stderr


# MARK: Terminals

def test_a_terminal_sees_a_bar_with_rate_and_time_left_and_then_the_result_on_a_line(generated_csv, tmp_path):
    terminal = Terminal("ingest", generated_csv, "--data-dir", tmp_path / "data")
    assert terminal.finish() == 0
    seen = bars(terminal.text)
    assert seen, terminal.text
    for bar in seen:
        assert re.fullmatch(
            r"trips\.csv  \[█*░*\]  \d+ %  [\d,]+ rows  [\d,]+ rows/s  \d+:\d\d left", bar), bar
    shares = [int(re.search(r"(\d+) %", bar)[1]) for bar in seen]
    assert shares == sorted(shares) and shares[0] < 100
    last = terminal.text.split("\r\x1b[K")[-1]
    assert re.fullmatch(rf"trips\.csv: {ROWS:,} trips ingested \(job 1, [\d,]+ rows/s\)\r\n", last)


@pytest.mark.parametrize("columns", [50, 80, 200])
def test_the_moving_line_fits_on_the_terminal(generated_csv, tmp_path, columns):
    """It shortens its bar, then the name, then it has no bar; on a wide one it says all."""
    # Too long for 80 columns, however few digits the rate has.
    path = tmp_path / "trips_of_the_whole_year_2018.csv"
    path.symlink_to(generated_csv)
    terminal = Terminal("ingest", path, "--data-dir", tmp_path / "data", columns=columns)
    assert terminal.finish() == 0
    moving = [line for line in re.split(r"\r\x1b\[K", terminal.text) if "rows/s" in line and "ingested" not in line]
    assert moving
    for line in moving:
        assert len(line) < columns
        assert line.startswith("trips_of_the_whole_year_2018.csv  [" if columns == 200 else "trip") and " %  " in line
        assert ("…" in line) == (columns < 200)


def test_a_quiet_load_shows_no_bar(generated_csv, tmp_path):
    terminal = Terminal("ingest", "--quiet", generated_csv, "--data-dir", tmp_path / "data")
    assert (terminal.finish(), terminal.text) == (0, "")


def test_a_pipe_shows_progress_without_a_share(tmp_path):
    """Its size is not known, so there is neither a share nor a time left."""
    head, rows = SAMPLE.read_bytes().split(b"\n", 1)
    ours, theirs = os.pipe()
    terminal = Terminal("ingest", "-", "--data-dir", tmp_path / "data", stdin=ours)
    os.close(ours)
    with os.fdopen(theirs, "wb") as pipe:
        pipe.write(head + b"\n" + rows * 2000)
    assert terminal.finish() == 0
    *moving, last = re.split(r"\r\x1b\[K", terminal.text)[1:]
    assert moving
    for line in moving:
        assert re.fullmatch(r"standard input  [\d,]+ rows  [\d,]+ rows/s", line)
    assert last.startswith("standard input: 200,000 trips ingested (job 1") and last.endswith("\r\n")


# MARK: Interruption

@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_signal_in_the_middle_of_a_pipe_ends_a_load_with_its_number(tmp_path, number, code):
    process = subprocess.Popen([str(tripstore.BINARY), "ingest", "-", "--data-dir", str(tmp_path / "data")],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
    head, rows = SAMPLE.read_bytes().split(b"\n", 1)
    # More than a pipe holds: once it is written, the job is running.
    process.stdin.write(head + b"\n" + rows * 1000)
    process.stdin.flush()
    process.send_signal(number)
    with contextlib.suppress(BrokenPipeError):
        while process.poll() is None:
            process.stdin.write(rows)
    assert process.wait(timeout=tripstore.TIMEOUT_SECONDS) == code
    said = process.stderr.read().decode()
    assert "Interrupted" in said and "Fatal error" not in said
    # Nothing of it is in the store, and the next load is as if it had never been.
    assert json.loads(cli("regions", "--format=json", "--data-dir", tmp_path / "data").stdout)["regions"] == []
    cli("ingest", "--quiet", "-", "--data-dir", tmp_path / "data", stdin=SAMPLE.read_text())
    assert json.loads(cli("weekly-average", "--format=json", "--data-dir", tmp_path / "data").stdout)["total_trips"] == 100
    jobs = [json.loads(cli("jobs", job, "--format=json", "--data-dir", tmp_path / "data").stdout) for job in (1, 2)]
    assert [job["status"] for job in jobs] == ["failed", "completed"]
    assert "load it again" in jobs[0]["message"]


def test_an_interrupted_pipe_does_not_promise_to_go_on(tmp_path):
    terminal = Terminal("ingest", "-", "--data-dir", tmp_path / "data", stdin=subprocess.PIPE)
    head, rows = SAMPLE.read_bytes().split(b"\n", 1)
    terminal.process.stdin.write(head + b"\n" + rows * 1000)
    terminal.process.stdin.flush()
    terminal.process.send_signal(signal.SIGINT)
    with contextlib.suppress(BrokenPipeError):
        while terminal.process.poll() is None:
            terminal.process.stdin.write(rows)
    terminal.finish()
    assert "continue from there" not in terminal.text
    assert "standard input or a pipe cannot be read again, so ingest it from the start" in terminal.text


def wait_for_the_load(data_dir):
    tripstore.wait_until(lambda: "running" in cli("jobs", "--data-dir", data_dir, check=False).stdout, "the load")


def test_ctrl_c_ends_a_load_that_waits_for_its_input(tmp_path):
    """As after `tripstore ingest -` at a prompt."""
    terminal = Terminal("ingest", "-", "--data-dir", tmp_path / "data")
    wait_for_the_load(tmp_path / "data")
    terminal.press(b"\x03")
    try:
        assert terminal.process.wait(timeout=tripstore.TIMEOUT_SECONDS) == 130
    finally:
        terminal.process.kill()
        terminal.finish()
    assert "ingest it from the start" in terminal.text


@pytest.mark.parametrize("count, code, words", [(0, 1, "The file is empty"), (4, 0, "3 trips ingested (job 1")])
def test_ctrl_d_ends_the_input_at_the_first_time(tmp_path, count, code, words):
    """Found: a second one was needed if nothing was typed, since a terminal that is read again waits for another."""
    terminal = Terminal("ingest", "-", "--data-dir", tmp_path / "data")
    wait_for_the_load(tmp_path / "data")
    for line in SAMPLE.read_bytes().splitlines()[:count]:
        terminal.press(line + b"\n")
    terminal.press(b"\x04")
    try:
        assert terminal.process.wait(timeout=tripstore.TIMEOUT_SECONDS) == code
    finally:
        terminal.process.kill()
        terminal.finish()
    assert words in terminal.text


@pytest.mark.parametrize("sent", [b"", SAMPLE.read_bytes()[:1000]], ids=["nothing yet", "some rows"])
def test_sigterm_ends_a_load_whose_pipe_is_idle(tmp_path, sent):
    process = subprocess.Popen([str(tripstore.BINARY), "ingest", str(SAMPLE), "-", "--data-dir", str(tmp_path / "data")],
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
    process.stdin.write(sent)
    process.stdin.flush()
    wait_for_the_load(tmp_path / "data")
    tripstore.wait_until(lambda: "completed" in cli("jobs", "--data-dir", tmp_path / "data").stdout, "the file before it")
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(timeout=tripstore.TIMEOUT_SECONDS) == 143
    finally:
        process.kill()
        process.stdin.close()
    assert "ingest it from the start" in process.stderr.read().decode()
    # What was loaded before it stays, and the store is as good as ever.
    cli("ingest", "--quiet", "--allow-duplicate", SAMPLE, "--data-dir", tmp_path / "data")
    assert json.loads(cli("weekly-average", "--format=json", "--data-dir", tmp_path / "data").stdout)["total_trips"] == 200
    cli("verify", "--data-dir", tmp_path / "data")


def test_ctrl_c_stops_at_a_checkpoint_and_the_same_command_goes_on_from_there(generated_csv, tmp_path):
    """A load may be over before the key reaches it; then it is tried again with a fresh store."""
    for attempt in range(20):
        command = ["ingest", generated_csv, "--data-dir", tmp_path / str(attempt)]
        terminal = Terminal(*command, INGESTION_CHUNK_SIZE="1000")
        terminal.read_until("rows/s")
        terminal.press(b"\x03")
        code = terminal.finish()
        if code == 130:
            break
        assert code == 0
    else:
        pytest.fail("twenty loads were over before Ctrl-C reached them")
    assert "Interrupted; run the same command again to continue from there.\r\n" in terminal.text
    assert json.loads(cli("regions", "--format=json", "--data-dir", command[-1]).stdout)["regions"] == []
    done = cli(*command)
    rows = int(re.search(r"Resuming trips\.csv after ([\d,]+) rows \(job 1\)\.", done.stderr)[1].replace(",", ""))
    assert 0 < rows < ROWS
    assert json.loads(cli("weekly-average", "--format=json", "--data-dir", command[-1]).stdout)["total_trips"] == ROWS
    cli("verify", "--data-dir", command[-1])


# MARK: Files that are read once

@contextlib.contextmanager
def descriptor(kind, folder):
    """A path that a command can open, the descriptors that it inherits for that, and what writes to it."""
    if kind == "fifo":
        path = folder / "fifo"
        if not path.exists():
            os.mkfifo(path)
        # For reading too, so that opening it waits for nobody.
        pipe = os.open(path, os.O_RDWR)
        yield path, [], pipe
        os.close(pipe)
        return
    ours, theirs = os.pipe()
    # Above all that are in use, so that it is the same each time, as a shell's are.
    number = fcntl.fcntl(ours, fcntl.F_DUPFD, 500)
    os.close(ours)
    yield pathlib.Path(f"/proc/self/fd/{number}" if kind == "of proc" else f"/dev/fd/{number}"), [number], theirs
    os.close(number)
    with contextlib.suppress(OSError):
        os.close(theirs)


def unread(pipe):
    """Bytes in a pipe that nobody has read yet."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


@pytest.mark.parametrize("kind", ["of a shell", "of proc", "fifo"])
@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=["SIGTERM", "SIGKILL"])
def test_an_interrupted_pipe_is_not_gone_on_with(tmp_path, kind, number, code):
    """Found: it was remembered as /dev/fd/63, and another command's pipe of that number was refused as a file that changed."""
    store = tmp_path / "data"
    head, rows = SAMPLE.read_bytes().split(b"\n", 1)
    with descriptor(kind, tmp_path) as (path, inherited, pipe):
        command = [str(tripstore.BINARY), "ingest", str(path), "--data-dir", str(store)]
        process = subprocess.Popen(command, pass_fds=inherited, stderr=subprocess.PIPE, env=clean_environment())
        os.write(pipe, head + b"\n" + rows[:4000])
        wait_for_the_load(store)
        process.send_signal(number)
        assert process.wait(timeout=tripstore.TIMEOUT_SECONDS) == code
        said = process.stderr.read().decode()
        process.stderr.close()
        if number == signal.SIGTERM:
            assert "ingest it from the start" in said and "continue from there" not in said
    with descriptor(kind, tmp_path) as (path, inherited, pipe):
        process = subprocess.Popen(command, pass_fds=inherited, stderr=subprocess.PIPE, env=clean_environment())
        os.write(pipe, head + b"\n" + b"\n".join(rows.split(b"\n")[:7]) + b"\n")
        if kind == "fifo":
            # Closed before it is opened at the other end, it would be empty and never end.
            tripstore.wait_until(lambda: unread(pipe) == 0, "it to be read")
    assert process.wait(timeout=tripstore.TIMEOUT_SECONDS) == 0, process.stderr.read()
    process.stderr.close()
    jobs = json.loads(cli("jobs", "--format=json", "--data-dir", store).stdout)
    assert [job["status"] for job in jobs] == ["completed", "failed"]
    assert jobs[1]["message"] == "Interrupted while reading a pipe or a device, which cannot be read again; load it again."
    refused = cli("resume", "1", "--data-dir", store, check=False)
    assert refused.returncode == FAILED and "which cannot be read again" in refused.stderr
    assert json.loads(cli("weekly-average", "--format=json", "--data-dir", store).stdout)["total_trips"] == 7


def test_a_file_that_is_redirected_is_that_file(tmp_path):
    """A file is resumed whatever its name; one that was removed has none, and is a stream."""
    store, file = tmp_path / "data", tmp_path / "trips.csv"
    file.write_bytes(SAMPLE.read_bytes())

    def ingest(path, **options):
        return subprocess.run([str(tripstore.BINARY), "ingest", path, "--data-dir", str(store)], capture_output=True, text=True,
                              env=clean_environment(), check=False, **options)

    with file.open() as opened:
        done = ingest("/dev/stdin", stdin=opened)
        assert done.returncode == 0, done.stderr
        done = ingest(f"/dev/fd/{opened.fileno()}", pass_fds=[opened.fileno()])
        assert done.returncode == 0 and "skipped, as it was already ingested as job 1" in done.stderr
    lines = SAMPLE.read_text().splitlines(keepends=True)
    other = tmp_path / "other.csv"
    other.write_text("".join(lines[:31]))
    with other.open() as opened:
        other.unlink()
        done = ingest(f"/dev/fd/{opened.fileno()}", pass_fds=[opened.fileno()])
        assert done.returncode == 0, done.stderr
    with contextlib.closing(sqlite3.connect(store / "catalog.sqlite")) as catalog:
        sources = [source for source, in catalog.execute("SELECT source_path FROM jobs ORDER BY id")]
    assert sources[0] == str(file.resolve()) and sources[1].startswith("-/")
    assert json.loads(cli("weekly-average", "--format=json", "--data-dir", store).stdout)["total_trips"] == 130
