"""Which engine runs a model, and what a user is told where one cannot."""

import pytest

from kinemacolor.errors import UsageError
from kinemacolor.inference.engines import choice
from kinemacolor.inference.engines.choice import check_engine, choose_engine
from kinemacolor.models.catalog import find_model

KINEMA, PUBLISHED = find_model("kinema").spec, find_model("deep-exemplar").spec


@pytest.fixture(params=[True, False], ids=["installed", "absent"])
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(choice, "has_openvino", lambda: request.param)
    monkeypatch.delenv("KINEMACOLOR_ENGINE")
    return bool(request.param)


def test_auto_takes_the_quickest_that_can_run_the_model(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_engine("auto", "cpu", KINEMA, "float32") == ("openvino" if installed else "torch")
    assert choose_engine("auto", "cpu", PUBLISHED, "float32") == "torch"
    assert choose_engine("torch", "cpu", KINEMA, "float32") == "torch"
    monkeypatch.setenv("KINEMACOLOR_ENGINE", "torch")
    assert choose_engine("auto", "cpu", KINEMA, "float32") == "torch"
    monkeypatch.setenv("KINEMACOLOR_ENGINE", "cuda-graphs")
    assert choose_engine("auto", "cpu", KINEMA, "float32") == "torch"
    monkeypatch.setenv("KINEMACOLOR_ENGINE", "openvino")
    assert choose_engine("auto", "cpu", KINEMA, "float32") == ("openvino" if installed else "torch")
    assert choose_engine("auto", "cpu", PUBLISHED, "float32") == "torch"


def test_a_named_engine_that_is_not_there_is_refused_with_words(installed: bool) -> None:
    with pytest.raises(UsageError, match="there is no engine 'tvm': use auto, torch, openvino or cuda-graphs"):
        check_engine("tvm", "cpu", KINEMA, "float32")
    with pytest.raises(UsageError, match="cuda-graphs does not run on cpu"):
        choose_engine("cuda-graphs", "cpu", KINEMA, "float32")
    for device in ("cpu", "auto"):
        with pytest.raises(UsageError, match="no form" if installed else r"pip install 'kinemacolor\[openvino\]'"):
            check_engine("openvino", device, PUBLISHED, "float32")
    if installed:
        assert choose_engine("openvino", "cpu", KINEMA, "float32") == "openvino"


def test_openvino_computes_at_float32_alone(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_engine("auto", "cpu", KINEMA, "bfloat16") == "torch"
    monkeypatch.setenv("KINEMACOLOR_ENGINE", "openvino")
    assert choose_engine("auto", "cpu", KINEMA, "float16") == "torch"
    refusal = "openvino computes in float32, not in bfloat16: leave out --engine or" if installed else "pip install"
    with pytest.raises(UsageError, match=refusal):
        check_engine("openvino", "cpu", KINEMA, "bfloat16")
