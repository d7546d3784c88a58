"""Training: a recipe becomes trained weights in the folder of a run.

Takes a `Recipe` (`recipe_file.read_recipe`); `trainer.train` gives checkpoints, logs and a file of weights, resumable.
A model is used through `Colorizer.init_state` and `Colorizer.forward` only: nothing here knows what is inside of it.
Clips come from `kinemacolor.data`, the equations of the losses from `kinemacolor.losses`.
"""
