"""Random small frames of odd values: the laws hold for every public encoder, or catpool says what is wrong."""

import pickle
import sys
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from helpers.nasty_frames import COLUMNS, INDEXES, POOLS, Column, drawn_frames, pick
from helpers.options import values_of
from helpers.public_encoders import PUBLIC, obeying
from hypothesis import Phase, assume, given, reject, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import catpool

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "error::RuntimeWarning")
WHOLE = settings().max_examples
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # tables are small, and shrinking them takes minutes
HOME = str(Path(catpool.__file__).parent)
# not those that are chosen from all rows, as `crossfit="rare"`, whose choice may change with a fold's targets
OPTIONS = ("smoothing", "prior", "prior_scale", "emit", "missing", "unknown", "output", "method", "weight_type")
PAIRS = st.tuples(st.sampled_from(list(INDEXES)), st.sampled_from(list(COLUMNS)))


class RefusedError(Exception):
    """catpool raised a ValueError or TypeError of its own."""


@contextmanager
def answering():
    """An error that catpool raises itself is an answer, and one that it lets through is a fault."""
    try:
        yield
    except (ValueError, TypeError) as error:
        frame = sys.exc_info()[2]
        while frame.tb_next is not None:
            frame = frame.tb_next
        if not frame.tb_frame.f_code.co_filename.startswith(HOME) or type(error) not in (ValueError, TypeError):
            raise
        raise RefusedError(str(error)) from error


