"""A real browser for tests of the web page: it may not complain, not ask other hosts, and shut nobody out."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.waiting import PATIENCE, until

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--disable-quic", "--autoplay-policy=no-user-gesture-required"),
]
PROBE = Path(__file__).with_name("probe.js").read_text()
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address where ``app`` (ASGI) is served while the block runs."""
    import uvicorn

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started or not thread.is_alive(), "the server")
    assert server.started
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def chromium() -> Iterator[Any]:
    """Chromium; the test is skipped where there is none."""
    with _launched("chromium", executable_path=CHROMIUM, args=ARGUMENTS) as browser:
        yield browser


@contextmanager
def firefox() -> Iterator[Any]:
    """The system's own Firefox, over WebDriver BiDi; the test is skipped where there is none."""
    if FIREFOX is None:
        pytest.skip("no browser: Firefox is not installed")
    with _launched("firefox", executable_path=FIREFOX, channel="moz-firefox") as browser:
        yield browser


@contextmanager
def _launched(kind: str, **options: Any) -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    api.expect.set_options(timeout=PATIENCE * 1000)
    with api.sync_playwright() as playwright:
        try:
            browser = getattr(playwright, kind).launch(**options)
            browser.new_context().close()  # fails where Playwright asks a Firefox for what it does not know yet
        except api.Error as error:
            pytest.skip(f"no browser: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@contextmanager
def quiet_page(browser: Any, *, expected: str = "", **options: Any) -> Iterator[Any]:
    """A page; at the end it fails if there was a console message, an error, or a request to another host.

    ``expected``: number of an HTTP status of which the console may tell, as browsers do by themselves.
    """
    context = browser.new_context(**{"viewport": WIDE, **options})
    page, faults = context.new_page(), []
    page.set_default_timeout(PATIENCE * 1000)
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("console", lambda said: _is_fault(said, expected) and faults.append(_told(said)))
    page.add_init_script(PROBE)
    page.on("request", lambda request: _is_local(request.url) or faults.append(f"request to {request.url}"))
    try:
        yield page
    finally:
        context.close()
    assert not faults, "\n".join(faults)


def _is_fault(said: Any, expected: str) -> bool:
    return said.type in ("error", "warning") and not (expected and f"status of {expected}" in said.text)


def _told(said: Any) -> str:
    return f"{said.type}: {said.text} ({said.location['url']})"


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob", "about", "file") or parts.hostname == "127.0.0.1"


def settle(page: Any) -> None:
    """Wait until pictures (but lazy ones) are there, nothing moves any more, and all of it is on the screen."""
    page.wait_for_function(
        """() => {
        const moves = one => one.playState === "running" && one.effect.getComputedTiming().endTime !== Infinity;
        return document.fonts.status === "loaded" && !document.getAnimations().some(moves)
            && [...document.images].every(one => one.complete || one.loading === "lazy"); }"""
    )
    page.evaluate("async () => { for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame); }")


def assert_accessible(page: Any, within: str | None = None) -> None:
    """Fails on everything that axe finds, in the whole page or inside the selector ``within``."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, within).response["violations"]
    told = [f"{rule['id']} ({rule['help']}): {node['html'][:200]}" for rule in found for node in rule["nodes"]]
    assert not told, "\n".join(told)


def assert_fits(page: Any) -> None:
    """Nothing is wider than the screen."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page is {wide} px wider than the screen"


def assert_in_sight(page: Any) -> None:
    """No control lies beside the screen, but where it can be scrolled into view."""
    outside = page.evaluate("probe.outside()")
    assert not outside, f"outside of the screen: {outside}"


def walk(page: Any, most: int = 250) -> list[str]:
    """What Tab reaches, from the top until it leaves the page, as a screen reader names it; each shows that it is."""
    page.evaluate("() => { document.activeElement?.blur?.(); getSelection().removeAllRanges(); }")
    page.mouse.click(2, 2)
    reached: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        name, fault = page.evaluate("probe.focused()")
        if name is None:
            return reached
        assert not fault, f"{name}: {fault}, after {reached[-3:]}"
        reached.append(name)
    raise AssertionError(f"Tab does not leave the page: {reached[-12:]}")


def tab_to(page: Any, wanted: str, most: int = 250) -> None:
    """Press Tab until something of that name has the focus."""
    for _ in range(most):
        if wanted in (page.evaluate("probe.focused()")[0] or ""):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {wanted}")
