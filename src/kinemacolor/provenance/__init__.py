"""What is known of a result: a record beside it, ``RESULT.kinemacolor.json``, enough to make it again.

Takes a plan, a report and digests; gives `Record`, one JSON file. Who renders writes it (`rendering.recording`), and
`rendering.again` reads it; `verify` does by code of its own.
"""
