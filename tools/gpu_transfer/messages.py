"""What the user reads: errors and lines of output."""


class TransferError(Exception):
    """Something that the user can mend; the message says how."""


def print_lines(*lines: str) -> None:
    """Print lines to standard output at once, so that they stay in order with those of child processes."""
    print(*lines, sep="\n", flush=True)
