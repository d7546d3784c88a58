"""Runs a model over the frames of one shot and brings its predictions to the size of the film.

Takes a model, references as sRGB pictures and the luma of consecutive frames; gives ab and confidence for each
(`Session`), the Cb and Cr codes of the film (`ChromaPostprocessor`), and where colours come from (`Attribution`).
`keyframes` says which runs a shot with keyframes needs. It knows nothing of plans, work folders or writing films.
"""
