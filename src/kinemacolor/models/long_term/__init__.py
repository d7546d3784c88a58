"""The model `long-term` (Chen et al. 2023): blocks of frames, linked by a memory of tokens.

It takes lightness and a state, and gives ab and confidence, as every model of `kinemacolor.models.base`.
`subnets` are its parts, `cnn_transformer` the layers that they share, `model` the network, `small` the same with fewer
channels.
Nothing here knows how the weights were trained or where they are stored.
"""
