"""Keys: `/` opens the search; a click into the graph leaves the keyboard to the page.

All other keys are shortcuts of buttons. A frame keeps the keyboard once it was clicked, and the page hears nothing.
"""

from __future__ import annotations

import streamlit as st

SCRIPT = """<script>
if (!window.flowdagKeys) {
  window.flowdagKeys = true;
  const writing = (at) => at && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || writing(document.activeElement)) return;
    const button = document.querySelector(".st-key-find-and-filter button");
    if (!button) return;
    event.preventDefault();
    button.click();
    let left = 20;
    const focus = setInterval(() => {
      const field = document.querySelector(".st-key-match input");
      if (field) field.focus();
      if (field || --left === 0) clearInterval(focus);
    }, 50);
  });
  window.addEventListener("blur", () => setTimeout(() => {
    const at = document.activeElement;
    if (at && at.tagName === "IFRAME" && /agraph/.test(at.title)) at.blur();
  }));
}
</script>"""


def listen() -> None:
    """Put the script on the page, once."""
    st.html(SCRIPT, unsafe_allow_javascript=True)
