"""What the page has beyond Gradio's own parts: each is a `gr.HTML` whose JavaScript builds it from a JSON value.

Values are data, never markup: any name of a file may stand in them. Addresses are what the browser can load from this
server. None shows nothing. What a user does comes as a Gradio event, with the JSON that is named here in
``event._data`` of a `gr.EventData`.
"""

from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
Value = dict[str, Any] | None


def compare_player(value: Value = None, **options: Any) -> gr.HTML:
    """Plays a film of `write_proxy`, with a divider between gray and colour.

    Value: ``{"film": address, "width": px, "height": px, "rate": frames a second, "title": str, "correctable": bool}``,
    width and height those of one half; with ``correctable`` there is a button to correct the frame that is shown.

    Events: ``select`` ``{"frame": int, "seconds": float}`` when this frame, counted from 0, is to be corrected. Where
    frames do not all last as long, ``seconds`` of the film's clock tells the frame, not ``frame``.
    """
    return _part("compare_player", value, options)


def before_after(value: Value = None, **options: Any) -> gr.HTML:
    """A still with a divider between gray and colour.

    Value: ``{"gray": address, "color": address, "confidence": address | None, "width": px, "height": px, "alt": str}``;
    confidence is a gray picture (white: sure, as ``--confidence-out`` writes it), shown as pink where it is dark. No
    events.
    """
    return _part("before_after", value, options)


def shot_board(value: Value = None, **options: Any) -> gr.HTML:
    """All shots, the pictures that give them their colours, and which goes where.

    Value: ``{"shots": [{"number": int from 1, "first": int, "last": int, "time": str, "image": address, "transition":
    None | "cut" | "fade" | "dissolve", "certainty": 0..1, "references": [{"name": str, "score": None | 0..1}]}],
    "references": [{"name": str, "image": address, "frame": None | int, "partial": bool, "used": int}], "picked":
    None | number of a shot}``; certainty is that of the transition. It shows what the user changes at once: an event
    only needs an answer where that is refused, or where scores change.

    Events: ``input`` ``{"shot": number, "references": [name, ...]}``: these, at least one, are the shot's now;
    ``apply`` ``{"reference": name, "shots": "all" | [number, ...]}``: these shots get it beside what they have;
    ``select`` ``{"shot": number}``: look at it; ``delete`` ``{"reference": name}``: this picture is to go.
    """
    return _part("shot_board", value, options)


def point_view(value: Value = None, **options: Any) -> gr.HTML:
    """A frame and its references: where in them does the colour of a point come from?

    Value: ``{"frame": {"image": address, "width": px, "height": px}, "references": [{"name": str, "image": address}],
    "origin": None | {"x": 0..1, "y": 0..1, "reference": index, "rx": 0..1, "ry": 0..1, "text": str}}``; ``x``, ``y``
    are parts of the frame's width and height from its upper left corner, ``rx``, ``ry`` those of the reference.

    Events: ``select`` ``{"x": 0..1, "y": 0..1}``: this point is asked about; answer with the value and its origin.
    """
    return _part("point_view", value, options)


def paint_frame(value: Value = None, **options: Any) -> gr.HTML:
    """A coloured frame to paint on: brush, eraser, colours out of the frame and its references; light and shade stay.

    Value: ``{"project": str, "frame": int, "image": address, "width": px, "height": px, "references": [{"name": str,
    "image": address}], "refused": int}``; another frame or image begins anew. What was sent is locked until it is
    answered, by None or another frame, or by the same one with another ``refused``: then its strokes were not taken.

    Events: ``submit`` ``{"project": str, "frame": int, "image": address, "layer": data URL, "whole": bool}``; the layer
    is a PNG of width times height, transparent but for what was painted; with ``whole`` the rest of the frame is right.
    """
    return _part("paint_frame", value, options)


def job_list(value: Value = None, **options: Any) -> gr.HTML:
    """What renders, what waits and what is done; it follows a stream of server-sent events by itself.

    Value: ``{"events": address | None, "jobs": [{"id": str, "title": str, "kind": "look" | "plan" | "try" | "render",
    "step": str | None, "state": "queued" | "running" | "done" | "failed" | "stopped", "place": int | None, "done": int,
    "expected": int | None, "seconds_left": float | None, "message": str | None, "result": [{"label": str, "url":
    address}]}]}``; ``place`` counts from 1, ``done`` and ``expected`` are frames, of the ``step``. Jobs that are done
    and have no result are not shown. Each message of the stream is JSON ``{"jobs": [...]}`` with all jobs there are.

    Events, all but the last when a button is pressed: ``stop`` ``{"id": str}``; ``retry`` ``{"id": str}``; ``delete``
    ``{"id": str}``; ``end`` ``{"id": str, "state": "done" | "failed"}`` when a job ends that was shown before.
    """
    return _part("job_list", value, options)


def _part(name: str, value: Value, options: dict[str, Any]) -> gr.HTML:
    return gr.HTML(
        value,
        html_template=f'<div class="kc {name}" role="group"></div>',
        css_template=_asset("common.css") + _asset(f"{name}.css"),
        js_on_load=_asset("common.js") + _asset(f"{name}.js"),
        apply_default_css=False,
        **options,
    )


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
