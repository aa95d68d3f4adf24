"""`Fingerprint`, which recognizes the training rows in ``transform``, and the warning about them."""

from __future__ import annotations

import sys
import warnings
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frames.frame import Frame
from catpool.data.frozen import frozen
from catpool.data.verify import require

SAMPLE = 256  # rows that are hashed; all of them would take longer than encoding them
VALUES = 1 << 14  # the most values that are hashed, so that tables of many columns have fewer rows in the sample
FEWEST = 8  # rows that are hashed in any case
FRAMES = 40  # of the call stack, in which a pipeline that predicts is looked for
PREDICTING = {"predict", "predict_proba", "predict_log_proba", "decision_function", "score", "score_samples"}


class TrainingRowsWarning(UserWarning):
    """The rows that an encoder was fitted on were passed to its ``transform``.

    ``transform`` encodes rows with what was learned from all training rows. For a training row that includes its own
    target, so a model that is trained on the result learns to read the target off the features, and scores far better
    on its training rows than on new ones. ``fit_transform`` encodes each training row from other rows.

    Training rows are recognized by their number, and by the index and all columns of up to about 500 of them. There is
    no warning where a scikit-learn pipeline predicts or scores, because no model learns there.

    See Also
    --------
    EmpiricalBayesEncoder.fit_transform : Encode training rows out of fold.

    Examples
    --------
    Silence the warning to look at the encodings of training rows. One line does it for the whole program:
    ``warnings.simplefilter("ignore", catpool.TrainingRowsWarning)``.

    >>> import warnings
    >>> from catpool import MeanEncoder, TrainingRowsWarning
    >>> X, y = [["a"], ["a"], ["b"]], [1.0, 2.0, 3.5]
    >>> encoder = MeanEncoder().fit(X, y)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", TrainingRowsWarning)
    ...     encoder.transform(X).ravel()
    array([1.5, 1.5, 3.5])
    """


@frozen
class Fingerprint:
    """The number of the training rows, and a hash of the values and the index of some of them.

    Parameters
    ----------
    rows : int
    sample : str
        The hash, in hexadecimal. It is the same in all processes.
    """

    rows: int
    sample: str

    def matches(self, X: Frame, labels: list[Any]) -> bool:
        """Whether X is the training rows, judged by their columns. A single row never matches."""
        if not len(X) == self.rows > 1 or not set(labels) <= set(X.labels):
            return False
        return Fingerprint.compute(X, labels).sample == self.sample

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a fingerprint."""
        require(self.rows >= 0, f"{self.rows} rows")

    @classmethod
    def compute(cls, X: Frame, labels: list[Any]) -> Fingerprint:
        """Compute the fingerprint of some columns of X."""
        sample = max(FEWEST, min(SAMPLE, VALUES // max(1, len(labels))))
        step = max(1, len(X) // sample)
        sampled = X.every(step)  # before columns are converted, which takes time in proportion to the rows
        texts = [_write(sampled.column(label)) for label in labels]
        index = sampled.index()
        texts.append("" if index is None else _write(index))
        return cls(len(X), sha256("".join(texts).encode()).hexdigest())


def _write(values: Any) -> str:
    """Write values as text that does not depend on the library they come from."""
    objects = np.asarray(values, dtype=object)  # the values, whatever the dtype, because frames may be converted
    missing = pd.isna(objects)
    return repr((np.where(missing, np.array(None), objects) if missing.any() else objects).tolist())


def warn_of_training_rows() -> None:
    """Warn, unless a pipeline of scikit-learn predicts, where no model learns from the result."""
    if _is_predicting():
        return
    warnings.warn(
        "transform was given the very rows that the encoder was fitted on, so each row's own target is in its "
        "features. To train a model on these rows, call fit_transform(X, y), which encodes them out of fold. To only "
        'look at the encodings, call warnings.simplefilter("ignore", catpool.TrainingRowsWarning).',
        TrainingRowsWarning,
        stacklevel=4,
    )


def _is_predicting() -> bool:
    """Whether a pipeline of scikit-learn that predicts or scores is among the callers."""
    frame = sys._getframe(1)
    for _ in range(FRAMES):
        if frame.f_globals.get("__name__") == "sklearn.pipeline" and frame.f_code.co_name in PREDICTING:
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False
