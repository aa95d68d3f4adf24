"""Fitted tables as nodes of an ONNX graph: which rows of which constants a row of the data takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from catpool.data.categories import MISSING
from catpool.data.crossed import Cells, Paths
from catpool.engines.onnx_graph import Column, Graph
from catpool.models.nested.nested_learner import LevelTables
from catpool.models.nested.nested_table import NestedTable
from catpool.tables.encoding_table import EncodingTable


def features_of(graph: Graph, table: Any, columns: Mapping[Any, Column]) -> dict[Any, str | None]:
    """What a table gives of columns, of shape (n, features), by the label of the column whose place it takes."""
    if isinstance(table, NestedTable):
        return _of_levels(graph, table, columns)
    values = [own for _, own in table.named_tables]
    if not values:
        return {table.label: None}
    stacked = np.column_stack(values)
    if not isinstance(table.vocabulary, Cells):
        return {table.label: graph.taken(stacked, columns[table.label].slots(table.vocabulary))}
    return {table.label: _of_cells(graph, table, table.vocabulary, stacked, columns)}


def _paths(graph: Graph, paths: Paths, slots: Sequence[str]) -> list[str]:
    """As `Paths.follow`."""
    steps = [slots[0]]
    for keys, part, own in zip(paths.keys, paths.parts[1:], slots[1:], strict=True):
        pair = graph.node("Add", graph.node("Mul", steps[-1], graph.constant([[part.size]])), own)
        steps.append(graph.numbered(pair, keys))
    return steps


def _of_cells(
    graph: Graph, table: EncodingTable, cells: Cells, values: np.ndarray, columns: Mapping[Any, Column]
) -> str:
    slots = [columns[label].slots(part) for label, part in zip(table.label, cells.paths.parts, strict=True)]
    number = cells.paths.level_size(len(slots) - 1)
    last, everyone = np.arange(number + 1), np.zeros(number + 1, dtype=bool)
    found = graph.node(
        "Gather", graph.constant(cells.find_slots(last, everyone)), _paths(graph, cells.paths, slots)[-1]
    )
    missing = reduce(lambda one, other: graph.node("Or", one, other), [graph.equal(own, MISSING) for own in slots])
    own = graph.node("Where", missing, graph.constant([[MISSING]]), found)
    result = graph.taken(values, own)
    if table.encodings[0].prior.mains is None or table.policy.unknown != "prior":
        return result
    unseen = _of_parts(graph, table, slots, values)
    return graph.node("Where", graph.equal(own, cells.size - 1), unseen, result)


def _of_parts(graph: Graph, table: EncodingTable, slots: Sequence[str], values: np.ndarray) -> str:
    """The features of cells without rows, from the effects of their parts."""
    columns = []
    for item in table.encodings:
        for output in item.values:
            if output not in ("mean", "reliability"):
                raise TypeError(f"ONNX has no formula here for {output!r} of cells never seen. Leave that output out.")
            columns.append(_mean(graph, item.prior.mains, slots) if output == "mean" else None)
    rest = values[-1:]  # of the slot of the unseen
    constant = graph.taken(rest, graph.node("Mul", slots[0], graph.constant([[0]])))
    parts = [
        each or graph.node("Gather", constant, graph.constant([position]), axis=1)
        for position, each in enumerate(columns + [None] * (values.shape[1] - len(columns)))
    ]
    return graph.node("Concat", *parts, axis=1)


def _mean(graph: Graph, sums: Any, slots: Sequence[str]) -> str:
    """As `Sums.mean`."""
    predictor = graph.constant([[sums.intercept]])
    for effects, own in zip(sums.effects, slots, strict=True):
        predictor = graph.node("Add", predictor, graph.taken(effects[:, None], own))
    function = {"binomial": "Sigmoid", "poisson": "Exp"}.get(sums.link)
    mean = graph.node(function, predictor) if function else predictor
    if not sums.beside:
        return mean
    total = reduce(
        lambda one, other: graph.node("Add", one, other), [_mean(graph, each, slots) for each in sums.beside]
    )
    return graph.node("Div", mean, graph.node("Add", mean, total))


def _of_levels(graph: Graph, table: NestedTable, columns: Mapping[Any, Column]) -> dict[Any, str | None]:
    """The features of each level, from those of the deepest path of each row that is known."""
    slots = [columns[label].slots(part) for label, part in zip(table.labels, table.paths.parts, strict=True)]
    steps = _paths(graph, table.paths, slots)
    result: dict[Any, str | None] = dict.fromkeys(table.labels)
    known = [_known(table, missing=missing) for missing in (False, True)]
    for level in table.emitted:
        whole, gone = (_deepest(graph, table.paths, steps, [own[level] for own in each]) for each in known)
        result[table.labels[level]] = graph.node("Where", graph.equal(slots[level], MISSING), gone, whole)
    return result


def _known(table: NestedTable, *, missing: bool) -> list[dict[int, np.ndarray]]:
    """For each level, the features of rows that are known to it and no deeper, of shape (paths, features), by level."""
    paths, counts, result = table.paths, table.counts(), []
    depth = len(paths.parts)
    for level in range(depth):
        steps, number = paths.ancestors(level), paths.level_size(level)
        gone = [paths.slots(above)[step] == MISSING for above, step in enumerate(steps)]
        steps += [np.full(number, paths.level_size(below)) for below in range(level + 1, depth)]
        gone += [np.full(number, missing)] * (depth - level - 1)
        rows = [LevelTables(paths, each.levels, table.policy).rows(steps, gone, counts) for each in table.encodings]
        result.append({emitted: table.features(emitted, rows, steps) for emitted in table.emitted})
    return result


def _deepest(graph: Graph, paths: Paths, steps: Sequence[str], tables: Sequence[np.ndarray]) -> str:
    """Of each row the features of the deepest level that its path is known to."""
    result = graph.taken(tables[0], steps[0])
    for level in range(1, len(steps)):
        unknown, nothing = graph.equal(steps[level], paths.level_size(level)), np.zeros((1, tables[level].shape[1]))
        own = graph.taken(np.vstack([tables[level], nothing]), steps[level])
        result = graph.node("Where", unknown, result, own)
    return result
