"""Leak metrics against ground truth."""

from redact.evaluate.leaks import ClassFigures, Leak, Report, evaluate
from redact.evaluate.pixels import PixelReport, evaluate_pixels, masked_pixels
from redact.evaluate.truth import Truth, TruthObject, read_truth

__all__ = [
    "ClassFigures",
    "Leak",
    "PixelReport",
    "Report",
    "Truth",
    "TruthObject",
    "evaluate",
    "evaluate_pixels",
    "masked_pixels",
    "read_truth",
]
