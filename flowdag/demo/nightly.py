"""The sample flow nightly-etl: mapped tasks, a retry, a cached task, tasks within a task, a subflow in a subflow.

Task results are DataFrames, or are kept alive by their futures: Prefect tells by `id()` which result came from which
task, so that a short-lived list or string would now and then draw an edge that nobody made.
"""

# Prefect's types do not tell that a task or flow takes a future wherever it takes its value.
# mypy: disable-error-code="arg-type,call-overload"

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, cast
from uuid import UUID

import pandas as pd
from prefect import flow, get_run_logger, runtime, task, unmapped
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.context import TaskRunContext
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner

REGIONS = ("north", "south", "east", "west")
SUBSCRIBERS = ("sales", "finance")
ORDERS_PER_REGION = 48
RATES_TO_EUR = {"EUR": 1.0, "USD": 0.92, "GBP": 1.17}


def _run_name() -> str:
    return f"{runtime.flow_run.parameters['client']} nightly {date.today().isoformat()}"


def _once_per_flow_run(context: TaskRunContext, _parameters: dict[str, Any]) -> str:
    return f"holidays-of-{context.task_run.flow_run_id}"


@task(task_run_name="extract-{region}")
def extract(client: str, region: str) -> pd.DataFrame:
    """One day's orders of a region, with columns order_id, day, currency and amount; some come twice."""
    chance = random.Random(f"{client}/{region}")  # noqa: S311
    time.sleep(0.3 + 0.2 * REGIONS.index(region))
    orders = [
        {
            "order_id": f"{region}-{number:04d}",
            "day": date(2026, 1, 1) + timedelta(days=chance.randrange(14)),
            "currency": chance.choice(list(RATES_TO_EUR)),
            "amount": round(chance.gauss(120, 80), 2),
        }
        for number in range(ORDERS_PER_REGION)
    ]
    get_run_logger().info("Read %d orders of region %s", len(orders), region)
    return pd.DataFrame(orders + orders[::10])


@task(task_run_name="fetch-exchange-rates", retries=2, retry_delay_seconds=1)
def fetch_exchange_rates() -> pd.Series[float]:
    """Euros for one unit of each currency. The service never answers the first request of a run."""
    time.sleep(0.15)
    if runtime.task_run.run_count == 1:
        get_run_logger().warning("The exchange rate service did not answer; trying again in a second")
        raise ConnectionError("The exchange rate service closed the connection")
    return pd.Series(RATES_TO_EUR, name="rate")


@task(task_run_name="holidays-for-{purpose}", cache_key_fn=_once_per_flow_run, persist_result=True)
def load_holidays(purpose: str) -> pd.Series[Any]:
    """The public holidays. The second call in a run finds the first one's result in the cache."""
    time.sleep(0.2)
    get_run_logger().info("Read the holiday calendar for %s", purpose)
    return pd.Series([date(2026, 1, 1), date(2026, 1, 6)], name="holiday")


@task(task_run_name="clean-{region}")
def clean(region: str, orders: pd.DataFrame, holidays: pd.Series[Any]) -> pd.DataFrame:
    """The orders without doubles and without those of public holidays."""
    time.sleep(0.2)
    kept = orders.drop_duplicates("order_id")
    kept = kept[~kept["day"].isin(holidays)]
    get_run_logger().info("Region %s: kept %d of %d rows", region, len(kept), len(orders))
    return kept


@task(task_run_name="convert-{region}")
def convert(region: str, orders: pd.DataFrame, rates: pd.Series[float], without_rate: str | None) -> pd.DataFrame:
    """The orders with a column amount_eur. Raises ValueError for a region whose currency has no rate."""
    time.sleep(0.15)
    if region == without_rate:
        raise ValueError(f"Region {region} reports in CHF, for which there is no exchange rate")
    return orders.assign(region=region, amount_eur=(orders["amount"] * orders["currency"].map(rates)).round(2))


