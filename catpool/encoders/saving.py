"""Save and load fitted encoders, including files of version 1."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from catpool.data.columns.crossed import Cells, Paths
from catpool.data.targets.target import Target
from catpool.data.targets.target_kinds import TARGET_KINDS
from catpool.data.verify import require_one_of
from catpool.tables.codec import to_plain
from catpool.tables.field_types import checked
from catpool.tables.fitted import Fitted
from catpool.tables.json_file import read_json, refusing_damage, write_json

State = TypeVar("State")
RENAMED = {("MixedModelEncoder", "method"): "prior"}  # parameters of earlier files
LONGEST_PATH, LONGEST_SHOWN = 1000, 60  # characters


def write_encoder(owner: str, parameters: dict[str, Any], fitted: Any, path: str | Path | None) -> str | None:
    """The JSON of an encoder of class `owner`, or None where it is written to a path."""
    try:
        text = write_json(owner, parameters, {"state": fitted})
    except TypeError as error:
        where = _name_culprit(fitted) if isinstance(fitted, Fitted) else "A label of X is"
        raise TypeError(
            f"{where} {error}, which cannot be written as JSON. Convert it to strings, or pickle the encoder."
        ) from error
    if path is None:
        return text
    Path(path).write_text(text, encoding="utf-8")
    return None


def read_encoder(
    source: str | Path, owner: str, known: Collection[str], state_class: type[State]
) -> tuple[dict[str, Any], State]:
    """The parameters and fitted state of an encoder of class `owner`, whose parameters are known."""
    version, parameters, state = read_json(_read_text(source), owner)
    with refusing_damage():
        if version == 1:
            parameters, state = _from_version_1(parameters, state)
        parameters = {RENAMED.get((owner, name), name): value for name, value in parameters.items()}
        require_one_of(known, parameters=tuple(parameters))
        fitted = state.get("state")
        if len(state) != 1 or not isinstance(fitted, state_class):
            raise ValueError(f"it is not a fitted {owner}")
    return parameters, fitted


def _name_culprit(fitted: Fitted) -> str:
    """The part of a fitted state that JSON cannot hold, as the subject of a sentence."""
    for table in [each for own in fitted.tables for each in getattr(own, "factors", [own])]:
        words = table.vocabulary
        crossed = isinstance(words, Cells | Paths)
        parts = (words.paths if isinstance(words, Cells) else words).parts if crossed else [words]
        for label, part in zip(table.label if crossed else [table.label], parts, strict=True):
            if not _can_be_written(part):
                return f"Column {label!r} holds"
    return "y holds" if not _can_be_written(fitted.targets) else "The encoder holds"


def _can_be_written(value: Any) -> bool:
    try:
        to_plain(value)
    except TypeError:
        return False
    return True


def _read_text(source: str | Path) -> str:
    """The text itself, or that of the file at a path."""
    # JSON of an encoder is an object, and no path starts with a brace
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return source
    try:
        return Path(source).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"The file {str(source)!r} is not JSON: {error}. Pass a file from to_json.") from error
    except (OSError, ValueError) as error:  # a ValueError for characters that no path has
        if not isinstance(source, str) or not (_is_no_path(source) or isinstance(error, FileNotFoundError)):
            raise
        kind = ValueError if _is_no_path(source) else FileNotFoundError
        raise kind(
            "`source` must be JSON, which starts with a brace, or the path of a file. Got "
            f"{source[:LONGEST_SHOWN]!r}, which is neither. Pass the whole text from to_json, or the right path."
        ) from error


def _is_no_path(text: str) -> bool:
    """Whether a text that is the path of no file is more likely a part of one."""
    return not text.strip() or len(text) > LONGEST_PATH or not set(text).isdisjoint('"{}\n\0')


def _from_version_1(parameters: dict[str, Any], state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What version 1 wrote, attribute by attribute, in the form of version 2."""
    if parameters.get("crossfit") == "unreliable":
        parameters = {**parameters, "crossfit": "rare"}
    required = {"tables_", "_header", "target_type_", "_roles", "_aside", "_fingerprint"}
    known = required | {
        "_log_likelihood", "_tallies", "_targets", "_last_time", "classes_", "columns_", "levels_", "n_features_in_",
        "feature_names_in_",
    }  # fmt: skip
    if not required <= set(state) <= known:
        return parameters, {}
    # version 1 kept the last time of every time-ordered fit, and only half-lives need it
    fades = getattr(parameters.get("cv"), "half_life", None) is not None
    fitted = Fitted(
        header=state["_header"],
        tables=state["tables_"],
        targets=state["_targets"] if "_targets" in state else [_only_target(parameters, state)],
        roles=state["_roles"],
        aside=state["_aside"],
        fingerprint=state["_fingerprint"],
        log_likelihood=state.get("_log_likelihood", 0.0),
        tallies=state.get("_tallies"),
        last_time=state.get("_last_time") if fades else None,
    )
    return parameters, {"state": checked(fitted)}


def _only_target(parameters: dict[str, Any], state: dict[str, Any]) -> Target:
    """The target of a mixed model, which version 1 does not hold."""
    kind, family = state["target_type_"], parameters.get("family", "auto")
    own = TARGET_KINDS[kind].family if family == "auto" else family
    return checked(Target(None, kind, own, np.empty(0), state.get("classes_")))
