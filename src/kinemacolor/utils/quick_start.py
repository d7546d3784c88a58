"""What a program of ours does before it imports torch, so that a job starts at 60 % of the CPU time, and threads sleep.

Only for processes of our own: whoever imports the library gets torch as it is.

- **Parts of torch wait.** `import torch` loads much that only compiling, exporting, quantising or training wants. The
  modules `WAITING` stand there empty until somebody asks one for something. One of them, ``_meta_registrations``, is
  asked for nothing, but tells torch how shapes are computed in Python: compilers and counters of operations need that,
  and networks on the meta device do not, for which torch has C++. So where one of `NEEDS_ALL` is imported, all that
  waits is loaded first, and nothing waits any more.
- **Garbage is seldom looked for until torch is imported**, and not at all meanwhile: imports make half a million
  objects that stay, which were visited again and again. Later collections do not visit them either.
- **Threads of OpenMP sleep when they wait** instead of spinning. On a machine that has other work, spinning took three
  times the CPU time of the work itself.
"""

import gc
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

WAITING = frozenset(
    {
        *("torch._meta_registrations", "torch.distributed._meta_registrations"),
        *("torch.ao", "torch.distributions", "torch.export", "torch.fx.passes", "torch.masked", "torch.optim"),
        *("torch.nn.intrinsic", "torch.nn.qat", "torch.nn.quantizable", "torch.nn.quantized"),
        *("torch.profiler", "torch.quantization", "torch.testing", "torch.utils.data"),
        *("torchgen.model", "unittest.mock"),  # which torch imports
    }
)
NEEDS_ALL = frozenset({"torch._dynamo", "torch.onnx", "torch.utils.flop_counter"})
SELDOM = 50_000  # new objects after which garbage is looked for, until torch is imported


def prepare_quick_start() -> None:
    """Make the next import of torch in this process a quick one; nothing happens where torch is imported already.

    OMP_WAIT_POLICY of the user's environment is kept; ours is handed on to processes that this one starts.
    """
    if "torch" not in sys.modules and not any(isinstance(finder, _TorchFinder) for finder in sys.meta_path):
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads its OpenMP
        sys.meta_path.insert(0, _TorchFinder(gc.get_threshold()))
        gc.set_threshold(SELDOM)


class _WaitingModule(ModuleType):
    """A module whose code runs when it is first asked for a name that it lacks. Its path and file are known before.

    The standard library's `LazyLoader` makes such modules too, but runs them when anything at all is asked, and torch
    asks every module for its file.
    """

    def __init__(self, name: str, loader: Loader) -> None:
        super().__init__(name)
        self._waiting_loader: Loader | None = loader
        self._waiting_lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.load_now()
        return ModuleType.__getattribute__(self, name)

    def load_now(self) -> None:
        """Run the code of the module; nothing happens where it ran already, or runs in this thread.

        Where it raises, the module waits on: who asks next has it run again.
        """
        with self._waiting_lock:
            loader, self._waiting_loader = self._waiting_loader, None
            if loader:
                try:
                    loader.exec_module(self)
                except BaseException:
                    self._waiting_loader = loader
                    raise


class _WaitingLoader(Loader):
    """Makes a `_WaitingModule` for a loader that is asked later."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _WaitingModule(spec.name, self._loader)

    def exec_module(self, module: ModuleType) -> None:
        _hand_over(module, self._loader)


class _UncollectedLoader(Loader):
    """Runs the code of a module while no garbage is looked for; from then on it is at ``threshold``."""

    def __init__(self, loader: Loader, threshold: tuple[int, int, int]) -> None:
        self._loader, self._threshold = loader, threshold

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        _hand_over(module, self._loader)
        gc.set_threshold(0)
        try:
            self._loader.exec_module(module)
        finally:
            gc.freeze()
            gc.set_threshold(*self._threshold)


class _TorchFinder(MetaPathFinder):
    """Finds torch and what of it waits. ``threshold`` is that of the garbage collector, once torch is imported."""

    def __init__(self, threshold: tuple[int, int, int]) -> None:
        self._threshold = threshold

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in NEEDS_ALL:
            with suppress(ValueError):  # another thread removed it
                sys.meta_path.remove(self)
            for module in list(sys.modules.values()):
                if isinstance(module, _WaitingModule):
                    module.load_now()
        if fullname != "torch" and fullname not in WAITING:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and spec.loader:
            of_torch = fullname == "torch"
            spec.loader = _UncollectedLoader(spec.loader, self._threshold) if of_torch else _WaitingLoader(spec.loader)
        return spec


def _hand_over(module: ModuleType, loader: Loader) -> None:
    """Let a module say that ``loader`` made it: who reads its source asks that one."""
    module.__loader__ = loader
    if module.__spec__:
        module.__spec__.loader = loader
