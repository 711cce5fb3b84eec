"""Every error that a person can meet: one plain sentence of what happened, one of what to do.

`exit_code` is what the command line returns: 1 not found or not permitted (the same words), 2 usage, 3 the Prefect API
could not be reached or refused (design, section 4).
"""

from __future__ import annotations


class FlowdagError(Exception):
    """An error with words for the person who meets it. Neither sentence ever holds a secret."""

    exit_code = 3

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(f"{what} {todo}")
        self.what = what
        self.todo = todo


class TenantConfigError(FlowdagError):
    """A mistake in the tenants' configuration; the sentence names the table and the key."""

    exit_code = 2


class UnknownTenant(FlowdagError):
    """No tenant of this name is configured."""

    exit_code = 2


class RunNotFound(FlowdagError):
    """The run does not exist or lies outside the tenant's scope; nobody can tell which."""

    exit_code = 1

    def __init__(self) -> None:
        super().__init__(
            "There is no such flow run here.",
            "Check the id, or choose another tenant: it may belong to one of them.",
        )


class ApiUnreachable(FlowdagError):
    """The server did not answer: wrong address, down, or too slow."""


class ApiRefused(FlowdagError):
    """The server answered, and would not serve: wrong key, forbidden, too many requests, its own error.

    `status` is the HTTP status, `retry_after_s` for how many seconds the server asked to be left alone, if it did.
    """

    status: int | None = None
    retry_after_s: float | None = None


class ApiAnswerInvalid(FlowdagError):
    """The server's answer cannot be read as Prefect's: truncated, of another shape, or not Prefect at all."""
