"""One run: its graph beside its timings."""

import streamlit as st

from flowdag import cache
from flowdag.ui import guard
from flowdag.ui.header import run_header, say_why_empty
from flowdag.ui.workbench import workbench

tenant, run = guard.run_to_show()
graph = cache.graph(tenant.id, run.id)
run_header(tenant, graph)
if graph.nodes.empty:
    say_why_empty(graph)
    st.stop()
workbench(tenant.id, graph)
