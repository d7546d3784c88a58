"""What somebody does at the page, and sees: each by the words and the names that are there for everybody."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.browser import settle
from support.waiting import until


def drop(page: Any, *files: Path) -> None:
    """Let files of the disk fall onto the middle of the window, as Chromium does it."""
    session = page.context.new_cdp_session(page)
    place = {"x": page.viewport_size["width"] / 2, "y": page.viewport_size["height"] / 3}
    held = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "data": held, **place})
    session.detach()


def drop_by_script(page: Any, *files: Path) -> None:
    """The same for any browser: the events alone."""
    sent = [{"name": file.name, "text": base64.b64encode(file.read_bytes()).decode()} for file in files]
    page.evaluate(
        """sent => { const dataTransfer = new DataTransfer();
        for (const { name, text } of sent)
            dataTransfer.items.add(new File([Uint8Array.from(atob(text), one => one.charCodeAt(0))], name));
        const x = innerWidth / 2, y = innerHeight / 3;
        let target = document.elementFromPoint(x, y);
        for (let next; (next = target.shadowRoot?.elementFromPoint(x, y)) && next !== target;) target = next;
        for (const kind of ["dragenter", "dragover", "drop"]) target.dispatchEvent(new DragEvent(kind,
            { dataTransfer, bubbles: true, composed: true, cancelable: true, clientX: x, clientY: y })); }""",
        sent,
    )


def opened_film(page: Any) -> str:
    """The project that the window shows."""
    page.wait_for_url(re.compile(r"/films/[^/?]+"))
    return re.search(r"/films/([^/?]+)", page.url)[1]


def in_color(page: Any) -> Any:
    """The picture in colour, in the middle of the window."""
    return page.locator("kc-picture div.color:not([hidden]) img")


def shots(page: Any) -> Any:
    """The cards of the filmstrip."""
    return page.get_by_role("listbox", name="Shots").get_by_role("option")


def show_panel(page: Any, name: str) -> None:
    """Choose Look, Correct, Render or Report."""
    page.get_by_role("tab", name=name, exact=True).locator("visible=true").click()


def shown_frame(page: Any) -> int:
    """The number of the frame that the window shows, as it says."""
    return int(page.get_by_role("slider", name="Frame of the film").get_attribute("aria-valuenow"))


def go_to_frame(page: Any, frame: int) -> None:
    """Write the number of a frame, and wait until it is there in colour."""
    in_color(page).wait_for()
    field = page.get_by_label("Go to a frame")
    field.fill(str(frame))
    field.press("Enter")
    until(lambda: shown_frame(page) == frame, f"frame {frame}")
    in_color(page).wait_for()
    settle(page)


def queue(page: Any) -> Any:
    """The line at the bottom."""
    return page.locator("kc-queue .line")


def stroke(page: Any, points: Sequence[tuple[float, float]]) -> None:
    """Paint on the frame, through points given as parts of its width and height."""
    box = page.locator("kc-painter").bounding_box()
    for number, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
