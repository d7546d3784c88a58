"""The model `kinema`: matching, semantic colours, and the fusion of both.

It takes lightness and a state, and gives ab and confidence, as every model of `kinemacolor.models.base`.
`matching` has no weights, `semantic` and `fusion` are small networks, `model` joins them. Nothing here knows how the
weights were trained or where they are stored.
"""
