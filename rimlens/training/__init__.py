"""Training: recipes, stored simulations, and the fits of solvers and of autoencoders.

`rimlens.training.solver` and `rimlens.training.autoencoder` each have a recipe, a fit and scores;
`rimlens.training.simulations` writes and reads the simulations that a solver is trained on.  Only
the command line imports this subpackage.
"""
