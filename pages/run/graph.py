"""One run: its graph beside its timings."""

from flowdag.ui import guard
from flowdag.ui.page import run_page
from flowdag.ui.waiting import whole_run
from flowdag.ui.workbench import workbench

tenant, run = guard.run_to_show()
run_page(tenant, whole_run(tenant.id, run.id), lambda shown: workbench(tenant.id, shown))
