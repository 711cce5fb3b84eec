"""Every cached function is keyed by the tenant first, and keeps no argument out of its key."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any

from flowdag import cache

# what is made of a graph takes it beside the names of it, which make the key
UNHASHED, NAMED_BY = {"_graph"}, {"tenant_id", "run_id", "as_of"}


def modules() -> list[ModuleType]:
    return [import_module(f"flowdag.cache.{found.name}") for found in pkgutil.iter_modules(cache.__path__)]


def cached_functions(module: ModuleType) -> dict[str, Any]:
    """Those that the module defines; what it imports from another is told there."""
    found = {
        name: value
        for name, value in vars(module).items()
        if hasattr(value, "clear") and callable(value) and value.__wrapped__.__module__ == module.__name__
    }
    decorated = [
        node.name
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.FunctionDef) and "st.cache" in " ".join(map(ast.unparse, node.decorator_list))
    ]
    assert sorted(found) == sorted(decorated)
    return found


def test_the_tenant_comes_first_and_nothing_is_left_out() -> None:
    functions = {name: value for module in modules() for name, value in cached_functions(module).items()}
    assert {"runs", "gate", "_settled_graph", "log_lines", "artifacts_of", "connection"} <= set(functions)
    for name, function in functions.items():
        parameters = list(inspect.signature(function.__wrapped__).parameters)
        if parameters:
            assert parameters[0] == "tenant_id", name
        unhashed = {parameter for parameter in parameters if parameter.startswith("_")}
        assert unhashed <= UNHASHED, name
        assert not unhashed or set(parameters) >= NAMED_BY, name


def test_nothing_of_the_viewer_is_read() -> None:
    """What is cached may not depend on who looks, where from or what is chosen on the page."""
    read = {
        ast.unparse(node)
        for module in modules()
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "st"
    }
    assert read <= {"st.cache_data", "st.cache_resource"}
    assert read
