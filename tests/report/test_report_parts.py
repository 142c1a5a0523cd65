import base64
import struct
import zlib
from types import SimpleNamespace

import numpy as np

from ncst.formats import features, shards
from ncst.report.mel_picture import log_mel, picture
from ncst.report.page import provenance
from ncst.report.page.html_table import cell, table


def test_log_mel_finds_a_tone():
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    mel = log_mel(tone)
    assert mel.shape == (80, 97)
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 82) / 2595) - 1)
    peak = mel.mean(axis=1).argmax()
    assert edges[peak] < 1000 < edges[peak + 2]
    assert log_mel(np.zeros(100)).shape == (80, 1)


def test_pictures_keep_their_values():
    uri = picture(np.array([[0.0, 1.0, 2.0], [-5.0, 9.0, 1.0]]), 0, 2, ("#000000", "#ff0000"))
    kind, content = uri.split(",")
    png = base64.b64decode(content)
    assert kind == "data:image/png;base64" and png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        size, name = struct.unpack(">I4s", png[at : at + 8])
        chunks[name] = png[at + 8 : at + 8 + size]
        assert zlib.crc32(name + chunks[name]) == struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0]
        at += 12 + size
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (3, 2, 8, 3, 0, 0, 0)
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(256, 3)
    assert palette[:, 0].tolist() == list(range(256)) and not palette[:, 1:].any()
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(2, 4)
    assert lines.tolist() == [[0, 0, 255, 128], [0, 0, 128, 255]]


def test_columns_sort_by_number_or_text():
    made = table("t", "T", "", ["a", "b", "c"], [("x", 2.5, None), ("y", None, None), ("z", 1_000, "w")])
    assert [numeric for _, numeric in made.columns] == [False, True, False]
    assert [row[1].text for row in made.rows] == ["2.50", "–", "1,000"]
    assert [row[1].sort for row in made.rows] == [2.5, -np.inf, 1000.0]


def test_numbers_too_small_for_their_digits_are_not_shown_as_zero():
    assert [cell(value).text for value in (0.0, 3.4e-7, 0.01, -0.004, 12)] == ["0.00", "3e-07", "0.01", "-0.004", "12"]


def test_precisions_are_shown_as_bad_as_the_worst_shard(tmp_path):
    results = SimpleNamespace(folder=tmp_path)
    shards.write_shard(tmp_path / "audio/s/real/0.parquet", [])
    assert provenance.precision_table(results) is None
    for number, (error, equal) in enumerate([(0.01, 0.9), (0.03, 0.8)]):
        precision = {"name": "bf16", "clips": 8, "relative_error": error, "equal_codes": equal}
        shards.write_shard(tmp_path / f"audio/s/dac/{number}.parquet", [], {"precision": precision})
    with features.writing(tmp_path / "features/ssl/s/dac/0.npy", (1,), np.int16, {"notes": {"batch": {"held": 4}}}):
        pass
    found = provenance.precision_table(results)
    assert [[cell.text for cell in row] for row in found.rows] == [
        ["dac", "bf16", "0.03", "0.80", "–"],
        ["ssl", "fp32", "–", "–", "4"],
    ]
