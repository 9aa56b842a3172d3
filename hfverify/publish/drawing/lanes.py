"""A run as a chart: one lane for each who takes part, time runs downwards.

Reads   publish.charts.Chart
Gives   lanes: the picture and its words
Refuses nothing
"""

from __future__ import annotations

from hfverify.publish.charts import Chart
from hfverify.publish.drawing.svg import LINE, Drawing, width_of

HEAD = 26
PAD = 10
ROW = 30


def lanes(chart: Chart) -> tuple[Drawing, str]:
    """A box and a line for each lane, a row for each event."""
    places = _places(chart)
    right = max(places.values(), default=0) + max((width_of(lane) for lane in chart.lanes), default=0) // 2 + PAD
    for event in chart.events:
        if event.source == event.target:
            right = max(right, places[event.source] + width_of(event.text) + 2 * PAD)
    height = HEAD + ROW * (len(chart.events) + 1)
    drawing = Drawing(right + 4, height + 4)
    for lane, x in places.items():
        width = width_of(lane) + 2 * PAD
        drawing.line(x, HEAD, x, height, "hf-lane")
        drawing.box(x - width // 2, 2, width, HEAD - 2, "hf-box")
        drawing.text(x, HEAD - 7, lane, "hf-strong", "middle")
    words = []
    for row, event in enumerate(chart.events):
        y = HEAD + ROW * (row + 1)
        x, to = places[event.source], places[event.target]
        style = "hf-strong" if event.call else ""
        if x == to:
            drawing.dot(x, y - 4)
            drawing.text(x + PAD, y, event.text, style)
            words.append(f"{event.source}: {event.text}")
        else:
            drawing.arrow(x, y, to, y)
            drawing.text((x + to) // 2, y - 5, event.text, style, "middle")
            words.append(f"{event.source} → {event.target}: {event.text}")
    return drawing, "\n".join(words)


def _places(chart: Chart) -> dict[str, int]:
    """Where each lane stands, so that what is written between two of them fits."""
    places: dict[str, int] = {}
    x = 0
    for index, lane in enumerate(chart.lanes):
        half = width_of(lane) // 2 + PAD
        before = chart.lanes[index - 1] if index else ""
        room = half + (width_of(before) // 2 + PAD + LINE if before else 2)
        for event in chart.events:
            ends = {event.source, event.target}
            if ends == {before, lane}:
                room = max(room, width_of(event.text) + 2 * PAD)
            if before and ends == {before}:
                room = max(room, width_of(event.text) + 3 * PAD)
        x += room
        places[lane] = x
    # An arrow over several lanes needs the room of its text between its two ends.
    for event in chart.events:
        first, last = sorted((places[event.source], places[event.target]))
        missing = width_of(event.text) + 2 * PAD - (last - first)
        if first != last and missing > 0:
            places = {lane: place + (missing if place >= last else 0) for lane, place in places.items()}
    return places
