"""What streamlit-agraph can and cannot do: a 300-node graph, driven in a real browser.

    python bench/agraph_probe.py            # starts the app below, drives Chromium, prints the findings
    streamlit run bench/agraph_probe.py     # the app alone, to try by hand

The app draws through the adapter of the design: keyed component, raw node dicts, positions from the server, no
`title`, drawn ids `id#epoch`. The driver clicks nodes on the canvas, clicks again, selects from a table, grows a
group under the pointer, and looks whether zoom and place survive; in light and in dark.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NODES, PER_LAYER = 300, 20
# vis-network is held in React state inside the iframe: walk the fibres and their hooks to it
NETWORK = """() => {
  const walk = (fibre) => {
    for (; fibre; fibre = fibre.sibling) {
      for (let hook = fibre.memoizedState; hook && typeof hook === 'object' && 'next' in hook; hook = hook.next) {
        const held = hook.memoizedState;
        if (held && typeof held.canvasToDOM === 'function') return held;
      }
      const found = walk(fibre.child);
      if (found) return found;
    }
  };
  window.__net = walk(document.getElementById('root')._reactRootContainer._internalRoot.current);
  return Boolean(window.__net);
}"""


def app() -> None:
    import pandas as pd
    import streamlit as st
    from streamlit_agraph import _agraph

    st.set_page_config(layout="wide")
    state = st.session_state
    state.setdefault("epoch", 0)
    state.setdefault("selected", None)
    state.setdefault("grown", False)

    def clicked() -> None:
        node, _, epoch = str(state.graph or "").rpartition("#")
        if epoch == str(state.epoch):
            state.selected, state.epoch = node, state.epoch + 1
        state.clicks = state.get("clicks", 0) + 1

    def picked() -> None:
        rows = state.table["selection"]["rows"]
        state.selected = f"n{rows[0]}" if rows else None

    def grow() -> None:
        state.grown = not state.grown

    @st.fragment
    def probe() -> None:
        state.fragments = state.get("fragments", 0) + 1
        count = NODES + (40 if state.grown else 0)
        ids = [f"n{i}" for i in range(count)]
        nodes = [
            {
                "id": f"{name}#{state.epoch}",
                "label": f"task {i}",
                "x": (i // PER_LAYER) * 180,
                "y": (i % PER_LAYER) * 60,
                "shape": "box",
                "borderWidth": 4 if name == state.selected else 1,
                "color": {"background": "#ffd", "border": "#c00" if name == state.selected else "#777"},
            }
            for i, name in enumerate(ids)
        ]
        edges = [
            {"id": f"e{i}", "from": f"{ids[i - PER_LAYER]}#{state.epoch}", "to": f"{ids[i]}#{state.epoch}"}
            for i in range(PER_LAYER, count)
        ]
        options = {
            "height": "500px",
            "width": "100%",
            "autoResize": True,
            "physics": {"enabled": False},
            "layout": {"improvedLayout": False},
            "interaction": {"hover": True, "hideEdgesOnDrag": True, "keyboard": False},
            "edges": {"arrows": "to", "smooth": False},
            "nodes": {"font": {"color": "#222"}},
            "groups": {},
        }
        dump = {"sort_keys": True, "separators": (",", ":")}
        st.button("grow", on_click=grow)
        _agraph(
            data=json.dumps({"nodes": nodes, "edges": edges}, **dump),
            config=json.dumps(options, **dump),
            key="graph",
            on_change=clicked,
        )
        if state.selected:
            state.table = {"selection": {"rows": [int(state.selected[1:])], "columns": [], "cells": []}}
        st.dataframe(
            pd.DataFrame({"task": ids}), key="table", on_select=picked, selection_mode="single-row", height=200
        )
        st.text(f"selected={state.selected} epoch={state.epoch} clicks={state.get('clicks', 0)}")
        st.text(f"fragments={state.fragments} pages={state.pages} theme={st.context.theme.type}")

    state.pages = state.get("pages", 0) + 1
    probe()


@contextmanager
def serving() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", __file__, "--server.headless=true", f"--server.port={port}"]
    process = subprocess.Popen([*command, "--server.address=127.0.0.1"], stdout=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def drive(url: str, shots: Path) -> dict[str, object]:
    from playwright.sync_api import sync_playwright

    found: dict[str, object] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        errors: list[str] = []
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        for _ in range(60):
            try:
                page.goto(url)
                break
            except Exception:
                page.wait_for_timeout(500)
        element = page.wait_for_selector("iframe[title*=agraph]")
        frame = element.content_frame()
        assert frame
        frame.wait_for_selector("canvas")
        page.wait_for_timeout(1500)

        def status() -> str:
            return " ".join(page.locator("[data-testid=stText]").all_inner_texts())

        def network(script: str) -> object:
            assert frame.evaluate(NETWORK)
            return frame.evaluate(script)

        def click(node: str) -> tuple[str, float]:
            epoch = status().split("epoch=")[1].split()[0]
            spot = network(
                f"() => window.__net.canvasToDOM(window.__net.getPositions(['{node}#{epoch}'])['{node}#{epoch}'])"
            )
            box = element.bounding_box()
            assert box
            assert isinstance(spot, dict)
            before, start = status(), time.perf_counter()
            page.mouse.click(box["x"] + spot["x"], box["y"] + spot["y"])
            while status() == before and time.perf_counter() - start < 3:
                page.wait_for_timeout(10)
            return status(), round(time.perf_counter() - start, 3)

        found["first"] = click("n45")
        found["same node again"] = click("n45")
        network("() => window.__net.moveTo({scale: 0.6, position: {x: 700, y: 500}})")
        page.wait_for_timeout(300)
        view = "() => JSON.stringify([window.__net.getScale().toFixed(3), window.__net.getViewPosition()])"
        found["view before"] = network(view)
        found["another"] = click("n85")
        found["view after click"] = network(view)
        found["the first again"] = click("n45")
        grid = page.locator("canvas[data-testid=data-grid-canvas]").bounding_box()
        assert grid
        page.mouse.click(grid["x"] + 12, grid["y"] + 90)
        page.wait_for_timeout(1200)
        found["from table"] = status()
        found["then on canvas"] = click("n45")
        page.get_by_role("button", name="grow").click()
        page.wait_for_timeout(1500)
        found["view after growing"] = network(view)
        found["nodes after growing"] = network("() => window.__net.body.data.nodes.length")
        found["click after growing"] = click("n105")
        page.screenshot(path=str(shots / "probe-light.png"))
        page.set_viewport_size({"width": 1700, "height": 900})
        page.wait_for_timeout(1200)
        found["canvas after widening"] = network("() => window.__net.canvas.frame.canvas.clientWidth")
        found["click after widening"] = click("n85")
        found["console errors"] = errors[:5]
        page.emulate_media(color_scheme="dark")
        page.reload()
        page.wait_for_timeout(4000)
        page.screenshot(path=str(shots / "probe-dark.png"))
        found["dark"] = status()
        browser.close()
    return found


def main() -> None:
    import tempfile

    shots = Path(tempfile.mkdtemp(prefix="agraph-probe-"))
    with serving() as url:
        for name, value in drive(url, shots).items():
            print(f"{name:22} {value}")
    print("screenshots:", shots)


def in_streamlit() -> bool:
    from streamlit.runtime import exists

    return exists()


if __name__ == "__main__":
    app() if in_streamlit() else main()
