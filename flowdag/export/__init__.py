"""A run's graph in formats that other programs read. The JSON is a contract: see the README, "Taking a run away"."""

from flowdag.export.formats import FORMATS, Format
from flowdag.export.json import to_json
from flowdag.export.tables import csv, to_csv, to_parquet

__all__ = ["FORMATS", "Format", "csv", "to_csv", "to_json", "to_parquet"]
