"""The contents of one container: linked parts in layers, the rest in a grid, packed to about the shape of the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from flowdag.analysis.layout.layered import BOX_GAP, Arranged, Point, is_port, layered
from flowdag.analysis.layout.packing import packed
from flowdag.analysis.layout.ranks import Link
from flowdag.analysis.layout.wrapping import unfolded, wrapped

PART_GAP = 70.0, 30.0  # along and across


def arranged(
    boxes: Sequence[str],
    links: Sequence[Link],
    size: Mapping[str, Point],
    aspect: float,
    old: Mapping[str, Point],
) -> Arranged:
    """Lay out boxes and ports (links without cycles). `old`: centres in a layout to be kept; `aspect`: along by across.

    Ports are linked; the part that has them takes the whole length, so that nothing lies between it and the border.
    """
    parts, loose = _parts(boxes, links)
    laid = [_part(part, among, size, aspect, old) for part, among in parts]
    turn = _turns(laid, old)
    laid = [laid[at] for at in turn]
    lead = [laid[0]] if laid and any(is_port(box) for box in laid[0].centres) else []
    rows = [(one, (0.0, 0.0)) for one in lead]
    size_ = lead[0].size if lead else (0.0, -PART_GAP[1])
    if rest := laid[len(lead) :]:
        corners, extent = packed([one.size for one in rest], aspect, PART_GAP)
        rows += [(one, (x, y + size_[1] + PART_GAP[1])) for one, (x, y) in zip(rest, corners, strict=True)]
        size_ = max(size_[0], extent[0]), size_[1] + PART_GAP[1] + extent[1]
    if loose:
        rows.append(_beside(_ordered(loose, old), size, size_, aspect, open_sides=bool(lead)))
    return _joined(rows)


def _parts(boxes: Sequence[str], links: Sequence[Link]) -> tuple[list[tuple[list[str], list[Link]]], list[str]]:
    """Connected parts, that with the ports first, then in order; and the boxes without links."""
    root = {box: box for box in boxes}

    def found(box: str) -> str:
        while root[box] != box:
            root[box] = root[root[box]]
            box = root[box]
        return box

    ports = [box for box in boxes if is_port(box)]
    for one, other in [*links, *((ports[0], port) for port in ports)]:
        root[found(other)] = found(one)
    linked = {box for link in links for box in link}
    parts: dict[str, tuple[list[str], list[Link]]] = {found(port): ([], []) for port in ports}
    for box in boxes:
        if box in linked:
            parts.setdefault(found(box), ([], []))[0].append(box)
    for link in links:
        parts[found(link[0])][1].append(link)
    return list(parts.values()), [box for box in boxes if box not in linked]


def _part(
    boxes: Sequence[str], links: Sequence[Link], size: Mapping[str, Point], aspect: float, old: Mapping[str, Point]
) -> Arranged:
    shown = wrapped(boxes, links, size, aspect)
    if not shown.blocks:
        return layered(boxes, links, size, old)
    before = dict(old)
    for name, chains in shown.blocks.items():
        places = [old[box] for chain in chains for box in chain if box in old]
        if places:
            before[name] = (sum(x for x, _ in places) / len(places), sum(y for _, y in places) / len(places))
    return unfolded(shown, layered(shown.boxes, shown.links, shown.size, before), links)


def _turns(laid: Sequence[Arranged], old: Mapping[str, Point]) -> list[int]:
    """The order of parts: that with ports, those that were there before in their old order, then the largest."""

    def key(at: int) -> tuple[float, ...]:
        centres = laid[at].centres
        first = 0.0 if any(is_port(box) for box in centres) else 1.0
        corners = [[round(old[box][i] - place[i]) for i in (1, 0)] for box, place in centres.items() if box in old]
        if corners:
            return first, 0.0, *(median(values) for values in zip(*corners, strict=True))
        return first, 1.0, -laid[at].size[1], -laid[at].size[0]

    return sorted(range(len(laid)), key=key)


def _ordered(loose: Sequence[str], old: Mapping[str, Point]) -> list[str]:
    """Boxes that were there before by their old rows, then the new ones."""
    kept = sorted((box for box in loose if box in old), key=lambda box: old[box][::-1])
    return kept + [box for box in loose if box not in old]


def _beside(
    loose: Sequence[str], size: Mapping[str, Point], rest: Point, aspect: float, *, open_sides: bool
) -> tuple[Arranged, Point]:
    """Boxes without links in a grid: below the rest, or behind it where that makes the whole smaller."""
    tried = []
    for columns in sorted({*range(1, 9), round((len(loose) * aspect / 3) ** 0.5) or 1, round(len(loose) ** 0.5) or 1}):
        grid = _grid(loose, size, columns)
        below, behind = (0.0, rest[1] + PART_GAP[1]), (rest[0] + PART_GAP[0], 0.0)
        for corner in (below,) if open_sides or not rest[0] else (below, behind):
            along = max(rest[0], corner[0] + grid.size[0])
            across = max(rest[1], corner[1] + grid.size[1])
            tried.append((max(along / aspect, across), along + across, grid, corner))
    _, _, grid, corner = min(tried, key=lambda one: one[:2])
    return grid, corner


def _grid(boxes: Sequence[str], size: Mapping[str, Point], columns: int) -> Arranged:
    """Boxes in rows, in order."""
    deep = [max(size[box][0] for box in boxes[at::columns]) for at in range(min(columns, len(boxes)))]
    centres: dict[str, Point] = {}
    top = 0.0
    for at in range(0, len(boxes), columns):
        row = boxes[at : at + columns]
        tall = max(size[box][1] for box in row)
        left = 0.0
        for column, box in enumerate(row):
            centres[box] = (left + deep[column] / 2, top + tall / 2)
            left += deep[column] + BOX_GAP
        top += tall + BOX_GAP
    lanes = {box: (x - size[box][0] / 2, x + size[box][0] / 2) for box, (x, _) in centres.items()}
    return Arranged(centres, lanes, {}, (sum(deep) + BOX_GAP * (len(deep) - 1), top - BOX_GAP))


def _joined(parts: Sequence[tuple[Arranged, Point]]) -> Arranged:
    centres: dict[str, Point] = {}
    lanes: dict[str, Point] = {}
    routes: dict[Link, tuple[Point, ...]] = {}
    along = across = 0.0
    for part, (x, y) in parts:
        centres |= {box: (x + one[0], y + one[1]) for box, one in part.centres.items()}
        lanes |= {box: (x + begin, x + end) for box, (begin, end) in part.lanes.items()}
        routes |= {link: tuple((x + one, y + other) for one, other in way) for link, way in part.routes.items()}
        along, across = max(along, x + part.size[0]), max(across, y + part.size[1])
    return Arranged(centres, lanes, routes, (along, across))
