"""Every cached function is keyed by the tenant first, and keeps no argument out of its key."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from flowdag import cache

UNHASHED = {"drawing": {"_graph"}, "timings": {"_graph"}}  # tenant, run and `as_of` beside it name the graph


def cached_functions() -> dict[str, Any]:
    found = {name: value for name, value in vars(cache).items() if hasattr(value, "clear") and callable(value)}
    decorated = [
        node.name
        for node in ast.walk(ast.parse(inspect.getsource(cache)))
        if isinstance(node, ast.FunctionDef) and "st.cache" in " ".join(map(ast.unparse, node.decorator_list))
    ]
    assert sorted(found) == sorted(decorated)
    return found


def test_the_tenant_comes_first_and_nothing_is_left_out() -> None:
    functions = cached_functions()
    assert {"runs", "_gate", "_settled_graph", "log_lines", "artifacts_of", "_connection"} <= set(functions)
    for name, function in functions.items():
        parameters = list(inspect.signature(function.__wrapped__).parameters)
        if parameters:
            assert parameters[0] == "tenant_id", name
        unhashed = {parameter for parameter in parameters if parameter.startswith("_")}
        assert unhashed == UNHASHED.get(name, set()), name


def test_nothing_of_the_viewer_is_read() -> None:
    """What is cached may not depend on who looks, where from or what is chosen on the page."""
    read = {
        ast.unparse(node)
        for node in ast.walk(ast.parse(inspect.getsource(cache)))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "st"
    }
    assert read <= {"st.cache_data", "st.cache_resource"}
