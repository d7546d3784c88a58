"""Moves a training run to a GPU machine and back, in files small enough for its transfers.

Takes a recipe with its films, photographs, weights and newest checkpoint; gives the checkpoint, log and weights of the
longer run. In both directions one compressed archive travels, cut into pieces that an index with their sha256
describes. It knows nothing of how files reach the machine: the user, or another program, copies them.

`working_tree`, `wheels`, `training_data` and `packing` run before the transfer, `gpu_job` and `shards` on the GPU
machine, `joining` after it. Only `packing` and `training_data` import `kinemacolor`; the modules for the GPU machine
need the standard library alone.
"""
