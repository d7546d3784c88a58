from collections.abc import Iterator

import pytest

from kinemacolor.utils.threads import single_thread


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with single_thread():
        yield
