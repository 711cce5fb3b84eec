"""The pages Failures and Logs: what a person reads there of runs whose failures are known, and what can be done."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from streamlit.testing.v1 import AppTest

from tests.opened import opened, tables, words
from tests.pages.test_in_words import is_plain
from tests.sample_runs import HOSTILE_NAMES, MARKDOWN, MARKUP, WIDE
from tests.samples import Samples

FAILURES, LOGS = "pages/run/failures.py", "pages/run/logs.py"


def sent(app: AppTest) -> dict[str, Any]:
    """What is sent to the list of lines."""
    (lines,) = app.main.get("bidi_component")
    data: dict[str, Any] = json.loads(lines.proto.json)
    return data


def messages(app: AppTest) -> list[str]:
    return [line[5] for line in sent(app)["lines"]]


def test_why_the_nightly_run_failed(samples: Samples) -> None:
    """convert-east fails; load_warehouse, a second load_holidays, publish-report and final_report need its result."""
    app = opened(FAILURES, tenant="acme", run=samples.runs["failing"])
    said = words(app)
    assert not app.exception
    assert "1 task failed first; because of it" in said
    assert "Never started because of it" in said
    buttons = [button.label for button in app.main.button]
    assert "**convert-east**" in buttons
    assert "**load\\_warehouse**" in buttons
    assert "**holidays-for-report**" in buttons  # not its task's: another run of that went well
    codes = [code.value for code in app.main.code]
    assert codes[0].startswith("ValueError: ")
    assert "Traceback (most recent call last)" in codes[1]


def test_a_named_task_can_be_chosen(samples: Samples) -> None:
    app = opened(FAILURES, tenant="acme", run=samples.runs["failing"])
    app.button(key="cause-0").click().run()
    assert "Task run id" in words(app)
    assert "convert-east" in words(app)
    task = "".join(app.query_params["task"])
    lines = opened(LOGS, tenant="acme", run=samples.runs["failing"], task=task, only="true")
    assert {line[7] for line in sent(lines)["lines"]} == {task}
    assert any("Traceback" in message for message in messages(lines))


def test_nothing_failed(samples: Samples) -> None:
    app = opened(FAILURES, tenant="globex", run=samples.runs["wide"])
    assert "Nothing failed, and nothing had to be tried again." in words(app)
    assert is_plain(app)


def test_the_flows_own_code_and_hostile_text(samples: Samples) -> None:
    app = opened(FAILURES, tenant="odd", run=samples.runs["hostile"])
    assert "No task failed: the flow's own code did." in words(app)
    assert app.main.code[0].value == f"ValueError: {MARKUP} {MARKDOWN} {MARKDOWN}"
    assert app.exception == []


def test_the_lines_of_a_run_and_its_subflows(samples: Samples) -> None:
    """All that the server has of the run and of what ran in it, in order of time."""
    app = opened(LOGS, tenant="acme", run=samples.runs["nightly"])
    assert is_plain(app)
    shown = sent(app)["lines"]
    of_tree = rows(samples, samples.runs["nightly"], samples.runs["subflow"])
    assert {row["id"] for row in of_tree} <= {line[0] for line in shown}
    assert [line[1] for line in shown] == sorted(line[1] for line in shown)
    assert any(message.startswith("Sent to ") for message in messages(app)), "two subflows down"
    assert {line[6] for line in shown} >= {"flow", "archive-message", "final-report"}


def test_level_and_words(samples: Samples) -> None:
    app = opened(LOGS, tenant="acme", run=samples.runs["failing"])
    errors = app.segmented_control(key="level").set_value("Errors").run()
    assert {line[3] for line in sent(errors)["lines"]} == {"ERROR"}
    both = app.text_input(key="text").set_value("TRACEBACK valueerror").run()
    assert messages(both)
    assert all("Traceback" in message and "ValueError" in message for message in messages(both))
    none = app.text_input(key="text").set_value("no such words").run()
    assert (sent(none)["lines"], sent(none)["none"]) == ([], "No line matches. Choose another level, or fewer words.")


def test_the_first_error(samples: Samples) -> None:
    app = opened(LOGS, tenant="acme", run=samples.runs["failing"])
    assert sent(app)["focus"] is None
    app.button(key="first-error").click().run()
    errors = [line for line in sent(app)["lines"] if line[3] in ("ERROR", "CRITICAL")]
    assert sent(app)["focus"] == errors[0][0]
    fine = opened(LOGS, tenant="globex", run=samples.runs["wide"])
    fine.button(key="first-error").click().run()
    assert "There is no error among these lines." in words(fine)


def test_further_lines_on_demand(samples: Samples) -> None:
    """Each of the 312 tasks of the wide run has a line at least: the last 300 come first."""
    app = opened(LOGS, tenant="globex", run=samples.runs["wide"])
    in_all = len(rows(samples, samples.runs["wide"]))
    assert in_all > WIDE
    assert len(messages(app)) == 300
    last = messages(app)[-1]
    app.button(key="earlier").click().run()
    assert len(messages(app)) == in_all
    assert messages(app)[-1] == last


@pytest.mark.parametrize("page", [FAILURES, LOGS])
def test_a_foreign_run_is_as_unknown_as_no_run(page: str, samples: Samples) -> None:
    task = sent(opened(LOGS, tenant="globex", run=samples.runs["globex"]))["lines"][-2][7]
    app = opened(page, tenant="acme", run=samples.runs["globex"], task=task, only="true")
    assert "There is no such flow run here." in words(app)
    assert not app.main.get("bidi_component")
    own = opened(LOGS, tenant="acme", run=samples.runs["nightly"], task=task, only="true")
    assert task not in {line[7] for line in sent(own)["lines"]}


def test_hostile_lines_are_text(samples: Samples) -> None:
    app = opened(LOGS, tenant="odd", run=samples.runs["hostile"])
    assert MARKUP in messages(app)
    assert {line[6] for line in sent(app)["lines"]} >= {MARKUP, HOSTILE_NAMES["quotes"]}
    assert MARKUP not in "".join(str(element.value) for element in app.main.markdown)
    assert not tables(app)


def rows(samples: Samples, *runs: str) -> list[dict[str, Any]]:
    """What the server has of these runs themselves."""
    found: list[dict[str, Any]] = []
    while True:
        asked = {"logs": {"flow_run_id": {"any_": list(runs)}}, "offset": len(found), "limit": 200}
        page = httpx.post(f"{samples.api_url}/logs/filter", json=asked, trust_env=False).raise_for_status().json()
        found += page
        if len(page) < 200:
            return found
