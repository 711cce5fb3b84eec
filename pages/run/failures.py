"""Why a run failed: what failed first, what came of it, and which retries helped."""

from flowdag.ui import guard
from flowdag.ui.failures import failures_view
from flowdag.ui.page import run_page
from flowdag.ui.waiting import whole_run

tenant, run = guard.run_to_show()
run_page(tenant, whole_run(tenant.id, run.id), lambda shown: failures_view(tenant.id, shown), needs_tasks=False)
