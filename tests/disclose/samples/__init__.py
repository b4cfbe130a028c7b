"""Realistic sample logs: one for court, one for FOI with planted secrets, one for a data subject."""

from tests.disclose.samples.building_blocks import AUDIT_HEAD, CODES, MADE, Hidden, at, masks, release, sha
from tests.disclose.samples.court import court_log, filed_court_log
from tests.disclose.samples.foi import SECRETS, foi_log
from tests.disclose.samples.pictures import mask_samples, stills
from tests.disclose.samples.subject_access import subject_access_log

__all__ = [
    "AUDIT_HEAD",
    "CODES",
    "MADE",
    "SECRETS",
    "Hidden",
    "at",
    "court_log",
    "filed_court_log",
    "foi_log",
    "mask_samples",
    "masks",
    "release",
    "sha",
    "stills",
    "subject_access_log",
]
