"""Metrics of single pictures, along the motion of a film, on features of trained networks, and of confidence.

They take pictures (sRGB 0..1, Lab or ab), flow in px, features or confidence, and give numbers.
They know nothing of models, film files, protocols of an evaluation or its tables.
"""
