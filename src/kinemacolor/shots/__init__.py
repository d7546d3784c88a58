"""Finds where the shots of a gray film begin and end, and reads and writes lists of shots.

Detectors take a stream of gray frames (`H W`, uint8), read it once, and give a list of `Boundary`; from these come the
`Shot` objects that cover a film, stored as CSV, EDL or OpenTimelineIO.
Nothing here knows of colours, references or the models that colorize.
"""
