"""The points and weights of Gauss-Hermite quadrature, for expectations over a standard normal variable."""

from numpy.polynomial import hermite_e

POINTS = 15  # which are exact for polynomials of degree 29

NODES, WEIGHTS = hermite_e.hermegauss(POINTS)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
