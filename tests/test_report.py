"""The report and the pictures of a run as files: whole, safe to mail, and true."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.critical_path import critical_path
from flowdag.analysis.drawing import View, draw
from flowdag.analysis.failures import failures
from flowdag.analysis.grouping import ALL, Folding
from flowdag.analysis.time_axis import time_axis
from flowdag.looks.boxes import PATH, Paint
from flowdag.looks.timeline_marks import LABELS, in_sight
from flowdag.model import FlowRunGraph
from flowdag.report import Told, graph_svg, report, svg, timeline_svg, whole_timeline
from flowdag.report.timeline_svg import MARGIN, WIDTH
from flowdag.ui.timeline_chart import timeline_chart
from tests.built import Flow, Ran, built
from tests.hostile import graphs
from tests.test_export_diagrams import EVIL, named, nested

LOADS = {"src", "href", "srcset", "data", "action", "background", "poster", "style", "xlink:href", "ping"}
TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "span", "i", "b", "bdi", "strong",
    "small",
    "figure", "svg", "g", "rect", "path", "text", "table", "thead", "tbody", "tr", "th", "td", "pre", "ul", "li",
}  # fmt: skip
VOID = {"meta"}
names_of_others = st.lists(st.sampled_from([name for name in EVIL if name != "\ud800"]), min_size=1, max_size=6)


class Reader(HTMLParser):
    """What a browser would find: tags and their attributes, and the text of each element of some kinds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.said: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.said.setdefault(tag, []).append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in {*self.open}:
            self.said[tag][-1] += data


def told(graph: FlowRunGraph, messages: dict[str, str | None] | None = None) -> str:
    return report(Told(graph, failures(graph, messages or {}), 'Acme "Ltd." <b>', UTC))


