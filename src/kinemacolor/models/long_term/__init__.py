"""The model `long-term` (Chen et al. 2023): blocks of frames, linked by a memory of tokens.

It takes lightness and a state, and gives ab and confidence, as every model of `kinemacolor.models.base`.
`cnn_transformer` has the layers that its subnets share, `model` the network. Nothing here knows how the weights were
trained or where they are stored.
"""
