"""Which links run where when boxes lie in boxes: each at the level that holds both its ends, and through borders."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from flowdag.analysis.layout.layered import BEGIN, END
from flowdag.analysis.layout.ranks import Link, order_of_flow

Level = str | None  # a container, or the whole


@dataclass
class Contents:
    """What lies in one container: boxes (in order) and ports, and the links among them, without cycles."""

    boxes: list[str] = field(default_factory=list)
    links: dict[Link, None] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """How a link runs: at `level` from box `link[0]` to box `link[1]`, onwards; `turned` if it closes a cycle.

    leaves: the containers that it leaves before that, the innermost first, with the box inside and the port; reaches:
    those that it enters after it, the innermost first. Both as the flow goes, so of a turned link's target and source.
    """

    level: Level
    link: Link
    turned: bool
    leaves: tuple[tuple[str, str, str], ...] = ()
    reaches: tuple[tuple[str, str, str], ...] = ()


def nested(
    boxes: Sequence[str], container_of: Mapping[str, str | None], links: Sequence[Link]
) -> tuple[dict[Level, Contents], dict[Link, Way]]:
    """Contents by container, and the way of each link."""
    levels: dict[Level, Contents] = defaultdict(Contents)
    for box in boxes:
        levels[container_of[box]].boxes.append(box)
    lifted = {link: _lifted(link, container_of) for link in links}
    for level, (*_, one), (*_, other) in lifted.values():
        levels[level].links[one, other] = None
    number = {
        level: order_of_flow(contents.boxes, contents.links) for level, contents in levels.items() if contents.links
    }
    for contents in levels.values():
        contents.links.clear()
    ways = {}
    for (source, target), (level, left, right) in lifted.items():
        turned = number[level][left[-1]] > number[level][right[-1]]
        begin, end = (right, left) if turned else (left, right)
        levels[level].links[begin[-1], end[-1]] = None
        ways[source, target] = (level, turned, begin, end)
    levels.setdefault(None, Contents())
    return levels, _through_borders(ways, levels)


def _lifted(link: Link, container_of: Mapping[str, str | None]) -> tuple[Level, list[str], list[str]]:
    """The innermost level that holds both ends, and each end with the containers around it below that level."""
    left, right = [link[0]], [link[1]]
    if container_of[link[0]] == container_of[link[1]]:
        return container_of[link[0]], left, right
    for way in (left, right):
        while (around := container_of[way[-1]]) is not None:
            way.append(around)
    level: Level = None
    while left[-1] == right[-1]:
        level = left.pop()
        right.pop()
    return level, left, right


def _through_borders(
    ways: Mapping[Link, tuple[Level, bool, list[str], list[str]]], levels: Mapping[Level, Contents]
) -> dict[Link, Way]:
    """Ports where links cross borders: one for each box inside, or for each outside, whichever takes fewer."""
    uses: Counter[tuple[str, str, str, bool]] = Counter()
    for _, _, begin, end in ways.values():
        for side, inner, far in ((END, begin, end[0]), (BEGIN, end, begin[0])):
            for box, container in pairwise(inner):
                uses[container, side, box, True] += 1
                uses[container, side, far, False] += 1
    found = {}
    for link, (level, turned, begin, end) in ways.items():
        crossed: dict[str, list[tuple[str, str, str]]] = {END: [], BEGIN: []}
        for side, inner, far in ((END, begin, end[0]), (BEGIN, end, begin[0])):
            for box, container in pairwise(inner):
                by_box = uses[container, side, box, True] >= uses[container, side, far, False]
                port = f"{side}{'in' if by_box else 'out'}:{box if by_box else far}"
                contents = levels[container]
                if port not in contents.boxes:
                    contents.boxes.append(port)
                contents.links[(box, port) if side == END else (port, box)] = None
                crossed[side].append((container, box, port))
        found[link] = Way(level, (begin[-1], end[-1]), turned, tuple(crossed[END]), tuple(crossed[BEGIN]))
    return found
