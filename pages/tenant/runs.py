"""A tenant's runs: the figures that come first, and every run as a row."""

import streamlit as st

from flowdag import cache
from flowdag.ui import guard
from flowdag.ui.header import runs_header
from flowdag.ui.runs import key_figures, runs_table, say_how_many
from flowdag.ui.sidebar import run_limit

admitted = guard.runs_to_show()
tenant, query = admitted.tenant, admitted.query
listed, as_of = cache.runs(tenant.id, query, run_limit())
runs_header(tenant, as_of, lambda: cache.refresh_runs(tenant.id, query, run_limit()))
if not listed:
    guard.say_no_runs(admitted)
    st.stop()
key_figures(tenant, query)
runs_table(tenant, listed, "pages/run/graph.py")
say_how_many(tenant, query, len(listed))
