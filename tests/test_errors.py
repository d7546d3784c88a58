"""Errors of foreign libraries become ours, and what tells of the machine is told apart from what tells of the data."""

import errno

import av
import pytest

from kinemacolor.errors import InputError, ResourceError, UsageError, find_machine_fault, translate_foreign_errors


@pytest.mark.parametrize("raised", [SyntaxError("broken PNG file"), KeyError("name"), IndexError(), RuntimeError("?")])
def test_whatever_a_library_raises_becomes_ours(raised: Exception) -> None:
    with pytest.raises(InputError, match="damaged"), translate_foreign_errors(lambda _: InputError("it is damaged")):
        raise raised


def test_our_own_error_passes() -> None:
    with pytest.raises(UsageError), translate_foreign_errors(lambda _: InputError("it is damaged")):
        raise UsageError("choose another")


def test_a_stop_is_no_fault_of_the_data() -> None:
    with pytest.raises(KeyboardInterrupt), translate_foreign_errors(lambda _: InputError("it is damaged")):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (MemoryError(), "out of memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"), "out of memory"),
        (OSError(errno.EMFILE, "Too many open files"), "too many open files"),
        (OSError(errno.ENOSPC, "No space left on device"), "no space"),
    ],
)
def test_what_tells_of_the_machine_is_a_resource_error(raised: Exception, words: str) -> None:
    with pytest.raises(ResourceError, match=words), translate_foreign_errors(lambda _: InputError("it is damaged")):
        raise raised


def test_other_errors_tell_nothing_of_the_machine() -> None:
    assert find_machine_fault(ValueError("no such colour")) is None
    assert find_machine_fault(OSError(errno.ENOENT, "No such file")) is None


def test_ffmpegs_wish_for_more_data_is_no_fault_of_the_machine_and_no_thread_is() -> None:
    assert find_machine_fault(av.error.BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")) is None
    no_thread = av.error.BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable", "avcodec_open2('h264')")
    assert isinstance(find_machine_fault(no_thread), ResourceError)
