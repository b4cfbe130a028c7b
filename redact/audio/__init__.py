"""Sound edits: what a copy lets be heard.

Spans of time are read and checked in :mod:`redact.audio.spans`; :func:`redact.audio.editor.make_editor` turns them into
an editor for one sound track, through which the track's samples stream: silenced, covered by a tone
(:mod:`redact.audio.bleep`) or spoken by a machine (:mod:`redact.audio.disguise`) inside of the spans, bit for bit the
same outside of them. The room knows nothing of containers and codecs.
"""
