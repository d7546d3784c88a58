"""Measures models on films whose true colours are known.

Takes colour films and names of models; gives one `FilmResult` for each film and model, CSV tables and an HTML page.
`protocol` chooses the reference and runs a model, `measure` compares its frames with the true ones, `runs` does so
for many films in parallel. It knows nothing of training, of render plans, or of how a film is written.
"""
