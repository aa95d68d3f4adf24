"""Fitted tables as nodes of an ONNX graph: the features of a row are rows of constants, gathered by slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from catpool.data.columns.categories import MISSING
from catpool.data.columns.crossed import Cells, Paths
from catpool.engines.onnx_graph import Column, Graph
from catpool.models.nested.nested_table import NestedTable
from catpool.models.nested.path_rows import PathRows
from catpool.priors.families.by_name import FAMILIES
from catpool.tables.encoding_table import EncodingTable


def add_table(graph: Graph, table: Any, columns: Mapping[Any, Column]) -> dict[Any, str | None]:
    """Add the features of a fitted table to the graph.

    Parameters
    ----------
    graph : Graph
    table : EncodingTable or NestedTable
    columns : mapping of Column
        The input columns by label.

    Returns
    -------
    dict
        For the label of each column that is encoded, the name of its features, of shape (n, features); None if it has
        none.
    """
    if isinstance(table, NestedTable):
        return _add_levels(graph, table, columns)
    features = [values for _, values in table.named_tables]
    if not features:
        return {table.label: None}
    stacked = np.column_stack(features)
    if not isinstance(table.vocabulary, Cells):
        if table.knows_unseen:
            raise TypeError(
                "ONNX graphs cannot have `prior_features`, from which the means of unseen categories follow, but "
                f'{table.column!r} has some. Pass unknown="nan", or leave them out.'
            )
        return {table.label: graph.gather_rows(stacked, columns[table.label].slots(table.vocabulary))}
    return {table.label: _add_cells(graph, table, table.vocabulary, stacked, columns)}


def _follow_paths(graph: Graph, paths: Paths, slots: Sequence[str]) -> list[str]:
    """Find the number of each row's path on each level, as `Paths.follow` does."""
    steps = [slots[0]]
    for keys, part, slot in zip(paths.keys, paths.parts[1:], slots[1:], strict=True):
        pair = graph.node("Add", graph.node("Mul", steps[-1], graph.constant([[part.size]])), slot)
        steps.append(graph.find_positions(pair, keys))
    return steps


def _add_cells(
    graph: Graph, table: EncodingTable, cells: Cells, values: np.ndarray, columns: Mapping[Any, Column]
) -> str:
    """Add the features of an interaction, whose values by slot have the shape (size, features)."""
    slots = [columns[label].slots(part) for label, part in zip(table.label, cells.paths.parts, strict=True)]
    number = cells.paths.level_size(len(slots) - 1)
    last, none_missing = np.arange(number + 1), np.zeros(number + 1, dtype=bool)
    path = _follow_paths(graph, cells.paths, slots)[-1]
    found = graph.node("Gather", graph.constant(cells.find_slots(last, none_missing)), path)
    missing = reduce(lambda one, other: graph.node("Or", one, other), [graph.equal(slot, MISSING) for slot in slots])
    cell = graph.node("Where", missing, graph.constant([[MISSING]]), found)
    result = graph.gather_rows(values, cell)
    if table.encodings[0].prior.regression is None or table.policy.unknown != "prior":
        return result
    unseen = _add_unseen_cells(graph, table, slots, values)
    return graph.node("Where", graph.equal(cell, cells.size - 1), unseen, result)


def _add_unseen_cells(graph: Graph, table: EncodingTable, slots: Sequence[str], values: np.ndarray) -> str:
    """Add the features of cells without rows: their means follow from the effects of their parts."""
    columns = []
    for item in table.encodings:
        for output in item.values:
            if output not in ("mean", "reliability"):
                raise TypeError(
                    f"ONNX graphs cannot have the output {output!r} of interactions of EmpiricalBayesEncoder, but "
                    f"{table.column!r} is one. Leave this output or the interaction out."
                )
            predicted = output == "mean" and not item.shares
            columns.append(_predict_mean(graph, item.prior.regression, slots) if predicted else None)
    unseen_slot = values[-1:]
    constant = graph.gather_rows(unseen_slot, graph.node("Mul", slots[0], graph.constant([[0]])))
    parts = [
        each or graph.node("Gather", constant, graph.constant([position]), axis=1)
        for position, each in enumerate(columns + [None] * (values.shape[1] - len(columns)))
    ]
    return graph.node("Concat", *parts, axis=1)


def _predict_mean(graph: Graph, sums: Any, slots: Sequence[str]) -> str:
    """Add the effects of a cell's parts and apply the inverse link, as `PartEffects.mean` does."""
    predictor = graph.constant([[sums.intercept]])
    for effects, slot in zip(sums.effects, slots, strict=True):
        predictor = graph.node("Add", predictor, graph.gather_rows(effects[:, None], slot))
    inverse_link = FAMILIES[sums.link].link.onnx_operator
    mean = graph.node(inverse_link, predictor) if inverse_link else predictor
    if not sums.beside:
        return mean
    others = [_predict_mean(graph, each, slots) for each in sums.beside]
    total = reduce(lambda one, other: graph.node("Add", one, other), others)
    return graph.node("Div", mean, graph.node("Add", mean, total))  # the shares of all classes add up to 1


def _add_levels(graph: Graph, table: NestedTable, columns: Mapping[Any, Column]) -> dict[Any, str | None]:
    """Add the features of nested levels, each from the deepest path of the row that is known."""
    slots = [columns[label].slots(part) for label, part in zip(table.labels, table.paths.parts, strict=True)]
    steps = _follow_paths(graph, table.paths, slots)
    result: dict[Any, str | None] = dict.fromkeys(table.labels)
    by_depth = [_features_by_depth(table, missing=missing) for missing in (False, True)]
    for level in table.emitted:
        present, missing = (
            _gather_deepest(graph, table.paths, steps, [features[level] for features in each]) for each in by_depth
        )
        result[table.labels[level]] = graph.node("Where", graph.equal(slots[level], MISSING), missing, present)
    return result


def _features_by_depth(table: NestedTable, *, missing: bool) -> list[dict[int, np.ndarray]]:
    """Compute the features of rows whose path is known down to a level and no deeper.

    Parameters
    ----------
    table : NestedTable
    missing : bool
        Whether the categories of the deeper levels are missing, rather than unseen.

    Returns
    -------
    list of dict
        For each level, the features of its paths, of shape (paths, features), by emitted level.
    """
    paths, counts, result = table.paths, table.counts(), []
    depth = len(paths.parts)
    for level in range(depth):
        steps, number = paths.ancestors(level), paths.level_size(level)
        absent = [paths.slots(above)[step] == MISSING for above, step in enumerate(steps)]
        steps += [np.full(number, paths.level_size(below)) for below in range(level + 1, depth)]
        absent += [np.full(number, missing)] * (depth - level - 1)
        rows = PathRows(paths, table.policy, steps, absent, counts)
        outputs = [rows.outputs(each.levels) for each in table.encodings]
        result.append({emitted: table.level_features(emitted, outputs, steps) for emitted in table.emitted})
    return result


def _gather_deepest(graph: Graph, paths: Paths, steps: Sequence[str], tables: Sequence[np.ndarray]) -> str:
    """Gather the features of each row from the table of the deepest level that its path is known to."""
    result = graph.gather_rows(tables[0], steps[0])
    for level in range(1, len(steps)):
        unknown, zeros = graph.equal(steps[level], paths.level_size(level)), np.zeros((1, tables[level].shape[1]))
        found = graph.gather_rows(np.vstack([tables[level], zeros]), steps[level])
        result = graph.node("Where", unknown, result, found)
    return result
