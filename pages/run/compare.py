"""A run beside another run of the same flow."""

from flowdag.ui import guard
from flowdag.ui.compare import compare_view
from flowdag.ui.page import run_page
from flowdag.ui.waiting import whole_run

tenant, run = guard.run_to_show()
run_page(tenant, whole_run(tenant.id, run.id), lambda shown: compare_view(tenant.id, shown), needs_tasks=False)
