"""A tenant's runs: the figures that come first, and every run as a row."""

import streamlit as st

from flowdag import cache
from flowdag.prefect_api.flow_runs import PAGE
from flowdag.ui import guard
from flowdag.ui.header import runs_header
from flowdag.ui.runs import key_figures, runs_table, say_how_many

admitted = guard.runs_to_show()
runs_header(admitted.tenant)
listed = cache.runs(admitted.tenant.id, admitted.query, st.session_state.get("run-limit", PAGE))
if not listed:
    guard.say_no_runs(admitted)
    st.stop()
key_figures(admitted.tenant, admitted.query)
runs_table(admitted.tenant, listed, "pages/run/graph.py")
say_how_many(admitted.tenant, admitted.query, len(listed))
