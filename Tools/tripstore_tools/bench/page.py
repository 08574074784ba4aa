"""Tables as Markdown that also reads well in a terminal, and pages whose tables are written by programs.

    python -m tripstore_tools.bench.page PAGE SECTION < TEXT      puts a text between <!-- SECTION --> and <!-- /SECTION -->
"""

import sys
from pathlib import Path


def markdown(rows):
    """A table, head first; the first column to the left, the others to the right."""
    widths = [max(3, *(len(row[column]) for row in rows)) for column in range(len(rows[0]))]

    def line(cells):
        return "| " + " | ".join(cells) + " |"

    lines = [line([row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]) for row in rows]
    lines.insert(1, line(["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]))
    return "\n".join(lines)


def replace(page, section, text):
    """Replaces a section of a page, which must exist."""
    start, end = f"<!-- {section} -->\n", f"<!-- /{section} -->"
    old = Path(page).read_text()
    if old.count(start) != 1 or old.count(end) != 1:
        sys.exit(f"{page} must have one section between {start.strip()} and {end}")
    before, _, rest = old.partition(start)
    _, _, after = rest.partition(end)
    Path(page).write_text(f"{before}{start}{text.strip()}\n{end}{after}")


if __name__ == "__main__":
    replace(sys.argv[1], sys.argv[2], sys.stdin.read())
