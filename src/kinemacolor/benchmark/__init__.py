"""Measures what colorizing costs: core-seconds, memory and floating-point operations.

Takes names of models, and a film with a reference or the bundled sample; gives rows for the tables of
docs/results.md. `films` times whole films by stage, `networks` the networks alone, against `original_order`;
`throughput` tells in seconds what a machine can train and colorize, without films or weights.
It knows nothing of how good the colours are: that is `kinemacolor.evaluation`.
"""
