"""Measures what colorizing costs: core-seconds, memory and floating-point operations.

Takes names of models, films with a reference, and other installed versions of this program (`variants`); gives rows for
the tables of docs/results.md. `comparison` times variants in turn with the `films` that it is given, `stage_probe` the
stages inside of a job; `networks` times the networks alone, against `original_order`; `throughput` tells in seconds
what a machine can train and colorize, without films or weights.
It knows nothing of how good the colours are: that is `kinemacolor.evaluation`.
"""
