"""A page of documentation, followed as a reader would: its commands in their order, in one folder, and what they print.

Fenced blocks are run by their language: `sh` line by line, with the environment that earlier lines made; `python` as one session.
The expected output is in comment lines below a command, or, of all commands without, as a `text`, `json` or `http` block right below. Comments of
HTML above a block, which no reader sees, say what else a test needs to know:

    <!-- run: NAME -->       the test prepares NAME before, such as a new store
    <!-- file: NAME -->      the block is a file of this name
    <!-- not run: WHY -->    the block can't be run here

Numbers have to be equal; times, rates and paths have to look alike; `…` matches anything.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tripstore_tools.harness.tripstore import TIMEOUT_SECONDS, clean_environment

# What a page shows and another run can't repeat: it has to look alike.
ALIKE = [
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    r"[\d,]+ rows/s",
    r'"rows_per_second":[\d.]+',
    r'"eta_seconds":(?:[\d.]+|null)',
    r'"(?:plan|scan|merge)":[\d.]+',
]
ANYTHING = r"[\s\S]*?"


@dataclass
class Block:
    language: str
    text: str
    line: int
    notes: dict = field(default_factory=dict)
    # The block right below, if it is the output.
    answer: "Block | None" = None


@dataclass
class Step:
    """One command, and its expected output."""

    command: str
    expected: str
    line: int


def blocks(page):
    """The fenced blocks of a page, answers put to what they answer."""
    found, notes, lines = [], {}, Path(page).read_text(encoding="utf-8").splitlines()
    end_of_last = -1
    number = 0
    while number < len(lines):
        line = lines[number]
        note = re.fullmatch(r"<!-- (run|file|not run): (.+) -->", line)
        if note:
            notes[note[1]] = note[2]
        elif fence := re.fullmatch(r"```(\w+)", line):
            end = lines.index("```", number + 1)
            block = Block(fence[1], "\n".join(lines[number + 1:end]), number + 1, notes)
            is_answer = found and not notes and number == end_of_last + 1 and block.language in ("text", "json", "http")
            if is_answer and found[-1].answer is None and found[-1].language in ("sh", "python"):
                found[-1].answer = block
            else:
                found.append(block)
            notes, end_of_last, number = {}, end, end
        number += 1
    return found


def steps(block):
    """The commands of a block of `sh`: a line that ends with a backslash continues, comment lines are the expected output."""
    out = []
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if line.startswith("#"):
            out[-1].expected += line.removeprefix("#").strip() + "\n"
        elif out and out[-1].command.endswith("\\"):
            out[-1].command += "\n" + line
        elif line.strip():
            out.append(Step(line, "", number))
    return out


def pattern(expected):
    """What an output has to match: numbers as they are, `ALIKE` by what it looks like, JSON on any number of lines."""
    expected = expected.strip()
    if re.match(r"(data: )?[{\[]", expected):
        expected = re.sub(r"\n\s*", "", expected)
    parts, position = [], 0
    for match in re.finditer("|".join(f"(?P<alike{index}>{shown})" for index, shown in enumerate(ALIKE)) + "|…", expected):
        parts.append(re.escape(expected[position:match.start()]))
        parts.append(ANYTHING if match[0] == "…" else ALIKE[int(match.lastgroup.removeprefix("alike"))])
        position = match.end()
    return "".join([*parts, re.escape(expected[position:])])


def assert_alike(said, expected, where):
    said = "\n".join(line.rstrip() for line in said.strip().splitlines())
    expected = "\n".join(line.rstrip() for line in expected.strip().splitlines())
    assert re.fullmatch(pattern(expected), said), f"{where}: the page shows\n{expected}\nand this was printed:\n{said}"


class Reader:
    """Follows a page in a folder; path: where programs are looked for first. `exchanged` are texts of the page that differ here."""

    def __init__(self, folder, path, **variables):
        self.folder, self.exchanged = Path(folder), {}
        self.folder.mkdir(exist_ok=True)
        self.state = self.folder.with_name(self.folder.name + ".environment")
        self.variables = clean_environment(**variables) | {"PATH": f"{path}:{os.environ['PATH']}", "HOME": str(self.folder.parent)}
        # Without a meter, as a terminal that is looked at only afterwards.
        (self.folder.parent / ".curlrc").write_text("silent\nshow-error\n")
        self.python = []

    def exchange(self, text):
        for shown, here in self.exchanged.items():
            text = text.replace(shown, here)
        return text

    def shell(self, command, options=""):
        """Runs a command after those before it; returns what it printed, errors among it."""
        script = f'[ ! -e "$0" ] || . "$0"\n{self.exchange(command)}\ncode=$?\nexport -p >"$0"\nexit $code\n'
        # A person who types nothing: some programs end when their input does.
        silence, keyboard = os.pipe()
        try:
            done = subprocess.run(["bash", "-c", script, str(self.state)], cwd=self.folder, env=self.variables, stdin=silence,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_SECONDS, check=False)
        finally:
            os.close(silence)
            os.close(keyboard)
        # What moves a terminal's cursor is not seen.
        return done.returncode, re.sub(r"\x1b(\[[\d;?]*[A-Za-z]|[78])", "", done.stdout)

    def follow(self, block, page="page"):
        """Does what a block says, and compares."""
        where = f"{page}, line {block.line}"
        if "file" in block.notes:
            (self.folder / block.notes["file"]).write_text(block.text + "\n", encoding="utf-8")
        elif block.language == "sh":
            printed = []
            for step in steps(block):
                command = step.command
                if block.answer and block.answer.language == "http":
                    command = re.sub(r"^curl ", "curl -i ", command)
                code, said = self.shell(command)
                assert code == 0, f"{page}, line {step.line}: {step.command} ended with {code}:\n{said}"
                if step.expected:
                    assert_alike(said, self.exchange(step.expected), f"{page}, line {step.line}")
                else:
                    printed.append(said)
            self.compare(block, "".join(printed), where)
        elif block.language == "python":
            self.compare(block, self.session(block.text, where), where)
        else:
            raise AssertionError(f"{where}: a block of {block.language} is no answer to a command; say above it what it is")

    def compare(self, block, said, where):
        if block.answer is None:
            return
        expected = self.exchange(block.answer.text)
        if block.answer.language == "http":
            head, _, body = expected.partition("\n\n")
            said_head, _, said_body = re.sub(r"\AHTTP/1.1 100 .*\n\n", "", said.replace("\r\n", "\n")).partition("\n\n")
            missing = [line for line in head.splitlines() if line not in said_head.splitlines()]
            assert missing == [], f"{where}: {missing} not in\n{said_head}"
            said, expected = said_body, body
        assert_alike(said, expected, where)

    def session(self, text, where):
        """Runs a block after the page's earlier ones, as a person at a prompt; returns what it printed itself.

        Each line that is an expression is shown, as a prompt does, so that what is lazy is computed."""
        program = "import ast, sys\nnames = {}\nfor number, text in enumerate(sys.argv[1:]):\n" \
            "    if number == len(sys.argv) - 2: print('--8<--', flush=True)\n" \
            "    for node in ast.parse(text).body:\n" \
            "        if isinstance(node, ast.Expr): exec('_ = ' + ast.unparse(node) + '\\nif _ is not None: repr(_)', names)\n" \
            "        else: exec(ast.unparse(node), names)\n"
        self.python.append(self.exchange(text))
        done = subprocess.run([sys.executable, "-c", program, *self.python], cwd=self.folder, env=self.variables, capture_output=True,
                              text=True, timeout=TIMEOUT_SECONDS, check=False)
        assert done.returncode == 0, f"{where}:\n{done.stderr}"
        return done.stdout.partition("--8<--\n")[2]
