"""What streamlit-agraph has drawn in the open page, and clicks on it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from bench.agraph_probe import NETWORK
from bench.browsing import LOOK_EVERY_MS
from bench.seeding import Planned

IFRAME = "iframe[title*=agraph]"
NODES = f"""(() => {{
  const frame = document.querySelector('{IFRAME}');
  const root = frame?.contentDocument?.getElementById('root');
  if (!root?._reactRootContainer || !frame.contentWindow.eval({json.dumps(f"({NETWORK})()")})) return [];
  return frame.contentWindow.__net.body.data.nodes.get().filter((node) => node.label);
}})()"""
# A label is a sign, a name, and in the next line how many tasks it stands for; a task's name ends in what tells it
# from others of its name. `expected` is in order.
DRAWN = f"""(expected) => {{
  if (document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== 'notRunning') return false;
  return {NODES}.map((node) => {{
    const [name, figures] = node.label.slice(2).split('\\n');
    const [count] = figures.split('  ');  // behind it stands the share of the critical path
    return count.startsWith('× ') ? `${{name}} ${{count}}` : name.replace(/-[^-]*$/, '');
  }}).sort().join() === expected.join();
}}"""
# From when the button is let go until the details show the title and the fact, in milliseconds.
ARMED = f"""([title, fact]) => {{
  const frame = document.querySelector('{IFRAME}').contentWindow;
  let clicked;
  window.__took = undefined;
  const up = (event) => {{ clicked = frame.performance.timeOrigin + event.timeStamp }};
  frame.addEventListener('pointerup', up, {{ capture: true, once: true }});
  const observer = new MutationObserver(() => {{
    const said = (what) => document.querySelector(what)?.textContent.trim() ?? '';
    if (!clicked || !said('.fd-title').startsWith(title) || !said('.fd-facts').includes(fact)) return;
    window.__took = performance.timeOrigin + performance.now() - clicked;
    observer.disconnect();
  }});
  observer.observe(document.body, {{ subtree: true, childList: true, attributes: true, characterData: true }});
}}"""
SPOT = """(id) => {
  const network = document.querySelector('%s').contentWindow.__net;
  return network.canvasToDOM(network.getPositions([id])[id]);
}"""


@dataclass(frozen=True)
class Box:
    """A drawn box: the id that the widget has for it, its name, and a fact that its details must tell."""

    drawn_id: str
    name: str
    fact: str


def expected(plan: Sequence[Planned], opened: Collection[str] = ()) -> list[str]:
    """What `DRAWN` must find: a box for all tasks of a name, or of opened ones a box each."""
    counts = Counter(task.name for task in plan)
    folded = [f"{name} × {count:,}" for name, count in counts.items() if name not in opened]
    return sorted([*folded, *(task.name for task in plan if task.name in opened)])


def boxes(page: Page) -> list[Box]:
    """All that are drawn, in order."""
    return [_box(node) for node in page.evaluate(f"() => {NODES}")]


def _box(node: dict[str, Any]) -> Box:
    name, count = (part.split("  ")[0] for part in node["label"][2:].split("\n")[:2])
    task_run_id = node["id"].rpartition("#")[0]
    return Box(node["id"], name, count.replace("× ", "Task runs") if count.startswith("× ") else task_run_id)


def seconds_to_facts(page: Page, box: Box) -> float:
    """Click where the box is drawn; seconds until its details show."""
    spot = page.evaluate(SPOT % IFRAME, box.drawn_id)
    frame = page.locator(IFRAME).bounding_box()
    assert frame
    page.evaluate(ARMED, [box.name, box.fact])
    page.mouse.click(frame["x"] + spot["x"], frame["y"] + spot["y"])
    took = page.wait_for_function("() => window.__took", polling=LOOK_EVERY_MS, timeout=20_000)
    return float(took.json_value()) / 1000
