"""Pages in Chromium, and when they have come to rest: the same rule for every page that is measured.

A page rests when for half a second nothing in it has changed, arrived, or kept its thread busy: no change of its DOM
(or that of a frame in it), no answer to a request, no message to or from a worker, no task of over 50 ms. What is
measured ends with the last of these, not with the silence after it. Where WebGL paints, a change in how much a frame
paints counts, and tasks do not: without a graphics card every frame is a long one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.needs import needs_chromium

SILENCE_MS, PATIENCE_MS, LOOK_EVERY_MS = 500, 600_000, 25
WINDOW_MS = 1000  # its frame is a page too, which takes half a second of the processor to be made
SIZE = {"width": 1600, "height": 1000}
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nobody else is asked for anything
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
)
# In every frame, before its own scripts: the last moment at which something happened in it, and what its workers owe.
WATCH = """() => {
  let last = performance.timeOrigin + performance.now(), owed = 0, painted = 0, before = 0;
  const at = (ms) => { last = Math.max(last, performance.timeOrigin + ms) };
  const now = () => at(performance.now());
  const heeds = (type, when) => new PerformanceObserver((list) => list.getEntries().forEach(when))
    .observe({ type, buffered: true });
  window.__activity = () => owed > 0 ? Infinity : last;
  window.__painted = () => before;
  window.__heed = (document) => new MutationObserver(now).observe(
    document, { subtree: true, childList: true, attributes: true, characterData: true });
  window.__heed(document);
  heeds('resource', (entry) => at(entry.responseEnd));
  heeds('longtask', (entry) => { if (!before) at(entry.startTime + entry.duration) });
  window.Worker = class extends Worker {
    constructor(...how) {
      super(...how);
      for (const end of ['message', 'error']) this.addEventListener(end, () => { owed = 0; now() });
    }
    postMessage(...what) { owed = 1; now(); super.postMessage(...what) }
  };
  const frame = () => {
    if (painted && painted !== before) { before = painted; now() }
    painted = 0;
    requestAnimationFrame(frame);
  };
  const counts = (kind, method, argument) => {
    const paint = kind.prototype[method];
    kind.prototype[method] = function (...how) {
      if (!painted && !before) requestAnimationFrame(frame);
      painted += how[argument];
      return paint.apply(this, how);
    };
  };
  for (const kind of [WebGLRenderingContext, WebGL2RenderingContext]) {
    counts(kind, 'drawElements', 1);
    counts(kind, 'drawArrays', 2);
  }
}"""
# The moment at which it was first seen to be drawn, or at which the page came to rest, whichever is later; null before.
AT_REST = """([isDrawn, given, silence]) => {
  const frames = [...document.querySelectorAll('iframe')].map((frame) => frame.contentWindow);
  for (const { document } of frames)  // not the one that was there as its window was made
    if (!document.heeded) { document.heeded = true; window.__heed(document) }
  const drawn = window.__drawn ??= eval(isDrawn)(given) ? performance.timeOrigin + performance.now() : undefined;
  if (!drawn) return null;
  const last = Math.max(drawn, ...[window, ...frames].map((frame) => frame.__activity?.() ?? 0));
  return performance.timeOrigin + performance.now() > last + silence ? last : null;
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs_chromium(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def fresh_page(browser: Browser) -> Iterator[Page]:
    """An empty page of somebody who has nothing cached, in a window that has come to rest itself."""
    context = browser.new_context(viewport=SIZE, timezone_id="Europe/Berlin")
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(f"({WATCH})()")
    try:
        page = context.new_page()
        page.wait_for_timeout(WINDOW_MS)
        yield page
    finally:
        context.close()


def seconds_to_rest(page: Page, url: str, is_drawn: str, given: Any = None) -> float:
    """Open an address; seconds until `is_drawn` (a JavaScript function of `given`) and the page rests."""
    page.goto(url, wait_until="commit")
    return at_rest(page, is_drawn, given) - page.evaluate("performance.timeOrigin") / 1000


def at_rest(page: Page, is_drawn: str, given: Any = None) -> float:
    """When (`time.time()`) it was drawn and the page came to rest."""
    page.evaluate("() => { window.__drawn = undefined }")
    looked = page.wait_for_function(AT_REST, arg=[f"({is_drawn})", given, SILENCE_MS], polling=LOOK_EVERY_MS)
    return float(looked.json_value()) / 1000
