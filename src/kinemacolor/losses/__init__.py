"""Loss functions: what training minimises.

They take predicted and true tensors (ab or Lab in Lab units, feature maps, scores, confidence 0..1) and give one
number in float32 or wider, no less than 0 unless its docstring says otherwise.
They know nothing of models, recipes, weights of terms or optimizers.
"""
