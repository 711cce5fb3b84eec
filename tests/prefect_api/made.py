"""Flow runs and task runs made by hand through the server's own API: rows that no flow would leave behind on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import httpx

NUMBER = count()
DONE = {"type": "COMPLETED", "name": "Completed"}


class Maker:
    """Makes rows on a real Prefect server; every method answers the new row's id."""

    def __init__(self, api_url: str) -> None:
        self.http = httpx.Client(base_url=api_url, trust_env=False, timeout=30, headers={"Connection": "close"})

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.http.post(path, json=body)
        while answer.status_code == 503:  # SQLite is locked while flows record their task runs
            answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def flow(self, name: str) -> str:
        return str(self.post("/flows/", {"name": name})["id"])

    def deployment(self, flow_name: str, name: str, **more: Any) -> str:
        body = {"flow_id": self.flow(flow_name), "name": name, "enforce_parameter_schema": False, **more}
        return str(self.post("/deployments/", body)["id"])

    def work_pool(self, name: str) -> str:
        return str(self.post("/work_pools/", {"name": name, "type": "process"})["id"])

    def run(self, flow_name: str, tags: Sequence[str] = (), state: Mapping[str, Any] = DONE, **more: Any) -> str:
        body = {"flow_id": self.flow(flow_name), "tags": list(tags), "state": dict(state), **more}
        return str(self.post("/flow_runs/", body)["id"])

    def task_run(self, flow_run_id: str, name: str = "task", state: Mapping[str, Any] = DONE, **more: Any) -> str:
        body = {
            "flow_run_id": flow_run_id,
            "name": name,
            "task_key": f"{name}-00000000",
            "dynamic_key": str(next(NUMBER)),
            "state": dict(state),
            **more,
        }
        return str(self.post("/task_runs/", body)["id"])

    def set_state(self, path: str, state: Mapping[str, Any]) -> None:
        self.post(f"{path}/set_state", {"state": dict(state), "force": True})

    def subflow(self, caller: str, flow_name: str, tags: Sequence[str] = ()) -> str:
        """A flow run that `caller` called, through the task run that stands for it there."""
        return self.run(flow_name, tags, parent_task_run_id=self.task_run(caller, flow_name))

    def run_of_deployment(self, deployment_id: str, tags: Sequence[str] = ()) -> str:
        body = {"tags": list(tags), "state": {"type": "SCHEDULED", "name": "Scheduled"}}
        return str(self.post(f"/deployments/{deployment_id}/create_flow_run", body)["id"])