@task(task_run_name="check-quality")
def check_quality(cleaned: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows, mean and spread of the amounts of each region."""
    time.sleep(0.2)
    facts = [{"rows": len(orders), **orders["amount"].agg(["mean", "std"]).round(2).to_dict()} for orders in cleaned]
    return pd.DataFrame(facts, index=pd.Index(REGIONS, name="region"))


@task(task_run_name="prepare-warehouse")
def prepare_warehouse() -> None:
    """Stands for a migration that must be done before anything is loaded."""
    time.sleep(0.6)
    get_run_logger().info("The warehouse schema is up to date")


@task(task_run_name="stage-{table}")
def stage(table: str, rows: pd.DataFrame) -> int:
    """Returns the number of rows staged."""
    time.sleep(0.3)
    get_run_logger().info("Staged %d rows of %s", len(rows), table)
    return len(rows)


@task(task_run_name="verify-totals")
def verify_totals(expected: int, staged: Sequence[int]) -> None:
    """Raises ValueError when rows were lost."""
    time.sleep(0.2)
    if sum(staged) != expected:
        raise ValueError(f"{expected} rows were to be loaded, {sum(staged)} were staged")


@task(task_run_name="load-warehouse")
def load_warehouse(converted: Sequence[pd.DataFrame]) -> dict[str, float]:
    """Load all regions with three tasks of its own; the answer is the revenue of each region in EUR."""
    progress = cast(UUID, create_progress_artifact(0.0, key="warehouse-load", description="Tables staged"))
    orders = pd.concat(converted)
    refunded = orders["amount_eur"] < 0
    staged = [stage.submit("orders", orders[~refunded])]
    staged[0].wait()
    update_progress_artifact(progress, progress=50.0)
    staged.append(stage.submit("refunds", orders[refunded]))
    verify_totals.submit(len(orders), staged).result()
    update_progress_artifact(progress, progress=100.0)
    return {
        str(region): float(total) for region, total in orders.groupby("region")["amount_eur"].sum().round(2).items()
    }


@task(task_run_name="rank-regions")
def rank_regions(revenue: Mapping[str, float]) -> list[str]:
    """The regions, best first."""
    time.sleep(0.15)
    return sorted(revenue, key=lambda region: revenue[region], reverse=True)


@task(task_run_name="render-message")
def render_message(client: str, ranking: Sequence[str]) -> str:
    """The words that subscribers get."""
    time.sleep(0.1)
    return f"{client}: revenue by region, best first: {', '.join(ranking)}."


@task(task_run_name="send-to-{subscriber}")
def send(subscriber: str, message: str) -> int:
    """Returns the length of what was sent."""
    time.sleep(0.2)
    get_run_logger().info("Sent to %s: %s", subscriber, message)
    return len(message)


@task(task_run_name="archive-message")
def archive_message(delivery: Mapping[str, int]) -> None:
    """Stands for keeping a copy of what was sent."""
    time.sleep(0.1)
    get_run_logger().info("Archived %d messages", len(delivery))


@flow(name="notify-subscribers", flow_run_name="notify {client} subscribers", version="1.4.0")
def notify_subscribers(client: str, ranking: list[str]) -> dict[str, int]:
    """Tell every subscriber the ranking; the answer is the length of what each one got."""
    message = render_message.submit(client, ranking)
    sent = send.map(SUBSCRIBERS, unmapped(message))
    return dict(zip(SUBSCRIBERS, sent.result(), strict=True))


@flow(name="publish-report", flow_run_name="publish {client} report", version="2.0.1")
def publish_report(client: str, revenue: dict[str, float]) -> list[str]:
    """Rank the regions, tell the subscribers (a subflow of its own) and archive; the answer is the ranking."""
    ranking = rank_regions.submit(revenue)
    ranking.wait()  # Prefect takes a running task whose future goes into a subflow for the subflow's caller
    delivery = notify_subscribers(client, ranking)
    archive_message.submit(delivery).wait()
    return ranking.result()


@task(task_run_name="final-report")
def final_report(
    revenue: Mapping[str, float], ranking: Sequence[str], quality: pd.DataFrame, holidays: pd.Series[Any]
) -> None:
    """Join everything to one table, kept as an artifact."""
    time.sleep(0.2)
    rows = [
        {"region": region, "revenue_eur": revenue[region], "rows": int(quality["rows"][region])} for region in ranking
    ]
    create_table_artifact(rows, key="revenue-by-region", description=f"Without {len(holidays)} public holidays")
    get_run_logger().info("Reported %.2f EUR of %d regions", sum(revenue.values()), len(rows))


@flow(
    name="nightly-etl",
    version="3.2.0",
    flow_run_name=_run_name,
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def nightly_etl(client: str, fail: bool = False) -> Any:
    """A client's orders of all regions into the warehouse, and a report of them.

    With `fail`, the region east cannot be converted: what hangs on it never starts.
    """
    get_run_logger().info("Nightly run of %s for %d regions", client, len(REGIONS))
    orders = extract.map(unmapped(client), REGIONS)
    rates = fetch_exchange_rates.submit()
    warehouse = prepare_warehouse.submit()
    holidays = load_holidays.submit("cleaning")
    cleaned = clean.map(REGIONS, orders, unmapped(holidays))
    converted = convert.map(REGIONS, cleaned, unmapped(rates), unmapped("east" if fail else None))
    quality = check_quality.submit(cleaned)
    revenue = load_warehouse.submit(converted, wait_for=[warehouse])
    known_holidays = load_holidays.submit("report", wait_for=[revenue])
    revenue.wait()  # as in publish_report
    ranking = publish_report(client, revenue, return_state=True)
    report = final_report.submit(revenue, ranking, quality, known_holidays)
    wait([report])
    return [*converted, revenue, report]
