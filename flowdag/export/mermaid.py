"""A run's graph as a Mermaid flowchart, which Markdown pages draw."""

from __future__ import annotations

from collections.abc import Iterator

from flowdag.analysis.critical_path import critical_path
from flowdag.export.diagram import Diagram, folded, outline, whole
from flowdag.model import FlowRunGraph

MOST_LINKS, MOST_CHARACTERS = 500, 50_000  # what Mermaid draws unless its page allows more (maxEdges, maxTextSize)
ARROWS = {(False, False): "-->", (True, False): "-.->", (False, True): "==>", (True, True): "==>"}


def to_mermaid(graph: FlowRunGraph) -> str:
    """A flowchart of all task runs, or of groups of them where Mermaid would refuse so many.

    Subflows are subgraphs, thick links the critical path, dotted ones only wait.
    """
    path = critical_path(graph)
    drawn = whole(graph, path)
    if len(drawn.links) <= MOST_LINKS:
        text = _text(drawn)
        if len(text) <= MOST_CHARACTERS:
            return text
    return _text(folded(graph, path))


def _text(drawn: Diagram) -> str:
    return "".join(f"{line}\n" for line in _lines(drawn))


def _lines(drawn: Diagram) -> Iterator[str]:
    name = {box: f"n{number}" for number, box in enumerate(drawn.boxes, 1)}
    yield "flowchart LR"
    for what, box, depth in outline(drawn):
        indent = "    " * (depth + 1)
        if what == "close":
            yield f"{indent}end"
        else:
            yield f'{indent}{"subgraph " if what == "open" else ""}{name[box.id]}["{escaped(box.label)}"]'
    for link in drawn.links:
        yield f"    {name[link.source]} {ARROWS[link.waits_only, link.on_path]} {name[link.target]}"
    held = set(drawn.container.values())
    kinds = {box.state: box.colours for box in drawn.boxes.values()}
    for state, (fill, border, text) in kinds.items():
        of_state = [name[box.id] for box in drawn.boxes.values() if box.state == state and box.id not in held]
        if of_state:
            yield f"    classDef {_class(state)} fill:{fill},stroke:{border},color:{text}"
            yield f"    class {','.join(of_state)} {_class(state)}"


def _class(state: str) -> str:
    return state.lower().replace(" ", "_")


def escaped(text: str) -> str:
    """Text within quotes: all but letters, digits and a few harmless signs as entity codes, by number.

    So nothing of it is markup, a comment, a directive, or the colon that Mermaid looks for after `style`.
    """
    return "".join(char if char.isalnum() or char in " _.,-" else f"#{ord(char)};" for char in text)
