"""Sample flows that look like people's work: a nightly ETL, a slow forecast, quick checks and a wide scoring run.

They compute small data that depends on their parameters only. The short sleeps stand for databases and remote services.
"""

# Prefect's types do not tell that a task or flow takes a future wherever it takes its value.
# mypy: disable-error-code="arg-type,call-overload"

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

import pandas as pd
from prefect import flow, get_run_logger, task, unmapped
from prefect.task_runners import ThreadPoolTaskRunner

from flowdag.demo.nightly import nightly_etl

__all__ = ["nightly_etl", "quick_check", "score_customers", "slow_report"]

# --- revenue-forecast: still running when somebody looks -------------------------------------------------------------


@task(task_run_name="history-{month:02d}")
def load_history(client: str, month: int, pace: float) -> list[float]:
    """Thirty daily revenues of a month."""
    time.sleep(0.6 * pace)
    chance = random.Random(f"{client}/history/{month}")
    return [chance.gauss(1000 + 10 * month, 150) for _ in range(30)]


@task(task_run_name="simulate-{month:02d}-{scenario}")
def simulate(scenario: str, history: Sequence[float], month: int, pace: float) -> float:
    """The median revenue of a month in five hundred drawn months."""
    time.sleep((1.4 + 0.8 * (len(scenario) % 4)) * pace)
    chance = random.Random(f"{scenario}/{month}")
    return statistics.median(sum(chance.choices(history, k=30)) for _ in range(500))


@task(task_run_name="outlook-{month:02d}")
def outlook(month: int, medians: Sequence[float], before: float, pace: float) -> float:
    """The forecast up to and with this month."""
    time.sleep(0.5 * pace)
    total = before + statistics.mean(medians)
    get_run_logger().info("Month %d: %.0f EUR so far", month, total)
    return total


@flow(
    name="revenue-forecast",
    version="0.9.2",
    flow_run_name="{client} forecast of {months} months",
    task_runner=ThreadPoolTaskRunner(max_workers=8),
)
def slow_report(client: str, months: int = 14, pace: float = 1.0) -> float:
    """Month after month of a forecast: about 70 s and 70 task runs with the defaults, growing as one looks."""
    total: Any = 0.0
    for month in range(1, months + 1):
        history = load_history.submit(client, month, pace)
        medians = simulate.map(
            ["low", "usual", "high"],
            unmapped(history),
            month=unmapped(month),
            pace=unmapped(pace),
        )
        total = outlook.submit(month, medians, total, pace)
        total.wait()
    return float(total.result())


# --- table-check: the many quick ones --------------------------------------------------------------------------------


@task(task_run_name="read-{table}")
def read_table(client: str, table: str) -> pd.DataFrame:
    """Two hundred rows with columns key and age_h."""
    chance = random.Random(f"{client}/{table}")
    return pd.DataFrame({"key": range(200), "age_h": [chance.uniform(0, 30) for _ in range(200)]})


@task(task_run_name="check-keys")
def check_keys(rows: pd.DataFrame) -> bool:
    """Whether no key comes twice."""
    return not rows["key"].duplicated().any()


@task(task_run_name="check-freshness")
def check_freshness(rows: pd.DataFrame, at_most_h: float) -> bool:
    """Raises ValueError when the median row is older than `at_most_h` hours."""
    age = rows["age_h"].median()
    if age > at_most_h:
        raise ValueError(f"The median row is {age:.1f} h old; at most {at_most_h:.0f} h are allowed")
    return True


@task(task_run_name="verdict")
def verdict(keys: bool, freshness: bool) -> str:
    """One word for the log."""
    word = "good" if keys and freshness else "bad"
    get_run_logger().info("The table is %s", word)
    return word


@flow(name="table-check", version="1.0.3", flow_run_name="{client} check of {table}")
def quick_check(client: str, table: str, at_most_h: float = 24.0) -> str:
    """Look over one table in well under a second; fails when its rows are older than `at_most_h` hours."""
    rows = read_table.submit(client, table)
    return verdict.submit(check_keys.submit(rows), check_freshness.submit(rows, at_most_h)).result()


# --- score-customers: the wide one -----------------------------------------------------------------------------------


@task(task_run_name="load-customers")
def load_customers(client: str, count: int) -> pd.DataFrame:
    """`count` customers with columns visits and spent."""
    chance = random.Random(f"{client}/customers")
    return pd.DataFrame([{"visits": chance.randrange(1, 60), "spent": chance.uniform(5, 900)} for _ in range(count)])


@task(task_run_name="score-{number:03d}")
def score(number: int, customers: pd.DataFrame) -> float:
    """The score of one customer: what a visit of theirs brings, against the usual visit."""
    usual = customers["spent"].sum() / customers["visits"].sum()
    return float(customers["spent"][number] / customers["visits"][number] / usual)


@task(task_run_name="rank-customers")
def rank_customers(scores: Sequence[float]) -> list[int]:
    """The ten best customers' numbers."""
    return sorted(range(len(scores)), key=lambda number: scores[number], reverse=True)[:10]


@flow(
    name="score-customers",
    version="1.1.0",
    flow_run_name="{client} scores of {count} customers",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def score_customers(client: str, count: int = 400) -> list[int]:
    """One task run for every customer."""
    customers = load_customers.submit(client, count)
    scores = score.map(range(count), unmapped(customers))
    return rank_customers.submit(scores).result()
