"""Moves a training run to a GPU machine and back, in files small enough for its transfers.

Takes a recipe with its films, photographs, weights and newest checkpoint; gives the checkpoint, log and weights of the
longer run. In both directions one compressed archive travels, cut into pieces that an index with their sha256
describes. It knows nothing of how files reach the machine: the user, or another program, copies them.

`wheels` and `packing` run before the transfer, `machine` on the GPU machine, `shards` there and after it. `packing` and
`programs`, which `machine` starts as processes, import `kinemacolor`; the others need the standard library alone.
"""
