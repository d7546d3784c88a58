"""Measures what the page costs: CPU-seconds and memory until the server answers, requests and bytes of the first view.

python tools/measure_page.py [--repeats 3]

CPU-seconds and memory are those of the server's own process, from Linux's /proc. The first view is home without films,
in a Chromium that was never there; it is left out where there is none, or no Playwright.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECONDS = 120.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def run_server(folder: Path) -> Iterator[tuple[int, str]]:
    """Run a server; gives the number of its process, and the address that it told, when it answers there."""
    log = folder / "log"
    command = [sys.executable, "-m", "kinemacolor", "web", "--no-browser", "--port", "0", "--folder"]
    with log.open("wb") as stream:
        process = subprocess.Popen([*command, str(folder / "home")], stdout=stream, stderr=stream)  # noqa: S603
    try:
        yield process.pid, wait_for_answer(process, log)
    finally:
        process.terminate()
        process.wait()


def wait_for_answer(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until the server answers at the address that it told; gives the address."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"http://\S+", log.read_text())
        try:
            if found and urllib.request.urlopen(found[0], timeout=PATIENCE_SECONDS).status:  # noqa: S310
                return found[0]
        except urllib.error.HTTPError:
            return found[0] if found else ""  # it answers, if only that it wants the token
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"the server did not answer:\n{log.read_text()}")


def read_costs(process: int) -> tuple[float, float]:
    """Read the CPU-seconds of a process so far, and its memory in MB."""
    folder = Path("/proc", str(process))
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    resident = re.search(r"VmRSS:\s+(\d+) kB", (folder / "status").read_text())
    return (int(fields[11]) + int(fields[12])) / 100, int(resident[1]) * 1024 / 1e6 if resident else 0.0


def count_first_view(address: str) -> tuple[int, float] | None:
    """Count the requests of the first view and the kB that came for them, with headers; None without a browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if CHROMIUM is None:
        return None
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
    ):
        page = browser.new_page()
        devtools = page.context.new_cdp_session(page)
        asked: set[str] = set()  # by number: the address with the token, and the one it leads to, have the same
        sizes: list[float] = []
        devtools.on("Network.requestWillBeSent", lambda told: asked.add(told["requestId"]))
        devtools.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
        devtools.send("Network.enable")
        page.goto(address)
        page.wait_for_timeout(3000)  # events never end, so nothing tells that all is there
        return len(asked), sum(sizes) / 1000


def main() -> None:
    """Print the medians of some runs, and the first view."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    costs, view = [], None
    for _ in range(parser.parse_args().repeats):
        with tempfile.TemporaryDirectory() as folder, run_server(Path(folder)) as (process, address):
            costs.append(read_costs(process))
            view = view or count_first_view(address)
    seconds, memory = (statistics.median(column) for column in zip(*costs, strict=True))
    print(f"{seconds:.2f} CPU-seconds until it answers, {memory:.0f} MB")
    if view:
        print(f"first view: {view[0]} requests, {view[1]:.0f} kB")


if __name__ == "__main__":
    main()
