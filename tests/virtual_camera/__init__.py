"""Turns annotated stills into clips of a moving camera with exact truth."""

from tests.virtual_camera.camera import Counting, VirtualCamera, make_clip
from tests.virtual_camera.imaging import Condition
from tests.virtual_camera.scene import drawn_scene
from tests.virtual_camera.stills import Box, Still, require_shared_data, shared_data, shared_stills

__all__ = [
    "Box",
    "Condition",
    "Counting",
    "Still",
    "VirtualCamera",
    "drawn_scene",
    "make_clip",
    "require_shared_data",
    "shared_data",
    "shared_stills",
]
