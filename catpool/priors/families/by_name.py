"""The families that catpool has, by name."""

from collections import ChainMap

from catpool.priors.families.binomial import BINOMIAL
from catpool.priors.families.dispersed import DispersedFamily
from catpool.priors.families.family import FAMILIES, Family
from catpool.priors.families.gamma import Gamma
from catpool.priors.families.negative_binomial import NegativeBinomial
from catpool.priors.families.normal import NORMAL
from catpool.priors.families.overdispersed import OVERDISPERSED
from catpool.priors.families.poisson import POISSON
from catpool.priors.families.tweedie import Tweedie

__all__ = ["DISPERSED_FAMILIES", "FAMILIES", "MIXED_FAMILIES"]

FAMILIES.update({family.name: family for family in (NORMAL, BINOMIAL, POISSON, OVERDISPERSED)})
DISPERSED_FAMILIES: dict[str, DispersedFamily] = {
    family.name: family for family in (NegativeBinomial(), Gamma(), Tweedie())
}
# a view of both, so that what is added to them later is a family of mixed models too; the negative binomial is in both
MIXED_FAMILIES: ChainMap[str, Family | DispersedFamily] = ChainMap(DISPERSED_FAMILIES, FAMILIES)  # type: ignore[arg-type]
