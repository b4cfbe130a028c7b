"""Failures of devices, models and their training."""

from __future__ import annotations

from redact.errors.base import BadUsage, RedactError


class UnknownClass(BadUsage):
    """No loaded detector finds a class of this name."""

    code = "R101"


class DeviceMissing(RedactError):
    """The requested device is not available."""

    code = "R400"


class ModelMissing(RedactError):
    """The weights of a model are missing from the disk."""

    code = "R401"


class ModelHashMismatch(RedactError):
    """The weights on the disk do not match the SHA-256 in the registry."""

    code = "R402"


class ModelUnusable(RedactError):
    """Weights cannot be loaded, or their output is not that of a detector."""

    code = "R403"


class RegistryInvalid(RedactError):
    """A model registry cannot be read or has an entry that is not allowed."""

    code = "R405"


class ModelNotTrusted(RedactError):
    """The weights file contains code, and the user has not confirmed that they trust its origin."""

    code = "R406"
    unharmed = "Nothing in it was run."


class ModelExists(RedactError):
    """A model of this name, or with exactly these weights, is already registered."""

    code = "R407"
    unharmed = "The registered models were not changed."


class DeviceMemoryShort(RedactError):
    """The graphics card has too little free memory for a single picture."""

    code = "R410"


class TrainingUnusable(RedactError):
    """A detector cannot be trained on these pictures, labels or checkpoint."""

    code = "R510"
    unharmed = "No weights were written."
