"""The colour references that a user gives: names, places in the film, and pictures.

Takes the text of a -r (`ReferenceSpec`); gives single pictures (`Reference`), and their pixels with the sha256 of the
file, read once (`LoadedReference`, `ReferenceReader`). It needs no torch, and knows nothing of shots, plans or how a
model uses a reference.
"""
