"""The widgets that pages are composed of."""

from pathlib import Path

ICON = Path(__file__).with_name("icon.png")
