"""The two drawings of docs/figures, as SVG that is readable on light and on dark pages. Written by hand: bars and dots need no
library.
"""

import math
from html import escape

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 15px; }
  .note, .tick { fill: #57606a; font-size: 11px; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .ours { fill: #c2410c; } text.ours { font-weight: 600; }
  .peer { fill: #8c959f; }
  .p1 { fill: #0969da; } .p2 { fill: #54aeff; } .p3 { fill: #2da44e; } .p4 { fill: #8250df; } .p5 { fill: #bf8700; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note, .tick { fill: #9198a1; } .grid { stroke: #3d444d; }
    .ours { fill: #fb923c; } .peer { fill: #6e7681; }
    .p1 { fill: #4493f8; } .p2 { fill: #a5d6ff; } .p3 { fill: #3fb950; } .p4 { fill: #ab7df8; } .p5 { fill: #d29922; }
  }
"""


def svg(width, height, description, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            f' role="img" aria-label="{escape(description)}">\n<style>{STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n")


def text(x, y, words, css="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{escape(words)}</text>'


def ingest(loads, rows, note):
    """Bars of rows a second, ours first."""
    left, right, top, step = 130, 560, 62, 30
    rates = {name: rows / load["seconds"] for name, load in loads.items()}
    scale = (right - left) / max(rates.values())
    parts = [text(16, 26, "Loading: million rows a second", "title"), text(16, 45, note, "note")]
    for place, (name, rate) in enumerate(rates.items()):
        y = top + place * step
        css = "ours" if name == "tripstore" else "peer"
        parts.append(text(left - 10, y + 16, name, "ours" if name == "tripstore" else "", "end"))
        parts.append(f'<rect x="{left}" y="{y}" width="{rate * scale:.1f}" height="22" rx="2" class="{css}"/>')
        parts.append(text(left + rate * scale + 8, y + 16, f"{rate / 1e6:.2f}"))
    return svg(640, top + step * len(rates) + 12, "Rows a second of each engine while loading", parts)


def queries(results, contenders, note):
    """A dot for each contender's median, one line a query, milliseconds on a logarithmic scale."""
    left, right, top, step = 340, 830, 96, 34
    medians = [query[name]["median_ms"] for query in results.values() for name in contenders]
    low, high = math.floor(math.log10(min(medians))), math.ceil(math.log10(max(medians)))
    bottom = top + step * len(results)

    def x(milliseconds):
        return left + (math.log10(milliseconds) - low) / (high - low) * (right - left)

    parts = [text(16, 26, "Asking: median milliseconds, logarithmic", "title"), text(16, 45, note, "note")]
    legend = 16
    for place, name in enumerate(contenders):
        parts += [dot(legend + 5, 66, place), text(legend + 15, 70, name, "ours" if place == 0 else "")]
        legend += 34 + 7.5 * len(name)
    for power in range(low, high + 1):
        parts.append(f'<line x1="{x(10 ** power):.1f}" x2="{x(10 ** power):.1f}" y1="{top}" y2="{bottom}" class="grid"/>')
        parts.append(text(x(10 ** power), bottom + 16, f"{10 ** power:g}", "tick", "middle"))
    for row, (name, query) in enumerate(results.items()):
        y = top + step * row + step / 2
        words = name.split(", ")
        lines = [name] if len(name) < 46 else [", ".join(words[:-2]), ", ".join(words[-2:])]
        for number, line in enumerate(lines):
            parts.append(text(left - 14, y + 4 + 15 * number - 7.5 * (len(lines) - 1), line, "", "end"))
        # Ours last, on top of the others.
        for place in reversed(range(len(contenders))):
            parts.append(dot(x(query[contenders[place]]["median_ms"]), y, place))
    return svg(860, bottom + 30, "Median milliseconds of each query and engine", parts)


def dot(x, y, place):
    radius, css = (6, "ours") if place == 0 else (4.5, f"p{place}")
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{css}"/>'
