"""The devices on which tests of torch code run. On a machine without CUDA, the same code runs on CPU tensors."""

from __future__ import annotations

import pytest
import torch

HAS_CUDA = torch.cuda.is_available()
needs_cuda = pytest.mark.skipif(not HAS_CUDA, reason="there is no CUDA device here")
DEVICES = ["cpu", pytest.param("cuda", marks=needs_cuda)]
