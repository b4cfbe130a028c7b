"""Networks on the CPU, run by several threads."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("openvino")

FIRST_AT_ONCE = """
import os, sys, threading
import torch
from redact.detect.registry import builtin_model
from redact.detect.runtime import Normalisation, OpenVinoNetwork, plain_graph

network = OpenVinoNetwork(plain_graph(builtin_model("centerface").verified_bytes()), Normalisation())
picture = torch.zeros((1, 3, 96, 160), dtype=torch.uint8)
sys.setswitchinterval(1e-6)
both = threading.Barrier(2)

def infer():
    both.wait()
    network.run(picture)

threads = [threading.Thread(target=infer) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
os._exit(0)
"""


def test_first_inference_on_two_threads_does_not_deadlock() -> None:
    """Without the lock, OpenVINO's binding failed one time in three, but only in a process without earlier
    inference."""
    for _ in range(2):
        subprocess.run([sys.executable, "-c", FIRST_AT_ONCE], check=True, timeout=60)
