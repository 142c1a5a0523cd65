"""The shortcut audit: a class that shows in one measure is found in that measure alone."""

import json

import numpy as np
import pyarrow as pa
import pytest

from ncst.errors import NcstError
from ncst.evaluation.audit_shortcuts import GIVEN, audit_shortcuts
from ncst.formats.measures import FACTS, MEASURES, SCHEMA, write_measures


def measures(path, seed, count=300, classes=3, **shifts):
    """Write noise as measures; *shifts* moves a measure by so much per class."""
    rng = np.random.default_rng(seed)
    label = np.arange(count) % classes
    columns = {name: rng.standard_normal(count) + shifts.get(name, 0) * label for name in MEASURES}
    clips = dict.fromkeys(FACTS, [None] * count) | {"clip_id": [f"c{i}" for i in range(count)], "label": label}
    clips |= {"utt_id": [f"u{i // classes}" for i in range(count)]}
    measured = [dict(zip(columns, values)) for values in zip(*columns.values())]
    write_measures(path, pa.table(clips, schema=pa.schema([SCHEMA.field(name) for name in FACTS])), measured)
    return path


def test_a_shortcut_is_named_and_the_rest_is_guessing(tmp_path):
    parts = [measures(tmp_path / f"{seed}.parquet", seed, bandwidth_hz=4) for seed in (1, 2)]
    audit_shortcuts(*parts, tmp_path / "audit.json")
    audit = json.loads((tmp_path / "audit.json").read_text())
    assert audit["chance"] == pytest.approx(1 / 3) and (audit["train"], audit["test"]) == (300, 300)
    assert {name for name, part in audit["given"].items() if part["traces"]} == {"Bandwidth", "All of them"}
    assert audit["given"]["Bandwidth"]["macro_f1"]["value"] > 0.9
    for name in GIVEN.keys() - {"Bandwidth"}:
        assert audit["given"][name]["macro_f1"]["low"] < audit["chance"] + audit["margin"]


def test_classes_that_were_not_learnt_are_refused(tmp_path):
    learnt, tested = measures(tmp_path / "1.parquet", 1, classes=2), measures(tmp_path / "2.parquet", 2)
    with pytest.raises(NcstError, match=r"classes \[2\]"):
        audit_shortcuts(learnt, tested, tmp_path / "audit.json")