def law(of=PUBLIC):
    """Test a law, ``check(public, table, make, data)``, for encoders with random options.

    An example costs some 20 ms, and 200 where a fit iterates, so there are fewer of them than the profile says.
    """

    def decorate(check):
        @pytest.mark.parametrize("public", of, ids=str)
        def test(public):
            few = public.setup.few

            @settings(max_examples=max(1, WHOLE // (100 if public.setup.iterates else 10)), phases=PHASES)
            @given(table=drawn_frames(public.kinds, few=few), data=st.data())
            def holds(table, data):
                make = encoders(public, table, data)
                with warnings.catch_warnings():
                    warnings.simplefilter("error", ConvergenceWarning)
                    try:
                        check(public, table, make, data)
                    except ConvergenceWarning:
                        reject()
                    except RefusedError:
                        pass

            holds()

        test.__doc__ = check.__doc__
        return test

    return decorate


def encoders(public, table, data):
    """A function that makes encoders of one drawn set of options."""
    own = [name for name in OPTIONS if name in public.encoder._parameter_constraints]
    chosen = data.draw(st.lists(st.sampled_from(own), max_size=2, unique=True))
    options = {name: data.draw(st.sampled_from(values_of(public, name))) for name in chosen}

    def make(columns=None, **more):
        labels = list(range(len(table.columns))) if columns is None else list(columns)
        return public.make(labels, target_type=table.kind, **{**options, **more})

    return make


def train(make, table, X=None, y=None, rows=slice(None), columns=None):
    """Out-of-fold encodings, and the encoder; `rows` select and order them."""
    X = table.objects[rows] if X is None else X
    y = table.targets()[rows].tolist() if y is None else y
    weights = None if table.weights is None else table.weights[rows]
    encoder = make(columns, cv=table.cv)
    with answering():
        out = encoder.fit_transform(X, y, sample_weight=weights, groups=table.groups)
    return numbers(out), encoder


def transform(encoder, X):
    with answering():
        return numbers(encoder.transform(X))


def numbers(out):
    """Features as an array of floats; nothing in them is infinite."""
    if isinstance(out, pyarrow.Table):
        out = out.to_pandas()
    array = np.asarray(out.to_numpy() if hasattr(out, "to_numpy") else out, dtype=float)
    assert not np.isinf(array).any()
    return array


def close(found, expected, public, table, tolerance=1e-9):
    """Whether numbers agree; a strength is searched until its likelihood is flat, which leaves half of the digits."""
    searched = 1e-6 if "prior" in public.encoder._parameter_constraints else 0.0
    tolerance = max(tolerance, public.tolerance, searched)
    scale = max(1.0, table.scale, np.nanmax(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


def refusal(function, *arguments, **parameters):
    """What a function returns, or None where catpool refuses."""
    try:
        return function(*arguments, **parameters)
    except RefusedError:
        return None


@law()
def test_the_targets_of_a_fold_move_no_bit_of_its_encodings(public, table, make, data):
    own = table.folds == 0
    known, changed = sorted({*table.y}), table.targets()
    others = {*changed[~own]}
    assume(table.kind in ("continuous", "count") or others == {*known})
    pool = [*known, 1e7] if table.kind == "continuous" and isinstance(known[0], float) else known
    changed[own] = [pool[position] for position in pick(data.draw, int(own.sum()), len(pool))]
    before, after = (refusal(train, make, table, y=each.tolist()) for each in (table.targets(), changed))
    assume(before is not None and after is not None)
    assert before[0][own].tobytes() == after[0][own].tobytes()


@law()
def test_nothing_is_missing_unless_it_was_asked_for(public, table, make, data):
    out, encoder = train(make, table)
    asked = [name for name in ("unknown", "missing") if getattr(encoder, name) == "nan"]
    for values in (out, transform(encoder, table.objects)):
        assert asked or not np.isnan(values).any()
    with answering():
        labels = encoder.columns_ if hasattr(encoder, "columns_") else range(len(table.columns))
        for label in labels:
            encoder.encoding_table(label)
        encoder.summary_  # noqa: B018


@law()
def test_containers_give_the_same_numbers(public, table, make, data):
    expected = refusal(train, make, table)
    index, names = data.draw(PAIRS)
    frames = [containers(column, data) for column in table.columns]
    for library, build in BUILD.items():
        parts = [each[library] for each in frames]
        if all(part is not None for part in parts):
            X = build(parts, INDEXES[index](len(table)), COLUMNS[names])
            labels = list(COLUMNS[names]) if library == "pandas" else ["a", "b"][: len(parts)]
            found = refusal(train, make, table, X=X, columns=labels[: len(parts)])
            assert (found is None) == (expected is None)
            if found is not None:
                close(found[0], expected[0], public, table)
                close(transform(found[1], X), transform(expected[1], table.objects), public, table)


BUILD = {
    "pandas": lambda parts, index, names: (
        pd.DataFrame(dict(enumerate(part.set_axis(index) for part in parts)), index=index).set_axis(
            names[: len(parts)], axis=1
        )
        if index.is_unique
        else pd.concat(parts, axis=1).set_axis(index, axis=0).set_axis(names[: len(parts)], axis=1)
    ),
    "polars": lambda parts, index, names: polars.DataFrame(dict(zip("ab", parts, strict=False))),
    "arrow": lambda parts, index, names: pyarrow.table(dict(zip("ab", parts, strict=False))),
}


def containers(column, data):
    """The column in one drawn form of each library that can hold it."""
    forms = {"pandas": column.in_pandas(), "polars": column.in_polars(), "arrow": column.in_arrow()}
    return {library: data.draw(st.sampled_from(each)) if each else None for library, each in forms.items()}


@law()
def test_out_of_fold_is_a_refit_for_each_fold(public, table, make, data):
    out, _ = train(make, table)
    X, y = table.objects, table.targets()
    for fold in set(table.folds.tolist()):
        test = table.folds == fold
        if table.kind in ("binary", "multiclass") and {*y[~test]} != {*y}:
            continue
        weights = None if table.weights is None else table.weights[~test]
        with answering():
            refitted = make().fit(X[~test], y[~test].tolist(), sample_weight=weights)
        close(out[test], transform(refitted, X[test]), public, table, 1e-6)


@law()
def test_order_and_names_of_categories_do_not_matter(public, table, make, data):
    order = np.array(data.draw(st.permutations(range(len(table)))))
    moved = replace(table, columns=[renamed(column, order, data) for column in table.columns])
    moved = replace(moved, y=table.targets()[order].tolist(), cv=table.folds[order], groups=None)
    moved = replace(moved, weights=None if table.weights is None else table.weights[order])
    plain = replace(table, cv=table.folds, groups=None)
    expected, found = (refusal(train, make, each) for each in (plain, moved))
    assert (found is None) == (expected is None)
    if found is not None:
        close(found[0], expected[0][order], public, table)
        close(transform(found[1], moved.objects), transform(expected[1], table.objects)[order], public, table)


def renamed(column, order, data):
    """The column in another order of its rows, with other categories."""
    sorts = [sort for sort in POOLS if len(POOLS[sort]) >= column.codes.max() + 1]
    sort = data.draw(st.sampled_from(sorts))
    return Column(sort, data.draw(st.permutations(POOLS[sort])), column.codes[order])


@law()
def test_saved_encoders_are_the_same(public, table, make, data):
    _, encoder = train(make, table)
    table = replace(table, columns=[replace(column, codes=column.codes[::-1]) for column in table.columns])
    expected = transform(encoder, table.objects)
    others = [pickle.loads(pickle.dumps(encoder))]
    text = refusal(written, encoder.set_params(cv=2))
    if text is not None:
        others.append(type(encoder).from_json(text))
        assert others[-1].to_json() == text
    for other in others:
        assert transform(other, table.objects).tobytes() == expected.tobytes()
    again, _ = train(lambda columns, **parameters: clone(encoder).set_params(**parameters), table)
    assert again.tobytes() == train(make, table)[0].tobytes()


def written(encoder):
    with answering():
        return encoder.to_json()


@law(obeying("parts"))
def test_parts_teach_what_all_rows_teach(public, table, make, data):
    X, y, weights = table.objects, table.targets(), table.weights
    weights = np.ones(len(table)) if weights is None else weights
    cuts = sorted(data.draw(st.lists(st.integers(1, len(table) - 1), min_size=1, max_size=3, unique=True)))
    rows = np.split(np.array(data.draw(st.permutations(range(len(table))))), cuts)
    stream, merged = make(cv=2), None
    with answering():
        for part in rows:
            stream.partial_fit(X[part], y[part].tolist(), sample_weight=weights[part])
            own = make(cv=2).fit(X[part], y[part].tolist(), sample_weight=weights[part])
            merged = own if merged is None else merged.merge(own)
        at_once = make(cv=2).fit(X, y.tolist(), sample_weight=weights)
    for other in (stream, merged):
        close(transform(other, X), transform(at_once, X), public, table)
