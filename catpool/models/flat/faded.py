"""Features of new rows for which the training rows have lost weight since, or effects have drifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from catpool.crossfit.past.row_posteriors import encode_rows
from catpool.crossfit.structure import Blocks
from catpool.crossfit.times import Ages
from catpool.data.frames.frame import Frame, select_columns
from catpool.models.flat.drift_features import drifted_features
from catpool.moments.moments import Moments
from catpool.priors.posterior import rounded_by_sd
from catpool.tables.encoding import Encoding
from catpool.tables.encoding_table import EncodingTable
from catpool.tables.learner import Learner


def later_features(learner: Learner, table: EncodingTable, X: Frame, fade: np.ndarray | Ages) -> Blocks:
    """The features of rows that are later than the training rows.

    Parameters
    ----------
    learner : Learner
    table : EncodingTable
    X : Frame
    fade : ndarray of shape (n,) or Ages
        The share of the training rows' weight that is left for each row, or how much later it is.
    """
    if isinstance(fade, Ages) and any(each.drifted is not None for each in table.encodings):
        return drifted_features(table, select_columns(table.label, X), fade.values / fade.unit)
    fades = [fade.fade(each.half_life) if isinstance(fade, Ages) else fade for each in table.encodings]
    if all(each is None for each in fades):
        return table.features(X)
    return faded_features(learner, table, table.columns(X), fades)


def faded_features(learner: Learner, table: EncodingTable, column: Any, fades: Sequence[np.ndarray | None]) -> Blocks:
    """The features of a column, by its label.

    Parameters
    ----------
    learner : Learner
    table : EncodingTable
    column : object
        Of new rows, as `EncodingTable.slots` takes it.
    fades : sequence of ndarray of shape (n,) or None
        For each encoding, the share of the training rows' weight that is left for each row; None is 1.
    """
    slots, blocks, counts = table.slots(column), [], []
    plain = replace(learner, rounding=0.0) if table.encodings[0].is_moved else learner
    for item, each in zip(table.encodings, fades, strict=True):
        fade = 1.0 if each is None else each
        own = Moments(item.moments.count[slots] * fade, item.moments.total[slots] * fade, np.array(0.0))
        counts.append(own.count)
        encode = partial(_encode, table=table, item=item, own=own, slots=slots)
        rounding = None
        if learner.rounding and item.windows is None:
            rounding = partial(rounded_by_sd, sd=encode(replace(plain, outputs=("sd",)))[0], share=learner.rounding)
        moved = item.moved(dict(zip(learner.outputs, encode(plain), strict=True)), table.policy, slots, rounding)
        blocks.append(np.array([*moved.values()]).reshape(-1, len(slots)).T)
    features = table.arrange(np.hstack(blocks), np.max(counts, axis=0), slots)
    table.fill_unseen(column, slots, features[table.label])
    return features


def _encode(learner: Learner, *, table: EncodingTable, item: Encoding, own: Moments, slots: np.ndarray) -> np.ndarray:
    """The outputs of rows by one of the table's encodings, of shape (outputs, n)."""
    return encode_rows(learner, [own], [item.moments], [table.prior(item)], slots, item.family)[0]
