"""What a run and all that ran in it have logged."""

from flowdag.ui import guard
from flowdag.ui.logs import logs_view
from flowdag.ui.page import run_page
from flowdag.ui.waiting import whole_run

tenant, run = guard.run_to_show()
run_page(tenant, whole_run(tenant.id, run.id), lambda shown: logs_view(tenant.id, shown), needs_tasks=False)
