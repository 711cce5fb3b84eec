"""flowdag's frame: which tenant, which run, which page. Every page runs inside it, and only inside it."""

import streamlit as st

from flowdag.errors import FlowdagError
from flowdag.ui import ICON, guard, sidebar, state
from flowdag.ui.errors import in_words
from flowdag.ui.text import STYLE

st.set_page_config(page_title="flowdag", page_icon=ICON, layout="wide", initial_sidebar_state=300)
st.html(STYLE)
page = st.navigation(
    [
        st.Page(
            "pages/run/graph.py",
            title="Graph",
            icon=":material/account_tree:",
            default=True,
            help="One run: its graph beside the timings of its tasks.",
        ),
        st.Page(
            "pages/run/timeline.py",
            title="Timeline",
            icon=":material/view_timeline:",
            help="One run over time: what ran when, what waited, and how much at once.",
        ),
        st.Page(
            "pages/run/compare.py",
            title="Compare",
            icon=":material/compare_arrows:",
            help="One run beside another of the same flow: what made one take longer.",
        ),
        st.Page(
            "pages/run/failures.py",
            title="Failures",
            icon=":material/error:",
            help="One run: what failed first and why, what came of it, and which retries helped.",
        ),
        st.Page(
            "pages/run/logs.py",
            title="Logs",
            icon=":material/notes:",
            help="One run: what it and all that ran in it have logged.",
        ),
        st.Page(
            "pages/tenant/runs.py",
            title="Runs",
            icon=":material/table_rows:",
            help="All runs that the filters let through, and how they went.",
        ),
    ]
)
state.restore()
with in_words():
    try:
        with st.sidebar:
            tenant = sidebar.pick_tenant()
            query = sidebar.pick_query(tenant)
            run, problem = sidebar.pick_run(tenant, query)
    except FlowdagError:  # the address tells what is chosen even where it cannot be shown
        state.write()
        raise
    state.write()
    guard.admit(guard.Admitted(tenant, query, run, problem))
    page.run()
