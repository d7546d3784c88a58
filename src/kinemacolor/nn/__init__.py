"""Building blocks that networks share: attention, backbones, layers, partial references, precision.

All take and give tensors; every docstring states its shapes. Descriptors are unit vectors, colours are ab in Lab units.
Nothing here knows a model, a film, a file or a training run.
"""
