"""How states look, in light and dark: a sign each, and colours after Okabe and Ito for colour-blind eyes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """How a state is drawn: its word, its sign, and fill, border and text colours; `dashed` for what never started."""

    word: str
    sign: str
    fill: str
    border: str
    text: str
    dashed: bool = False


LIGHT = {
    "COMPLETED": Look("Completed", "✓", "#D5EFE4", "#00785A", "#10352A"),
    "FAILED": Look("Failed", "✗", "#FBD3C0", "#C24A00", "#4A1D00"),
    "CRASHED": Look("Crashed", "‼", "#F3D0E2", "#A8437D", "#43142F"),
    "RUNNING": Look("Running", "▶", "#CFE6F7", "#0068A8", "#06304C"),
    "RETRYING": Look("Waiting to retry", "↻", "#FBE8B8", "#A87900", "#453200"),
    "CANCELLED": Look("Cancelled", "⊘", "#E2E3E8", "#6B7080", "#2A2D36"),
    "PAUSED": Look("Paused", "‖", "#F6F0A9", "#8A8300", "#3A3700"),
    "PENDING": Look("Not started", "○", "#FFFFFF", "#858B99", "#4C5261", dashed=True),
}
DARK = {
    "COMPLETED": Look("Completed", "✓", "#0F3B2E", "#2BB98C", "#D8F5EA"),
    "FAILED": Look("Failed", "✗", "#5A2408", "#FF8B4D", "#FFE3D3"),
    "CRASHED": Look("Crashed", "‼", "#4B1B38", "#E58ABD", "#FADDED"),
    "RUNNING": Look("Running", "▶", "#0C3554", "#56B4E9", "#DCF0FC"),
    "RETRYING": Look("Waiting to retry", "↻", "#4A3700", "#E6B422", "#FFF1C9"),
    "CANCELLED": Look("Cancelled", "⊘", "#33363F", "#9AA0AF", "#E3E5EB"),
    "PAUSED": Look("Paused", "‖", "#403D05", "#E4DA3B", "#FBF8CE"),
    "PENDING": Look("Not started", "○", "#191C23", "#8D94A5", "#BDC3D0", dashed=True),
}
ALIKE = {"CANCELLING": "CANCELLED", "SCHEDULED": "PENDING"}


def look(state_type: str, state_name: str = "", *, dark: bool = False) -> Look:
    """The look of a state, by its type; waiting for a retry has one of its own."""
    kind = "RETRYING" if state_name in ("AwaitingRetry", "Retrying") else ALIKE.get(state_type, state_type)
    looks = DARK if dark else LIGHT
    return looks.get(kind, looks["PENDING"])


def sign(state_type: str, state_name: str) -> str:
    """The sign and name of a state, for tables: "✓ Completed"."""
    return f"{look(state_type, state_name).sign} {words(state_name)}"


def words(state_name: str) -> str:
    """A state's name for people who do not know Prefect."""
    return {"NotReady": "Never started", "AwaitingRetry": "Waiting to retry", "TimedOut": "Timed out"}.get(
        state_name, state_name
    )
