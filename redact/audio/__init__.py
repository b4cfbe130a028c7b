"""Redaction of sound.

Time spans are parsed and checked in :mod:`redact.audio.spans`; :func:`redact.audio.editor.make_editor` turns them into
an editor for one sound track, through which the track's samples stream. Within the spans they are muted, covered by a
tone (:mod:`redact.audio.bleep`) or replaced by a synthetic voice (:mod:`redact.audio.disguise`); outside them they are
unchanged, bit for bit. Containers and codecs are handled in :mod:`redact.media`.
"""
