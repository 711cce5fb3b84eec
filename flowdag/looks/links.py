"""How links look in the drawn graph: by their kind, dimmed, or as a part of the critical path."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from flowdag.analysis.grouping import Picture
from flowdag.analysis.path_picture import Pair
from flowdag.looks.boxes import Paint

LINE = {False: "#8A90A0", True: "#7C8394"}
DASHES = {"wait_for": [2, 5], "doubtful": [9, 7], "order": [1, 6]}
WIDTH, PATH_WIDTH = 1.2, 3.2


class Stroke(NamedTuple):
    """How a link is drawn: by its kind, dimmed, or as a part of the critical path."""

    kind: str
    dim: bool
    on_path: bool

    @property
    def name(self) -> str:
        """What tells it from other strokes."""
        return f"{self.kind}{'|dim' if self.dim else ''}{'|path' if self.on_path else ''}"


def strokes(picture: Picture, paint: Paint, path: Collection[Pair]) -> list[tuple[str, str, Stroke]]:
    """The links with their strokes, those of the path last, to lie on top: (source, target, stroke)."""
    links = [
        (str(link.source), str(link.target), str(link.kind) if link.plausible else "doubtful")
        for link in picture.links.itertuples(index=False)
    ]
    found = []
    for source, target, kind in sorted(links, key=lambda link: link[:2] in path):
        dim = paint.dims(source) or paint.dims(target)
        found.append((source, target, Stroke(kind, dim, (source, target) in path and not dim)))
    return found
