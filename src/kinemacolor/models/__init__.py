"""Models that colour gray frames from colour references: `kinema`, three published networks, two baselines.

All share one interface (`base`): a model takes lightness ``B T 1 h w``, L 0..100, and a state made from references,
and gives ab, confidence and the next state. Models know nothing of films, files, codecs, sessions or losses.
"""
