"""Plans: which shots a film has, and which references and options colour each of them.

Takes a film and references (`PlanRequest`); gives a `Plan`, a JSON file that a person may edit, and suggests frames
that are worth colouring. Similarity comes from any `FrameEncoder`; `frame_encoder` alone imports torch. The package
knows nothing of how a model colours frames, nor of how a film is written.
"""
