"""Writes the manual pages of tripstore: one of the program, and one of each command.

    scripts/man PROGRAM FOLDER      scripts/man .build/release/tripstore share/man/man1

The text is that of --help, which the program gives as JSON.
"""

import argparse
import json
import pathlib
import subprocess

SECTION = 1


def escaped(text):
    """Text as roff takes it: a backslash and a leading dot or quote mean something there, and a hyphen is not a minus."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def body(text):
    """A discussion: paragraphs, and indented lines as they are."""
    lines, is_verbatim = [], False
    for line in text.split("\n"):
        if line.startswith("  ") != is_verbatim:
            lines.append(".EE" if is_verbatim else ".EX")
            is_verbatim = not is_verbatim
        lines.append(escaped(line) if line else ".PP")
    return lines + ([".EE"] if is_verbatim else [])


def spelling(name):
    return ("-" if name["kind"] == "short" else "--") + name["name"]


def term(argument):
    """An argument as its heading: `-q, --quiet` or `--limit <limit>`."""
    value = f"<{argument['valueName']}>"
    if argument["kind"] == "positional":
        return f"\\fI{escaped(value)}\\fR"
    names = sorted(map(spelling, argument["names"]), key=len)
    words = ", ".join(f"\\fB{escaped(name)}\\fR" for name in names)
    return words if argument["kind"] == "flag" else f"{words} \\fI{escaped(value)}\\fR"


def synopsis(argument):
    name = escaped(spelling(argument["preferredName"])) if argument["kind"] != "positional" else ""
    value = f"\\fI{escaped(argument['valueName'])}\\fR" if argument["kind"] != "flag" else ""
    words = " ".join(filter(None, [f"\\fB{name}\\fR" if name else "", value + (" ..." if argument["isRepeating"] else "")]))
    return f"[{words}]" if argument["isOptional"] else words


def page(command, title, others, version):
    """A page in the man macros, with the sections that readers look for."""
    arguments = [argument for argument in command.get("arguments", []) if argument["shouldDisplay"]]
    lines = [f'.TH "{title.upper().replace("-", chr(92) + "-")}" {SECTION} "" "tripstore {version}" "tripstore"', ".nh", ".ad l",
             ".SH NAME", f"{escaped(title)} \\- {escaped(command['abstract'].rstrip('.'))}",
             ".SH SYNOPSIS", f".B {escaped(title.replace('tripstore-', 'tripstore '))}"]
    lines += [synopsis(argument) for argument in arguments]
    if "subcommands" in command:
        lines.append("\\fIcommand\\fR")
    if command.get("discussion"):
        lines += [".SH DESCRIPTION", *body(command["discussion"])]
    commands = [one for one in command.get("subcommands", []) if one["shouldDisplay"] and one["commandName"] != "help"]
    if commands:
        lines.append(".SH COMMANDS")
    for one in commands:
        lines += [".TP", f"\\fB{escaped(one['commandName'])}\\fR", escaped(one["abstract"])]
    for heading, is_one in (("ARGUMENTS", lambda kind: kind == "positional"), ("OPTIONS", lambda kind: kind != "positional")):
        some = [argument for argument in arguments if is_one(argument["kind"])]
        lines += [f".SH {heading}"] if some else []
        for argument in some:
            lines += [".TP", term(argument), escaped(argument.get("abstract", ""))]
    lines += [".SH SEE ALSO", ", ".join(f"\\fB{escaped(other)}\\fR({SECTION})" for other in others)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(prog="scripts/man", description="Writes the manual pages of tripstore.")
    parser.add_argument("program", help="the program that the pages are of")
    parser.add_argument("folder", type=pathlib.Path, help="where the pages go; created if it does not exist")
    arguments = parser.parse_args()

    def ask(option):
        return subprocess.run([arguments.program, option], stdout=subprocess.PIPE, text=True, check=True).stdout

    command, version = json.loads(ask("--experimental-dump-help"))["command"], ask("--version").strip()
    name = command["commandName"]
    pages = {name: command} | {f"{name}-{one['commandName']}": one for one in command["subcommands"]
                               if one["shouldDisplay"] and one["commandName"] != "help"}
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for title, one in pages.items():
        others = [other for other in pages if other != name] if title == name else [name]
        (arguments.folder / f"{title}.{SECTION}").write_text(page(one, title, others, version))


if __name__ == "__main__":
    main()
