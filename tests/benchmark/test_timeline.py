"""The picture of a job: a row for each stage in the order of their begin, a bar for each frame."""

import re
from pathlib import Path
from xml.etree import ElementTree

from kinemacolor.benchmark.timeline import draw_timeline, record_timeline
from kinemacolor.benchmark.variants import Job

SVG = "{http://www.w3.org/2000/svg}"


def test_rows_are_stages_and_bars_lie_where_the_work_was() -> None:
    drawing = draw_timeline({"encode": [(6, 7), (9, 10)], "decode": [(0, 1), (1, 3), (5, 6)], "none": []}, "a & b")
    root = ElementTree.fromstring(drawing)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[:2] == ["a & b", "busy"]
    assert texts[-4:] == ["decode", "40 %", "encode", "20 %"]
    assert "10 s" in texts
    bars = [
        [(float(x), float(width)) for x, width in re.findall(r"M(\S+) \d+h(\S+)v", path.get("d", ""))]
        for path in root.iter(f"{SVG}path")
        if path.get("fill")
    ]
    assert bars == [[(84, 84), (504, 84)], [(168, 168)], [(588, 84)], [(840, 84)]]


def test_a_job_notes_when_its_stages_worked_on_each_frame(film: Path, reference: Path) -> None:
    intervals = record_timeline(Job(film, reference, "kinema"))
    assert {"decode", "network", "chroma", "encode"} <= set(intervals)
    assert all(len(intervals[name]) >= 8 for name in ("network", "chroma", "encode"))
    for painted, encoded in zip(intervals["network"][:8], intervals["encode"][:8], strict=True):
        assert painted[0] < painted[1] <= encoded[1]
    draw_timeline(intervals, "film")