def safe(text: str) -> Reader:
    """The report, when nothing in it runs, loads or leads anywhere."""
    assert text.encode()
    found = Reader(text)
    assert not found.open
    assert {tag for tag, _ in found.tags} <= TAGS
    for _, attributes in found.tags:
        assert not {name for name in attributes if name in LOADS or name.startswith("on")}
    (style,) = found.said["style"]
    assert not re.search(r"url|@import|expression|\\", style)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = (held["content"] for tag, held in found.tags if held.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    return found


@settings(max_examples=25, deadline=None)
@given(graph=graphs(), names=names_of_others)
def test_any_run_makes_a_safe_report(graph: FlowRunGraph, names: list[str]) -> None:
    graph = named(graph, names)
    messages = {str(node): names[0] + "\n" + names[-1] for node in graph.nodes.index}
    text = told(replace(graph, notes=(*graph.notes, *names)), messages)
    safe(text)
    assert text == told(replace(graph, notes=(*graph.notes, *names)), messages)


def test_it_tells_what_happened() -> None:
    """`b` fails and takes `part` along; `send` never starts. Its parameters hold a secret."""
    graph = built(
        Flow(40, "FAILED"),
        Ran("load", 0, 0, 10, tries=[(0, 2), (5, 10)]),
        Ran("part", 0, 10, 30, needs=["load"], subflow=True, state="FAILED"),
        Ran("a", 10, 10, 20, inside="part"),
        Ran("b", 10, 20, 30, needs=["a"], inside="part", state="FAILED"),
        Ran("send", 0, None, None, needs=["part"], state="PENDING"),
    )
    graph = replace(graph, run=replace(graph.run, name="nightly <3>", parameters={"password": "Sentinel0Secret"}))
    text = told(graph, {"b": "Task run encountered an exception ValueError: no <rows>"})
    found = safe(text)
    body = re.sub(r"\s+", " ", found.said["body"][0])
    assert found.said["h1"][0].startswith("nightly <3> ✗ Failed")
    for said in (
        'Acme "Ltd." <b>', "40.0 s", "1 task failed first; because of it 1 more failed and 1 never started.",
        "ValueError: no <rows>", "load failed once; try 2 succeeded after a pause of 3.00 s.",
        "Parameters, results and logs are left out",
    ):  # fmt: skip
        assert said in body
    assert "Sentinel0Secret" not in text
    assert found.said["strong"][:2] == ["✗", "25 %"]  # 10 s of 40 each: the flow's own code, load, a, b
    cells = [row for row in found.said["tr"] if row.startswith("load")]
    assert len(cells) == 2  # by task name, and as a task run


def test_of_many_task_runs_the_first_thousand_are_listed() -> None:
    found = safe(told(built(Flow(10), *(Ran(f"part{number}", 1, 1, 2) for number in range(1100)))))
    assert found.said["h2"][-2] == "Task runs (the first 1,000 of 1,100)"
    assert len(found.said["tr"]) == 2 + 1 + 1000


# --- the pictures ---------------------------------------------------------------------------------------------------


def drawn(graph: FlowRunGraph, *, dark: bool = False) -> Any:
    drawing = draw(graph, View("right", Folding((ALL,))), critical_path(graph))
    paint = Paint(dark, path=drawing.path.shares)
    return Xml.fromstring(graph_svg(drawing.picture, drawing.layout, paint, drawing.path.links, (), name="graph"))


def texts(picture: Any) -> list[str]:
    return [element.text or "" for element in picture.iter() if element.tag.endswith("}text")]


@pytest.mark.parametrize("dark", [False, True])
def test_the_graph_has_its_boxes_its_links_and_the_path(dark: bool) -> None:
    picture = drawn(nested(), dark=dark)
    assert [text for text in texts(picture) if text.startswith("✓")] == [
        "✓ load", "✓ part / part", "✓ send", "✓ a", "✓ b",
    ]  # fmt: skip
    assert "20.0 s  ◆ 50 %" in texts(picture), "the share of the frame, below its name"
    lines = [element for element in picture.iter() if element.get("fill") == "none"]
    assert len(lines) == 4
    assert [line.get("stroke") == PATH[dark] for line in lines] == [False, True, True, True]
    assert [line.get("stroke-dasharray") for line in lines] == ["2 5", None, None, None]
    rings = [
        element for element in picture.iter() if element.tag.endswith("rect") and element.get("fill") == PATH[dark]
    ]
    assert len(rings) == 4


@settings(max_examples=25, deadline=None)
@given(graph=graphs(), names=names_of_others)
def test_any_name_is_text_in_a_picture(graph: FlowRunGraph, names: list[str]) -> None:
    graph = named(graph, names)
    scene, _ = whole_timeline(graph, critical_path(graph), UTC, dark=True)
    timeline = Xml.fromstring(timeline_svg(graph, scene))
    for picture in (drawn(graph), timeline):
        kinds = {element.tag.rpartition("}")[2] for element in picture.iter()}
        assert kinds <= {"svg", "title", "g", "rect", "path", "text"}


def test_the_timeline_has_a_row_a_group_and_the_times_of_its_bars() -> None:
    """Ten seconds are an equal part of the axis, wherever they lie."""
    scene, rows = whole_timeline(nested(), critical_path(nested()), UTC, dark=False)
    assert (len(scene.shown), rows) == (5, 5)
    picture = Xml.fromstring(timeline_svg(nested(), scene))
    bars = {
        (element[0].text or ""): (float(element.get("x") or 0), float(element.get("width") or 0))
        for element in picture.iter()
        if element.tag.endswith("rect") and len(element)
    }
    ran = {name: bars[f"{name}: Ran, completed, 10.0 s"] for name in ("load", "a", "b", "send")}
    starts = [ran[name][0] for name in ("load", "a", "b", "send")]
    wide = ran["load"][1]
    assert [round(start - starts[0]) for start in starts] == [round(number * wide) for number in range(4)]


def test_a_stretch_of_the_timeline_has_only_what_lies_in_it() -> None:
    """From 12 s to 18 s "a" runs, inside the subflow: its bar is the whole axis, and others have none."""
    scene, _ = whole_timeline(nested(), critical_path(nested()), UTC, dark=False)
    rows = in_sight(scene.timeline, scene.rows, (12.0, 18.0))
    picture = Xml.fromstring(timeline_svg(nested(), replace(scene, axis=time_axis(12, 18), shown=rows)))
    titled = {
        element[0].text or "": element for element in picture.iter() if element.tag.endswith("rect") and len(element)
    }
    ran = {title.partition(":")[0]: element for title, element in titled.items() if ": Ran, " in title}
    assert set(ran) == {"part / part", "a"}
    assert any(title.startswith("send: ") for title in titled), "it waits"
    assert float(ran["a"].get("width") or 0) == pytest.approx(WIDTH - LABELS - MARGIN)


def test_colours_are_told_below_a_picture_and_wrap() -> None:
    words = [f"between {number} min and {number + 1} min" for number in range(9)]
    legend = [svg.Swatch(word, "#FFFFFF", "#000000") for word in words]
    picture = Xml.fromstring(svg.picture(400, 100, [], legend, name="", ink="#000000", ground="#FFFFFF"))
    said = [element for element in picture.iter() if element.tag.endswith("}text")]
    assert [element.text for element in said] == words
    assert all(float(element.get("x") or 0) < 400 - 120 for element in said), "room for the words"
    lines = {float(element.get("y") or 0) for element in said}
    assert len(lines) > 2
    assert all(100 < y < float(picture.get("height") or 0) - 5 for y in lines)


def test_a_stretch_in_which_nothing_lies_is_drawn_too() -> None:
    graph = built(Flow(40), Ran("load", 0, 0, 10), Ran("send", 30, 30, 40))
    scene, _ = whole_timeline(graph, critical_path(graph), UTC, dark=False)
    empty = replace(scene, axis=time_axis(15, 20), shown=in_sight(scene.timeline, scene.rows, (15.0, 20.0)))
    assert empty.shown.empty
    assert [text for text in texts(Xml.fromstring(timeline_svg(graph, empty))) if "s" in text][:2] == ["15 s", "16 s"]
    assert timeline_chart(graph, empty).looks == ()
