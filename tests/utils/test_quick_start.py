"""Parts of torch wait until they are asked for; then they are there, as if they had always been."""

import subprocess
import sys

import pytest

BEGIN = """
import gc, os, sys
from kinemacolor.utils.quick_start import WAITING, prepare_quick_start
threshold = gc.get_threshold()
prepare_quick_start()
prepare_quick_start()
import torch
def waits(name):
    return vars(sys.modules[name]).get("_waiting_loader") is not None
"""
STORIES = {
    "torch waits, and works": """
assert all(waits(name) for name in ("torch._meta_registrations", "torch.export", "torch.optim", "torch.utils.data"))
assert "sympy" not in sys.modules
assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
assert gc.get_threshold() == threshold and gc.isenabled()
network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.SiLU())
assert network.eval()(torch.zeros(1, 3, 8, 8)).shape == (1, 8, 6, 6)
assert all(waits(name) for name in ("torch._meta_registrations", "torch.export", "torch.optim", "torch.utils.data"))
""",
    "a part is loaded when it is asked": """
from torch.optim import Adam
from torch.testing import assert_close
from torch.utils.data import DataLoader
import unittest.mock
weight = torch.nn.Parameter(torch.ones(3))
optimizer = Adam([weight], lr=0.1)
weight.sum().backward()
with unittest.mock.patch.dict(os.environ, {"a": "b"}):
    assert next(iter(DataLoader([1, 2], batch_size=2))).tolist() == [1, 2]
assert torch.distributions.Normal(0.0, 1.0).mean == 0
assert torch.optim.__spec__.loader is torch.optim.__loader__
assert not hasattr(torch.distributions, "nonsense")
assert not waits("torch.distributions")
""",
    "what failed is tried again": """
loader = vars(torch.distributions)["_waiting_loader"]
run = loader.exec_module
def fail(module):
    raise MemoryError
loader.exec_module = fail
try:
    torch.distributions.Normal
    raise AssertionError
except MemoryError:
    pass
loader.exec_module = run
assert torch.distributions.Normal(0.0, 1.0).mean == 0
""",
    "who needs all may ask in several threads": """
finder = sys.meta_path[0]
for _ in range(2):
    finder.find_spec("torch.onnx", torch.__path__)
assert finder not in sys.meta_path
""",
    "an optimizer steps": """
weight = torch.nn.Parameter(torch.ones(3))
optimizer = torch.optim.AdamW([weight], lr=0.1)
weight.sum().backward()
optimizer.step()
assert (weight < 1).all()
""",
    "who needs all gets all": """
from torch.utils.flop_counter import FlopCounterMode
assert not any(waits(name) for name in WAITING & sys.modules.keys())
with torch.device("meta"), FlopCounterMode(display=False) as counter:
    torch.nn.Conv2d(3, 8, 3)(torch.zeros(1, 3, 8, 8))
    torch.eye(3) == torch.arange(3)
assert counter.get_total_flops() == 2 * 3 * 9 * 8 * 36
""",
    "export works": """
class Twice(torch.nn.Module):
    def forward(self, x):
        return 2 * x
exported = torch.export.export(Twice(), (torch.ones(2),))
assert exported.module()(torch.ones(2)).tolist() == [2, 2]
""",
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_what_waits_is_there_when_it_is_asked(story: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    done = subprocess.run([sys.executable, "-P", "-c", BEGIN + story], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_whoever_imports_the_library_gets_torch_as_it_is() -> None:
    code = "import kinemacolor, sys, os; kinemacolor.Session; import torch; print(type(torch.export).__name__)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["module"]


def test_a_users_choice_of_waiting_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    code = BEGIN + "assert os.environ['OMP_WAIT_POLICY'] == 'ACTIVE'"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
