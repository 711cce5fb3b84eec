"""One run over time: what ran when, what waited, and how much at once."""

from flowdag.ui import guard
from flowdag.ui.page import run_page
from flowdag.ui.timeline import timeline_view
from flowdag.ui.waiting import whole_run

tenant, run = guard.run_to_show()
run_page(tenant, whole_run(tenant.id, run.id), lambda shown: timeline_view(tenant.id, shown))
