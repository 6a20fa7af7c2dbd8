"""Recipes: TOML files that say all that a training, or a set of simulations, depends on.

Recipes of solvers are offered by `rimlens.training.solver`, those of autoencoders by
`rimlens.training.autoencoder`.
"""
