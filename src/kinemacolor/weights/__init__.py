"""The weights of models and of measuring networks: stored, verified, loaded, imported and exported.

Takes the name of a model; gives the model with its weights (`load_model`), or what is known of them without loading
(`manifest`). Published files are read without ever executing what is in them. The package knows nothing of films,
references or training.
"""
