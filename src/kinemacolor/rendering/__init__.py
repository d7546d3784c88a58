"""Renders a plan as a film, resumable at any moment; the public functions of the library (`api`) are here too.

Takes a `Plan` and a model; gives a film and a `RenderReport`. `passes` derives the runs of the model over frames,
`inference_pass` makes their predictions ("paints" frames), `cache` stores these, `blend` mixes them to one prediction a
frame, `renderer` writes the film, `commit` gives all results their names, `ownership` keeps others from writing them.
`scheduler` hands passes to workers, `local_workers` are processes of this machine; `side_by_side` renders with them.
The package knows nothing of how a model works, of other machines or of users.
"""
