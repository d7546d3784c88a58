"""Engines: what computes the networks. Torch always can; OpenVINO and CUDA graphs do the same sooner, where they are.

Takes modules whose inputs and outputs are tensors, and gives functions that are called as these are.
"""
