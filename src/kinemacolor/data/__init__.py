"""Training data: films and photographs become short clips with motion, references and degraded lightness.

Takes folders of films and photographs (`sources`, `index`) and `ClipOptions`; gives `Clip` and `Batch` in Lab.
Clip ``i`` depends on the index, the options, the seed and ``i`` only. Frames and optical flow are cached on disk.
This package knows nothing of models, losses and recipes.
"""
