"""Weights of red and blue in luma, for converting between RGB and YUV."""

from __future__ import annotations

KR_KB = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601, 625 lines
    6: (0.299, 0.114),  # BT.601, 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020, non-constant luminance
    10: (0.2627, 0.0593),  # BT.2020, constant luminance: the same for grey, near for colours
}
"""(KR, KB) by FFmpeg's matrix number (ITU-T H.273, table 4)."""
BT601 = KR_KB[5]
