"""The curves of `growth.py` as one SVG: a panel for each axis, both scales logarithmic; what is steep has its name."""

import math
from html import escape

from benchmarks.growth import STEEP, slopes

_WIDTH, _HEIGHT, _LABELS, _MARGIN = 420, 300, 210, 46
_STYLE = (
    "text{font:11px sans-serif;fill:#222}.name{font-size:13px;font-weight:bold}.flat{stroke:#9aa7b4}"
    ".steep{stroke:#b3261e}path{fill:none;stroke-width:1.4}.axis{stroke:#555}"
)


def drawn(found: dict[str, dict]) -> str:
    """Return the document for `{axis: {size: {act: {what: figure}}}}`.

    Of each act its blocks are drawn, which no other work on the machine moves; of hubs, which have none, statements.
    """
    panels = "".join(_panel(place, axis, sizes) for place, (axis, sizes) in enumerate(found.items()))
    height = _HEIGHT * len(found)
    box = f'viewBox="0 0 {_WIDTH + _LABELS} {height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img"><title>Growth</title><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/>{panels}</svg>\n'
    )


def _panel(place: int, axis: str, found: dict) -> str:
    sizes = [float(size) for size in found]
    names = next(iter(found.values()))
    figure = "blocks" if "blocks" in next(iter(names.values())) else "statements"
    lines = {name: [measured[name][figure] for measured in found.values()] for name in names}
    lowest, highest = (edge(max(y, 0.01) for line in lines.values() for y in line) for edge in (min, max))
    top = place * _HEIGHT

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log(x) - math.log(sizes[0])) / math.log(sizes[-1] / sizes[0])
        up = (math.log(max(y, 0.01)) - math.log(lowest)) / math.log(highest / lowest)
        return _MARGIN + across * (_WIDTH - 2 * _MARGIN), top + _HEIGHT - _MARGIN - up * (_HEIGHT - 2 * _MARGIN)

    of_all = slopes(found)
    parts = [
        f'<text class="name" x="{_MARGIN}" y="{top + 22}">{escape(axis)}: {figure}</text>',
        _edges(at, sizes, lowest, highest),
    ]
    taken: list[float] = []
    for name, line in sorted(lines.items(), key=lambda each: -each[1][-1]):
        steepness = of_all[name][figure]
        points = " L".join("{:.1f} {:.1f}".format(*at(x, y)) for x, y in zip(sizes, line, strict=True))
        parts.append(f'<path class="{"steep" if steepness > STEEP else "flat"}" d="M{points}"/>')
        if steepness > STEEP or len(lines) < 4:
            x, y = at(sizes[-1], line[-1])
            y = max([y, *(before + 12 for before in taken[-1:])])
            taken.append(y)
            parts.append(f'<text x="{x + 6:.1f}" y="{y + 4:.1f}">{escape(name)} {steepness:+.2f}</text>')
    return "".join(parts)


def _edges(at, sizes: list[float], lowest: float, highest: float) -> str:
    """Return the two axes, with a mark for each size and each power of ten."""
    (left, bottom), (right, top) = at(sizes[0], lowest), at(sizes[-1], highest)
    parts = [f'<path class="axis" d="M{left} {top} V{bottom} H{right}"/>']
    for size in sizes:
        x, _ = at(size, lowest)
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{size:,.0f}</text>')
    for power in range(math.ceil(math.log10(lowest)), math.floor(math.log10(highest)) + 1):
        _, y = at(sizes[0], 10.0**power)
        parts.append(f'<text x="{left - 5:.1f}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    return "".join(parts)
