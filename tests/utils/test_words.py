"""Commands as messages write them, read by a shell, and sizes."""

import os
import subprocess

from kinemacolor.utils.words import format_bytes, format_command, make_visible

ODD_NAMES = [
    *("film.mp4", "two words.mp4", "-dash.mp4", "it's.mp4", 'a "b" $c `d` \\e.mp4', "", "[bold]*?.mp4", "映画 é.mp4"),
    *(
        "new\nline's.mp4",
        "tab\t\\.mp4",
        "bell\x07f\x1b[1mA",
        "turned\u202e4pm.mp4",
        "\x85",
        os.fsdecode(b"f\xe4\xff0.mp4"),
    ),
]


def test_a_shell_reads_the_words_of_a_command() -> None:
    command = format_command(ODD_NAMES)
    assert make_visible(command) == command  # so it stands in a message as it is
    script = f"kinemacolor() {{ printf '%s\\0' \"$@\"; }}; {command}"
    said = subprocess.run(["bash", "-c", script.encode()], capture_output=True, check=True).stdout
    assert [os.fsdecode(word) for word in said.split(b"\0")[:-1]] == ODD_NAMES


def test_room_is_told_in_a_unit_that_shows_it() -> None:
    sizes = {0: "0.0 kB", 900: "0.9 kB", 4.04e6: "4.0 MB", 999e6: "999.0 MB", 1.26e9: "1.3 GB"}
    assert {size: format_bytes(size) for size in sizes} == sizes
