"""What ComfyUI does where the user presses Cancel."""

interrupt_after: int | None = None  # calls; None: never


class InterruptProcessingException(Exception):  # noqa: N818  ComfyUI's name
    pass


def throw_exception_if_processing_interrupted() -> None:
    global interrupt_after
    if interrupt_after is None:
        return
    interrupt_after -= 1
    if interrupt_after < 0:
        interrupt_after = None
        raise InterruptProcessingException
