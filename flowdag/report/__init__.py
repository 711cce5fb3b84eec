"""What a person takes away of a run: a report that opens anywhere, and its pictures."""

from flowdag.report.graph_svg import graph_svg
from flowdag.report.page import Told, report
from flowdag.report.timeline_svg import timeline_svg, whole_timeline

__all__ = ["Told", "graph_svg", "report", "timeline_svg", "whole_timeline"]
