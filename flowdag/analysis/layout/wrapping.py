"""Very wide layers, folded like lines of text: chains that begin and end at the same boxes become a block of columns.

The first box and the last of each chain are led to along the rows, so that no line runs beneath a box.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flowdag.analysis.layout.layered import BOX_GAP, LAYER_GAP, Arranged, Point, is_port
from flowdag.analysis.layout.ranks import Link, neighbours, ranks

BLOCK = "\0block:"
FEW = 6  # chains that are not worth a block
READABLE = 900.0  # pixels across that need no folding
WORTH = 0.8  # a block must make the whole smaller by this
ROWS = (40, 28, 20, 14, 10, 7, 5, 4)
COLUMN_GAP, ROW_GAP = 40.0, 18.0
TAP, LINE = 18.0, 5.0  # how far before a box its link leaves the row's line, and the line's distance from the boxes


@dataclass(frozen=True)
class Wrapped:
    """The boxes and links with blocks in place of chains; `blocks`: name -> its chains; `rows` of a block."""

    boxes: list[str]
    links: list[Link]
    size: dict[str, Point]
    blocks: Mapping[str, list[list[str]]]
    rows: int


def wrapped(boxes: Sequence[str], links: Sequence[Link], size: Mapping[str, Point], aspect: float) -> Wrapped:
    """Fold what makes the whole smaller, if it is too large to read; `aspect` is that of the place, along by across."""
    plain = Wrapped(list(boxes), list(links), dict(size), {}, 0)
    best, smallest = plain, _needs(plain, aspect)
    if smallest <= READABLE:
        return plain
    alike = [chains for chains in _alike(boxes, links) if len(chains) >= FEW]
    for rows in ROWS if alike else ():
        folded = _folded(boxes, links, size, [chains for chains in alike if len(chains) > rows], rows)
        needs = _needs(folded, aspect)
        if needs < smallest * WORTH:
            best, smallest = folded, needs
    return best


def _needs(shown: Wrapped, aspect: float) -> float:
    """How large a place the layers need, roughly: its height (across), at least what is readable anyway."""
    rank = ranks(shown.boxes, shown.links)
    deep: dict[int, float] = defaultdict(float)
    wide: dict[int, float] = defaultdict(float)
    for box in shown.boxes:
        if not is_port(box):
            deep[rank[box]] = max(deep[rank[box]], shown.size[box][0])
            wide[rank[box]] += shown.size[box][1] + BOX_GAP
    along = sum(deep.values()) + LAYER_GAP * len(deep)
    return max(along / aspect, max(wide.values()), READABLE)


def _alike(boxes: Sequence[str], links: Sequence[Link]) -> list[list[list[str]]]:
    """Chains (each the only way onwards from box to box) by where they come from and go to, and their length."""
    before, after = neighbours(links)

    def next_in_chain(box: str) -> str | None:
        onwards = after.get(box, [])
        alone = len(onwards) == 1 and len(before[onwards[0]]) == 1 and not is_port(onwards[0])
        return onwards[0] if alone and not is_port(box) else None

    follows = {target for box in boxes if (target := next_in_chain(box)) is not None}
    together: dict[object, list[list[str]]] = defaultdict(list)
    for box in boxes:
        if box in follows or is_port(box):
            continue
        chain = [box]
        while (target := next_in_chain(chain[-1])) is not None:
            chain.append(target)
        ends = frozenset(before.get(box, ())), frozenset(after.get(chain[-1], ()))
        together[ends, len(chain)].append(chain)
    return list(together.values())


def _folded(
    boxes: Sequence[str], links: Sequence[Link], size: Mapping[str, Point], alike: Iterable[list[list[str]]], rows: int
) -> Wrapped:
    blocks = {f"{BLOCK}{chains[0][0]}": chains for chains in alike}
    block_of = {box: name for name, chains in blocks.items() for chain in chains for box in chain}
    sizes = dict(size) | {name: _grid(chains, size, rows)[2] for name, chains in blocks.items()}
    names = list(dict.fromkeys(block_of.get(box, box) for box in boxes))
    pairs = dict.fromkeys((block_of.get(s, s), block_of.get(t, t)) for s, t in links)
    return Wrapped(names, [pair for pair in pairs if pair[0] != pair[1]], sizes, blocks, rows)


def _grid(
    chains: Sequence[Sequence[str]], size: Mapping[str, Point], rows: int
) -> tuple[list[list[Sequence[str]]], list[Point], Point]:
    """Rows of chains, in order; for each step of each column its begin and length along; the size of the whole."""
    columns = -(-len(chains) // rows)
    grid = [list(chains[at : at + columns]) for at in range(0, len(chains), columns)]
    steps, at = [], 0.0
    for column in range(columns):
        here = [row[column] for row in grid if column < len(row)]
        for step in range(len(chains[0])):
            deep = max(size[chain[step]][0] for chain in here)
            steps.append((at, deep))
            at += deep + (LAYER_GAP if step < len(chains[0]) - 1 else COLUMN_GAP)
    tall = sum(max(size[box][1] for chain in row for box in chain) + ROW_GAP for row in grid)
    return grid, steps, (at - COLUMN_GAP, tall - ROW_GAP)


def unfolded(shown: Wrapped, laid: Arranged, links: Sequence[Link]) -> Arranged:
    """The same, with the boxes of each block in their rows."""
    centres, lanes = dict(laid.centres), dict(laid.lanes)
    leave: dict[str, tuple[Point, ...]] = {}
    reach: dict[str, tuple[Point, ...]] = {}
    block_of: dict[str, str] = {}
    for name, chains in shown.blocks.items():
        begin, end = lanes.pop(name)
        middle = centres.pop(name)
        corner = middle[0] - shown.size[name][0] / 2, middle[1] - shown.size[name][1] / 2
        grid, steps, _ = _grid(chains, shown.size, shown.rows)
        top = corner[1]
        for row in grid:
            tall = max(shown.size[box][1] for chain in row for box in chain)
            for column, chain in enumerate(row):
                for step, box in enumerate(chain):
                    left, deep = steps[column * len(chain) + step]
                    lanes[box] = (corner[0] + left, corner[0] + left + deep)
                    centres[box] = (corner[0] + left + deep / 2, top + tall / 2)
                    block_of[box] = name
                first, last = lanes[chain[0]][0], lanes[chain[-1]][1]
                above, below = top - LINE, top + tall + LINE
                level = top + tall / 2
                reach[chain[0]] = ((begin, above), (first - TAP, above)) if column else ((begin, level),)
                leave[chain[-1]] = ((last + TAP, below), (end, below)) if column < len(row) - 1 else ((end, level),)
            top += tall + ROW_GAP
    routes = {}
    for source, target in links:
        one, other = block_of.get(source, source), block_of.get(target, target)
        within = one == other
        routes[source, target] = () if within else (
            *leave.get(source, ()), *laid.routes[one, other], *reach.get(target, ())
        )  # fmt: skip
    return Arranged(centres, lanes, routes, laid.size)
