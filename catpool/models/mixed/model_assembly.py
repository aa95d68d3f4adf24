"""How fits of a standardized design become one model in the user's units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.models.mixed.average_variances import Weighted
from catpool.models.mixed.design import DesignScales
from catpool.models.mixed.fitted_model import MixedModel, average_models, rescale_fit, rescale_target
from catpool.models.mixed.joint_posterior import join_fits
from catpool.models.mixed.mixed_options import MixedOptions
from catpool.models.mixed.solver.mixed_fit import MixedFit, limit_threads
from catpool.priors.families.dispersed import DispersedFamily
from catpool.priors.families.family import Family


@frozen
class ModelAssembly:
    """How fits of a standardized design become one model in the user's units.

    Parameters
    ----------
    scales : DesignScales
    unit : float
        The unit of the target that was fitted.
    family : Family or DispersedFamily
    options : MixedOptions
    keep_posterior : bool
        Whether the model keeps its joint posterior. Models of folds need none.
    """

    scales: DesignScales
    unit: float
    family: Family | DispersedFamily
    options: MixedOptions
    keep_posterior: bool

    def assemble(self, fits: Weighted, *, center: float, freedom: float, method: str) -> MixedModel:
        """The model of one fit, or the mixture of several.

        Parameters
        ----------
        fits : list of tuple
            The probability of each fit, and the fit.
        center : float
            The value that the target was measured from.
        freedom : float
            Degrees of freedom of the residual variance; infinite if it is known.
        method : str
            The `MixedModel.method` of one fit.
        """
        with limit_threads(fits[0][1].equations.system):
            models = [self._model(fit, center, freedom, method) for _, fit in fits]
        averaged = len(fits) > 1
        model = average_models(models, [probability for probability, _ in fits], freedom) if averaged else models[0]
        if not self.keep_posterior or model.solver != "exact":
            return model
        degrees = freedom if averaged else np.inf  # variances count as known in a model of one fit
        posterior = join_fits(fits, self.scales, center=center, unit=self.unit, freedom=degrees)
        return replace(model, posterior=posterior)

    def _model(self, fit: MixedFit, center: float, freedom: float, method: str) -> MixedModel:
        reml = self.options.reml and self.family.homoscedastic
        model = rescale_fit(fit, self.scales, center, reml=reml, method=method, family=self.family.name)
        return model if self.unit == 1 else rescale_target(model, self.unit, freedom)
