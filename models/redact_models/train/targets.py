"""Training targets and loss of the plate network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812 - its conventional name

from redact.detect.plates import STRIDE

MIDDLE_WIDE = 0.16
MIDDLE_HIGH = 0.22
"""Spread of the target around a plate's centre, as shares of its width and height."""
LEAST_SPREAD = 0.5
"""Smallest spread, in cells; without it, the smallest plates would have no target."""
INSIDE = 0.3
"""Distances are learnt in cells with at least this target."""
CELLS = 24.0
"""Largest weight of a plate in the plate map, in cells; without it, near plates would dominate."""
SHORTEST = 0.25
"""Shortest distance, in cells."""
DISTANCE_WEIGHT = 1.0
EPSILON = 1e-6


def targets(
    boxes: NDArray[np.float32], ignore: NDArray[np.float32], rows: int, columns: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One picture's targets: ``maps`` (6, rows, columns): plate map, four log distances in cells, weight of the
    distances; and ``weight`` (rows, columns) of the plate map. Boxes are xyxy pixels of the network's input."""
    x = np.arange(columns, dtype=np.float32) + 0.5
    y = np.arange(rows, dtype=np.float32) + 0.5
    maps = np.zeros((6, rows, columns), np.float32)
    weight = np.ones((rows, columns), np.float32)
    for left, top, right, bottom in ignore / STRIDE:
        weight[int(max(top, 0)) : int(np.ceil(bottom)), int(max(left, 0)) : int(np.ceil(right))] = 0
    for left, top, right, bottom in boxes / STRIDE:
        wide, high = right - left, bottom - top
        across = np.exp(-(((x - (left + right) / 2) / max(MIDDLE_WIDE * wide, LEAST_SPREAD)) ** 2) / 2)
        down = np.exp(-(((y - (top + bottom) / 2) / max(MIDDLE_HIGH * high, LEAST_SPREAD)) ** 2) / 2)
        bump = down[:, None] * across[None]
        # The cell nearest to the centre gets the full target.
        bump /= max(float(bump.max()), EPSILON)
        better = bump > maps[0]
        area = max(wide * high, 1.0)
        part = (slice(int(max(top, 0)), int(np.ceil(bottom))), slice(int(max(left, 0)), int(np.ceil(right))))
        weight[part] = min(1.0, (CELLS / area) ** 0.5)
        inside = better & (bump >= INSIDE)
        far = np.broadcast_arrays(x[None] - left, y[:, None] - top, right - x[None], bottom - y[:, None])
        logs = np.log(np.maximum(np.stack(far), SHORTEST))
        maps[1:5, inside] = logs[:, inside]
        maps[5, inside] = 1.0 / max(int(inside.sum()), 1)
        np.maximum(maps[0], bump, out=maps[0])
    return maps, weight


def loss(prediction: torch.Tensor, maps: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The losses of the plate map and of the distances. ``prediction`` (B, 5, h, w), ``maps`` (B, 6, h, w), ``weight``
    (B, h, w).

    The plate map has the quality focal loss of Li et al., "Generalized Focal Loss", 2020; the distances have the
    generalised intersection over union of Rezatofighi et al., 2019, and a smooth difference of logarithms.
    """
    logit, target = prediction[:, 0].float(), maps[:, 0]
    off = (target - logit.sigmoid()).abs().square()
    plates = maps[:, 5].sum().clamp(min=1.0)
    each = F.binary_cross_entropy_with_logits(logit, target, reduction="none")
    plate = (off * each * weight).sum() / plates
    rows = maps[:, 5] > 0
    share = maps[:, 5][rows]
    found = prediction[:, 1:].float().permute(0, 2, 3, 1)[rows]
    wanted = maps[:, 1:5].permute(0, 2, 3, 1)[rows]
    apart = F.smooth_l1_loss(found, wanted, reduction="none", beta=0.1).sum(1)
    distance = ((apart + 1 - _giou(found.clamp(max=6).exp(), wanted.exp())) * share).sum() / plates
    return plate, DISTANCE_WEIGHT * distance


def _giou(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Generalised intersection over union of boxes given by their (n, 4) distances from a common point."""
    low, high = torch.minimum(one, other), torch.maximum(one, other)
    shared = (low[:, 0] + low[:, 2]) * (low[:, 1] + low[:, 3])
    hull = (high[:, 0] + high[:, 2]) * (high[:, 1] + high[:, 3])
    areas = [(d[:, 0] + d[:, 2]) * (d[:, 1] + d[:, 3]) for d in (one, other)]
    union = areas[0] + areas[1] - shared
    return shared / (union + EPSILON) - (hull - union) / (hull + EPSILON)
