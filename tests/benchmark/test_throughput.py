"""What is timed on a GPU machine runs on a CPU, at a tiny size."""

from kinemacolor.benchmark.throughput import time_film, time_film_chain, time_forward


def test_network_chain_and_whole_films_are_timed() -> None:
    for result in (
        time_forward("kinema", 2, (64, 128), "cpu", 0),
        time_forward("kinema", 2, (64, 128), "cpu", 0, recorded=True),
        time_film_chain("kinema", (90, 160), "cpu", 0),
        time_film("kinema", (90, 160), "cpu", 3),
    ):
        assert result.frames_per_second > 0
        assert result.seconds > 0
