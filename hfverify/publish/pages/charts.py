"""The page of the runs.

Reads   publish.charts.Chart
Gives   charts_page
Refuses nothing
"""

from __future__ import annotations

from hfverify.publish.charts import Chart
from hfverify.publish.drawing.lanes import lanes
from hfverify.publish.drawing.svg import picture
from hfverify.publish.rst import Lines, title


def charts_page(charts: list[Chart]) -> Lines:
    """Every run, one below the other, and the calls that are made in it."""
    found = title("Runs")
    found += ["What really happened when these programs ran; time goes downwards.", ""]
    for chart in charts:
        found += title(chart.title, "-")
        calls = dict.fromkeys(event.call for event in chart.events if event.call)
        if calls:
            found += ["Makes " + ", ".join(f":hf:call:`{name}`" for name in calls) + ".", ""]
        found += picture(*lanes(chart), chart.title)
    return found
