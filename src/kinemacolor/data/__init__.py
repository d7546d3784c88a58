"""Training data: films and photographs become short clips with motion, references and degraded lightness.

Takes folders of films and photographs (`sources`, `index`) and `ClipOptions`; gives `Clip` and `Batch` in Lab.
Clip ``i`` depends on the index, the options, the seed and ``i`` only. Frames and optical flow lie in a store: caches on
the disk, or the memory of the device that trains. A pack has them all as one folder, for another machine.
This package knows nothing of models, losses and recipes.
"""
