"""One run: its graph beside its timings. A run that is not over keeps itself up to date."""

from flowdag.ui import guard
from flowdag.ui.waiting import whole_run
from flowdag.ui.workbench import workbench

tenant, run = guard.run_to_show()
workbench(tenant, whole_run(tenant.id, run.id))
