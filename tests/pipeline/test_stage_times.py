"""Times of stages that run on several threads."""

from __future__ import annotations

import threading
import time

from redact.pipeline.stage_times import Stages


def test_stage_time_of_two_threads_counts_once() -> None:
    stages = Stages()
    both_in = threading.Barrier(2, timeout=20)

    def work(seconds: float) -> None:
        with stages("work"):
            both_in.wait()
            time.sleep(seconds)

    threads = [threading.Thread(target=work, args=(seconds,)) for seconds in (0.2, 0.4)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed = time.perf_counter() - started
    # The time during which either was active: not the shorter time, nor the sum.
    assert 0.4 <= stages.seconds["work"] <= passed
    # Time between two visits is not counted.
    time.sleep(0.2)
    with stages("work"):
        pass
    assert stages.seconds["work"] < passed + 0.1
