"""The families that catpool has, by name."""

from catpool.priors.binomial import BINOMIAL
from catpool.priors.family import FAMILIES
from catpool.priors.normal import NORMAL
from catpool.priors.poisson import POISSON

__all__ = ["FAMILIES"]

FAMILIES.update({family.name: family for family in (NORMAL, BINOMIAL, POISSON)})
