"""What scripts/install puts where: the program, a manual page for each command, and completions that complete."""

import pathlib
import shutil
import subprocess

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.tripstore import COMMANDS

ROOT = pathlib.Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    subprocess.run([ROOT / "scripts/install", "--prefix", prefix, "--program", tripstore.BINARY], check=True, capture_output=True)
    return prefix


def test_the_program_runs(installed):
    done = subprocess.run([installed / "bin/tripstore", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == tripstore.cli("--version").stdout


def test_each_command_has_a_page(installed):
    pages = {path.name: path.read_text() for path in (installed / "share/man/man1").iterdir()}
    assert sorted(pages) == sorted(["tripstore.1", *(f"tripstore-{command}.1" for command in COMMANDS)])
    for section in (".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS", ".SH SEE ALSO"):
        assert all(section in text for name, text in pages.items() if name not in ("tripstore-regions.1",)), section
    assert "\\-\\-rejects" in pages["tripstore-jobs.1"] and "tripstore jobs 3 \\-\\-remove" in pages["tripstore-jobs.1"]


@pytest.mark.skipif(not shutil.which("groff"), reason="There is no groff here.")
def test_the_pages_are_valid_and_readable(installed):
    for page in (installed / "share/man/man1").iterdir():
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-cbou", page], capture_output=True, text=True, check=True)
        assert done.stderr == "", page
        assert "SYNOPSIS" in done.stdout and "\\" not in done.stdout, page


def completed(script, *words):
    """What bash offers for the last of some words."""
    # The variables are those that bash sets for a completion function.
    line = " ".join(words)
    program = f"""source {script}
        COMP_WORDS=({' '.join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}
        COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}
        _tripstore tripstore {words[-1]!r} {words[-2]!r}
        printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [word.strip() for word in done.stdout.split("\n") if word.strip()]


@pytest.mark.parametrize("words, offered", [
    (["weekl"], ["weekly-average"]), (["re"], ["regions", "rebuild-catalog", "repair", "restore", "resume"]),
    (["weekly-average", "--with"], ["--within"]), (["weekly-average", "--within", ""], ["origin", "destination", "both", "either"]),
    (["regions", "--format", "j"], ["json"]), (["trip-groups", "--wi"], ["--within", "--wide"]),
    (["serve", "--role", "w"], ["worker"])], ids=str)
def test_bash_completes(installed, words, offered):
    script = installed / "share/bash-completion/completions/tripstore"
    assert sorted(completed(script, "tripstore", *words)) == sorted(offered)


@pytest.mark.parametrize("shell, path", [
    ("zsh", "share/zsh/site-functions/_tripstore"), ("fish", "share/fish/vendor_completions.d/tripstore.fish")])
def test_other_shells_have_completions(installed, shell, path):
    text = (installed / path).read_text()
    assert "weekly-average" in text and "min-lat" in text
    if shutil.which(shell):
        subprocess.run([shell, "-n", installed / path], check=True)


def test_it_can_be_packed_and_refuses_what_makes_no_sense(tmp_path):
    command = [ROOT / "scripts/install", "--program", tripstore.BINARY]
    subprocess.run([*command, "--prefix", "/usr"], check=True, capture_output=True, env={"PATH": "/usr/bin:/bin", "DESTDIR": str(tmp_path)})
    assert (tmp_path / "usr/share/man/man1/tripstore.1").is_file()
    for arguments, words in [(["--prefix", "here"], "absolute path"), (["--prefx"], "usage:"), (["--prefix"], "needs a value")]:
        done = subprocess.run([ROOT / "scripts/install", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode != 0 and words in done.stderr
