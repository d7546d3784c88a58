"""What a node gives where nothing shall be done behind it."""


class ExecutionBlocker:
    def __init__(self, message: str | None) -> None:
        self.message = message
