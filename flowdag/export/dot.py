"""A run's graph in DOT, the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from flowdag.analysis.critical_path import critical_path
from flowdag.export.diagram import Box, Diagram, Link, outline, whole
from flowdag.export.plain import plain
from flowdag.model import FlowRunGraph

ANCHOR = "in "  # before a container's id: the unseen node within it that its links lead to


def to_dot(graph: FlowRunGraph) -> str:
    """All task runs as nodes, by their ids, subflows as clusters; thick links are the critical path, dotted ones wait.

    Graphviz links no clusters: a container's links lead to an unseen node inside it, and are cut off at its border.
    """
    return "".join(f"{line}\n" for line in _lines(whole(graph, critical_path(graph)), graph.run.name))


def _lines(drawn: Diagram, title: str) -> Iterator[str]:
    held = set(drawn.container.values())
    yield f"digraph {quoted(title)} {{"
    yield "    rankdir=LR; compound=true;"
    yield '    node [shape=box, style="rounded,filled", fontname="sans-serif"];'
    for what, box, depth in outline(drawn):
        indent = "    " * (depth + 1)
        if what == "close":
            yield f"{indent}}}"
        elif what == "open":
            yield f"{indent}subgraph {quoted(f'cluster {box.id}')} {{"
            yield f'{indent}    label={label(box.label)}; style=rounded; color="{box.colours[1]}";'
            yield f"{indent}    {quoted(ANCHOR + box.id)} [shape=point, style=invis];"
        else:
            yield f"{indent}{quoted(box.id)} [{_look(box)}];"
    for link in drawn.links:
        source, target = (quoted(ANCHOR + end if end in held else end) for end in (link.source, link.target))
        yield f"    {source} -> {target}{_style(link, held)};"
    yield "}"


def _look(box: Box) -> str:
    fill, border, text = box.colours
    return f'label={label(box.label)}, fillcolor="{fill}", color="{border}", fontcolor="{text}"'


def _style(link: Link, held: set[str]) -> str:
    said = [f"ltail={quoted(f'cluster {link.source}')}"] * (link.source in held)
    said += [f"lhead={quoted(f'cluster {link.target}')}"] * (link.target in held)
    said += ["style=dotted"] * link.waits_only + ["penwidth=3"] * link.on_path
    return f" [{', '.join(said)}]" if said else ""


def quoted(text: str) -> str:
    """Text as an id in quotes; a backslash is doubled, so that none stands before the closing quote."""
    valid = str(plain(text))
    return '"' + valid.replace("\0", "").replace("\\", "\\\\").replace('"', '\\"') + '"'


def label(text: str) -> str:
    """Text as a label in quotes: no escape sequences, and no entities, which Graphviz reads there too."""
    return quoted(text.replace("&", "&amp;"))
