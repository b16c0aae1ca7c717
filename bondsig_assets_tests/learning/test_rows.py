"""Rows as types: they are the declared tables' columns, and frames give them back."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from types import UnionType
from typing import get_args, get_type_hints

import pytest

from bondsig_assets.learning.rows import (
    ChampionRow,
    ExplanationRow,
    LabelRow,
    ModelRow,
    ModelSummary,
    RegisteredModelRow,
    ScoreRow,
    columns_of_row,
    frame_of,
    rows_from,
)
from bondsig_assets.learning.scoring import scorer_of
from bondsig_assets.resources.registered_model import FILE, read_model, write_model
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.learning.days import model_rows, trained
from bondsig_assets_tests.rows_of import rows_of

TABLE_OF = {
    ModelRow: "models",
    ChampionRow: "champions",
    ScoreRow: "scores",
    ExplanationRow: "explanations",
    LabelRow: "labels",
}
PYTHON = {
    "BIGINT": "int",
    "DOUBLE": "float",
    "VARCHAR": "str",
    "DATE": "date",
    "TIMESTAMP": "datetime",
    "BOOLEAN": "bool",
    "VARCHAR[]": "list",
    "DOUBLE[]": "list",
}


def type_of(hint: type) -> tuple[str, bool]:
    """Name of a field's type, and whether it may be None."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    (kind,) = [one for one in kinds if one is not type(None)]
    return getattr(kind, "__name__", str(kind)), type(None) in kinds


@pytest.mark.parametrize(("kind", "table"), TABLE_OF.items())
def test_fields_are_the_columns_of_the_table(kind, table):
    hints, declared = get_type_hints(kind), TABLES[table].columns
    assert {name: type_of(hints[name]) for name in columns_of_row(kind)} == {
        column.name: (PYTHON[column.type], column.nullable) for column in declared
    }


def test_parts_of_a_row_of_models_are_some_of_its_columns():
    columns = set(columns_of_row(ModelRow))
    assert set(columns_of_row(ModelSummary)) == columns - {"model_text"}
    assert set(columns_of_row(RegisteredModelRow)) < columns


@pytest.mark.parametrize(("kind", "table"), TABLE_OF.items())
def test_a_frame_comes_back_as_it_was(kind, table):
    frame = rows_of(table, {})
    assert frame_of(table, rows_from(kind, frame)).equals(frame)


@pytest.mark.parametrize(
    ("slope", "with_cds", "is_flat"),
    [(0.0, None, True), (0.0, 0.0, True), (-0.4, None, False), (0.0, -0.1, False)],
)
def test_a_model_whose_probabilities_do_not_follow_its_predictions_is_flat(
    slope, with_cds, is_flat
):
    frame = rows_of("models", {"calibration_slope": slope, "calibration_slope_cds": with_cds})
    assert rows_from(ModelRow, frame)[0].is_flat is is_flat


def test_no_rows_are_an_empty_frame():
    assert frame_of("models", []).equals(TABLES["models"].empty())


#: What every version has written. A field more needs a default; one less, or another name, would
#: leave models behind that were registered before.
WRITTEN = {
    "model_name",
    "model_version",
    "kind",
    "specification_hash",
    "feature_hash",
    "features",
    "history_days",
    "horizon_days",
    "settings",
    "calibration_intercept",
    "calibration_slope",
    "base_rate",
    "data_hash",
    "snapshot_id",
    "model_text",
}


def test_models_registered_by_older_and_newer_versions_load(tmp_path):
    row = rows_from(ModelRow, model_rows(trained()))[0]
    held = json.loads((write_model(tmp_path, row) / FILE).read_text())
    assert held.keys() >= WRITTEN
    needed = {field.name for field in fields(RegisteredModelRow) if field.default is MISSING}
    assert needed <= WRITTEN
    old = {name: held[name] for name in WRITTEN}
    for content in (old, {**held, "added_later": 1}):
        (tmp_path / FILE).write_text(json.dumps(content))
        assert scorer_of(read_model(tmp_path)).version == row.model_version


def test_a_file_without_what_scoring_needs_is_refused_by_name(tmp_path):
    (tmp_path / FILE).write_text(json.dumps({"model_name": "ridge"}))
    with pytest.raises(ValueError, match="model_text"):
        read_model(tmp_path)
