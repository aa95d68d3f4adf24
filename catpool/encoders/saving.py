"""Save and load fitted encoders, including files of version 1."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from catpool.data.frames import Header
from catpool.data.targets import TARGET_KINDS, Target
from catpool.tables.fitted import Fitted
from catpool.tables.json_file import read_json, write_json


def write_encoder(owner: str, parameters: dict[str, Any], fitted: Fitted, path: str | Path | None) -> str | None:
    """The JSON of an encoder of class `owner`, or None where it is written to a path."""
    text = write_json(owner, parameters, {"state": fitted})
    if path is None:
        return text
    Path(path).write_text(text, encoding="utf-8")
    return None


def read_encoder(source: str | Path, owner: str, known: Collection[str]) -> tuple[dict[str, Any], Fitted]:
    """The parameters and fitted state of an encoder of class `owner`, whose parameters are known."""
    # JSON of an encoder is an object, and no path starts with a brace
    is_text = isinstance(source, str) and source.lstrip().startswith("{")
    text = source if is_text else Path(source).read_text(encoding="utf-8")
    version, parameters, state = read_json(str(text), owner)
    if version == 1:
        parameters, state = _from_version_1(parameters, state)
    fitted = state.get("state")
    unexpected = [name for name in parameters if name not in known] + [name for name in state if name != "state"]
    if unexpected or not _is_whole(fitted):
        raise ValueError(f"The file is damaged: it is not a fitted {owner}. Write it again with to_json.")
    assert isinstance(fitted, Fitted)
    return parameters, fitted


def _is_whole(fitted: Any) -> bool:
    """Whether what was read can be a fitted state."""
    return (
        isinstance(fitted, Fitted)
        and isinstance(fitted.header, Header)
        and isinstance(fitted.tables, list)
        and isinstance(fitted.targets, list)
        and all(isinstance(target, Target) for target in fitted.targets)
    )


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
    return parameters, {"state": fitted}


def _only_target(parameters: dict[str, Any], state: dict[str, Any]) -> Target:
    """The target of a mixed model, which version 1 does not hold."""
    kind, family = state["target_type_"], parameters.get("family", "auto")
    own = TARGET_KINDS[kind].family if family == "auto" else family
    return Target(None, kind, own, np.empty(0), state.get("classes_"))
