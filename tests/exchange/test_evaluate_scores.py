import json
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import f1_score

from ncst.cli import app
from ncst.errors import NcstError
from ncst.exchange.evaluate_scores import evaluate_external
from ncst.exchange.score_files import clip_of, read_columns

CODECS = ["", "mimi_", "speechtokenizer_", "funcodec_", "encodec_", "facodec_", "snac_"]


def text(path, clips, predicted, scores=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    scores = np.full(len(clips), 0.9) if scores is None else scores
    path.write_text("".join(f"{c}.wav {p} {s}\n" for c, p, s in zip(clips, predicted, scores)))
    return path


def official(folder, count=40, seed=0, skill=0.8):
    """Write ``result_id.txt`` as the official repository does, in random order; return its rows."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(7), count)
    clips = np.array([f"{CODECS[c]}p225_{i:03d}" for c, i in zip(label, np.tile(np.arange(count), 7))])
    predicted = np.where(rng.random(len(label)) < skill, label, rng.integers(0, 7, len(label)))
    order = rng.permutation(len(label))
    text(folder / "result_id.txt", clips[order], predicted[order], rng.uniform(0.3, 1, len(label)))
    return clips, label, predicted


def part(folder, name, clips, label, right):
    other = (label + 1) % 7
    text(folder / name, clips, np.where(np.arange(len(clips)) < right, label, other))


def metrics(path, config, *scores, **options):
    evaluate_external([str(s) for s in scores], path / "out", config, **options)
    return path / "out"


def test_files_laid_out_as_the_official_ones_give_the_published_numbers(tmp_path, config):
    folder = tmp_path / "Mel-LCNN" / "result"
    _, label, predicted = official(folder)
    turns = [f"R-EN_{i}_0_d7" for i in range(10000)]
    part(folder, "id_unseen_real/result_unseenreal_ncssd.txt", turns, 0, 2167)
    part(folder, "id_unseen_real/result_unseenreal_19.txt", [f"LA_E_{i}" for i in range(7355)], 0, 144)
    part(folder, "id_diff_config/result_C4-3.txt", [f"C4-3_p225_{i:05d}" for i in range(13228)], 4, 1068)
    part(folder, "id_diff_source/result_ncssd_snac.txt", [f"snac_{turn}" for turn in turns], 6, 5112)
    part(folder, "ALM/moshi.txt", [f"moshi_{turn}" for turn in turns], 1, 9770)
    part(folder, "ALM/miniomni.txt", [f"miniomni_{turn}" for turn in turns], 6, 9988)
    part(folder, "ALM/valle.txt", [f"valle_p225_{i:04d}" for i in range(4436)], 4, 3018)
    part(folder, "ALM/speechgpt-gen.txt", [f"gen_{i}" for i in range(18)], 2, 18)
    out = metrics(tmp_path, config, folder)
    known = pd.read_csv(out / "tables/table3.csv")
    expected = f1_score(label, predicted, average=None)
    assert known["f1"].tolist() == pytest.approx([*(100 * expected), 100 * expected.mean()], abs=1e-3)
    for number, count in ((4, 4), (6, 4)):
        table = pd.read_csv(out / f"tables/table{number}.csv")
        right = table["accuracy_corrected"].fillna(table["accuracy_paper"]) if number == 6 else table["accuracy_paper"]
        assert len(table) == count and table["accuracy"].round(2).tolist() == right.tolist()
    scores = pq.read_table(out / "scores/mel_lcnn/seed-1/alm/moshi.parquet")
    assert scores["utt_id"][0].as_py() == "R-EN_0_0_d7" and scores["clip_id"][0].as_py() == "moshi_R-EN_0_0_d7"


def arrays(folder, unit=4.0):
    """Write logits as CSV and Parquet, embeddings as npz, of a training, a known and an unknown split."""
    rng, means, head = np.random.default_rng(3), unit * np.eye(8, 12), np.eye(12, 7)
    frames, clips, vectors = {}, [], []
    for split, labels, count in (("train", range(7), 140), ("eval_id", range(7), 140), ("ood_single", [7], 60)):
        label = np.resize(list(labels), count)
        embedding = means[label] + rng.standard_normal((count, 12))
        names = [f"{split}_{i}" for i in range(count)]
        logits = pd.DataFrame(embedding @ head, columns=[f"logit_{c}" for c in range(7)])
        frames[split] = logits.assign(clip_id=names, label=label, utt_id=[f"u{i // 7}" for i in range(count)])
        clips, vectors = clips + names, [*vectors, embedding]
    frames["train"].to_csv(folder / "train.csv", index=False)
    frames["eval_id"].drop(columns="label").to_csv(folder / "eval_id.csv", index=False)
    pq.write_table(pa.Table.from_pandas(frames["ood_single"].drop(columns="label")), folder / "other.parquet")
    np.savez(folder / "embeddings.npz", clip_id=np.array(clips)[::-1], embedding=np.concatenate(vectors)[::-1])
    for split in ("eval_id", "ood_single", "train"):
        shuffled = frames[split].sample(frac=1, random_state=1)[["clip_id", "label", "utt_id"]]
        pq.write_table(pa.Table.from_pandas(shuffled), folder / f"m/{split}.parquet")
    return folder


@pytest.fixture
def files(tmp_path):
    (tmp_path / "m").mkdir()
    return arrays(tmp_path)


def test_logits_and_embeddings_go_through_every_detector(files, config, caplog):
    given = [files / "train.csv", files / "eval_id.csv", f"ood_single={files / 'other.parquet'}"]
    options = {"truth": [str(files / "m")], "model": "theirs"}
    out = metrics(files, config, *given, embeddings=[files / "embeddings.npz"], **options)
    table = pd.read_csv(out / "tables/table5.csv")
    assert set(table["detector"]) == {"msp", "energy", "knn", "mahalanobis", "nsd"} and set(table["model"]) == {
        "theirs"
    }
    assert table.set_index("detector").loc["knn", "auroc"] > 95
    again = files / "again"
    evaluate_external([str(p) for p in given[1:]], again, config, **options)
    bare = pd.read_csv(again / "tables/table5.csv").set_index("detector")
    assert list(bare.index) == ["msp", "energy"]
    assert bare.loc["msp", "auroc"] == table.set_index("detector").loc["msp", "auroc"]
    trained = files / "trained"
    evaluate_external([str(p) for p in given], trained, config, **options)
    assert list(pd.read_csv(trained / "tables/table5.csv")["detector"]) == ["msp", "energy"]
    assert "Left out: knn, mahalanobis, nsd need embeddings, which eval_id has not" in caplog.text
    with pytest.raises(NcstError, match=r"out exists and is not overwritten"):
        metrics(files, config, *given)


def test_own_score_files_give_their_own_numbers(files, config):
    first = metrics(files, config, files / "train.csv", f"eval_id={files / 'eval_id.csv'}", truth=[str(files / "m")])
    again = files / "again"
    evaluate_external([str(first / "scores/external/seed-1")], again, config)
    name = "metrics/external/seed-1.json"
    assert (again / name).read_text() == (first / name).read_text()


def test_a_list_in_the_official_layout_and_the_largest_probability_rate_unknown_clips(tmp_path, config):
    clips, label, _ = official(tmp_path, skill=0.95)
    text(tmp_path / "unknown.txt", [f"wavtokenizer_p225_{i:03d}" for i in range(50)], [3] * 50, np.full(50, 0.2))
    (tmp_path / "eval_id.txt").write_text("".join(f"{c}.wav x {y}\n" for c, y in zip(clips, label)))
    (tmp_path / "eval_ood7.txt").write_text("".join(f"wavtokenizer_p225_{i:03d}.wav x 7\n" for i in range(50)))
    out = metrics(
        tmp_path,
        config,
        tmp_path / "result_id.txt",
        f"ood_single={tmp_path / 'unknown.txt'}",
        truth=[str(tmp_path / "eval_id.txt"), str(tmp_path / "eval_ood7.txt")],
    )
    table = pd.read_csv(out / "tables/table5.csv")
    assert table["detector"].tolist() == ["msp"] and table["auroc"][0] == 100


BAD = {
    "twice": (lambda rows: [*rows, rows[0]], r"holds the clip \S+ 2 times"),
    "missing": (lambda rows: rows[1:], r"lacks 1 of the 280 clips of .*list.txt"),
    "unknown": (
        lambda rows: [*rows, ("p999_001.wav", 0, 0.9)],
        r"holds 1 clips that .*list.txt does not list, p999_001",
    ),
    "nan": (lambda rows: [("p225_000.wav", 0, "nan"), *rows[1:]], "score values that are not finite"),
    "word": (lambda rows: [("p225_000.wav", 0, "high"), *rows[1:]], "score values that are no numbers"),
    "class": (lambda rows: [(rows[0][0], 9, 0.9), *rows[1:]], r"predicts the classes \[9\]"),
    "no class": (lambda rows: [(rows[0][0], "nan", 0.9), *rows[1:]], "holds the predicted 'nan'"),
    "logit": (lambda rows: [(rows[0][0], 1, 7.5), *rows[1:]], "holds the score 7.5"),
    "empty": (lambda rows: [], "holds no clips: an empty split"),
    "uneven": (lambda rows: [rows[0][:2], *rows[1:]], "row 2 has 3 columns"),
    "equal": (lambda rows: [(row[0], 1, 0.9) for row in rows], "Every clip of eval_id has the same scores"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_scores_are_one_sentence(name, tmp_path, config):
    clips, label, _ = official(tmp_path)
    (tmp_path / "list.txt").write_text("".join(f"{c}.wav x {y}\n" for c, y in zip(clips, label)))
    rows = [tuple(line.split()) for line in (tmp_path / "result_id.txt").read_text().splitlines()]
    change, message = BAD[name]
    lines = [" ".join(map(str, row)) for row in change(rows)]
    (tmp_path / "result_id.txt").write_text("\n".join(lines))
    with pytest.raises(NcstError, match=message):
        metrics(tmp_path, config, tmp_path / "result_id.txt", truth=[str(tmp_path / "list.txt")])
    assert not (tmp_path / "out").exists()


def test_two_folders_of_one_model_are_one_sentence(tmp_path, config):
    official(tmp_path / "a/My-Model/result")
    official(tmp_path / "b/my_model")
    with pytest.raises(NcstError, match="are both scores of eval_id by My-Model"):
        metrics(tmp_path, config, tmp_path / "a/My-Model/result", tmp_path / "b/my_model")


@pytest.mark.parametrize("split", ["../../x", "/tmp/x", "a/../b", "a\\b"])
def test_a_split_leads_to_no_other_folder(tmp_path, config, split):
    official(tmp_path)
    before = {*tmp_path.rglob("*")}
    with pytest.raises(NcstError, match="which is not safe to write, it"):
        metrics(tmp_path / "deep/deeper", config, f"{split}={tmp_path / 'result_id.txt'}")
    assert {*tmp_path.rglob("*")} - before == {tmp_path / "deep", tmp_path / "deep/deeper"}


def test_models_keep_their_names_in_any_script(tmp_path, config):
    for name in ("模型一", "模型二"):
        official(tmp_path / name)
    out = metrics(tmp_path, config, tmp_path / "模型一", tmp_path / "模型二")
    assert sorted(path.name for path in (out / "scores").iterdir()) == ["模型一", "模型二"]


def test_several_models_are_compared(tmp_path, config):
    for seed, name in enumerate(("A", "B")):
        official(tmp_path / name, seed=seed)
    out = metrics(tmp_path, config, tmp_path / "A", tmp_path / "B")
    table = pd.read_csv(out / "tables/paired.csv")
    assert table[["first", "second", "metric"]].to_numpy().tolist() == [["A", "B", "accuracy"], ["A", "B", "macro_f1"]]


def logits(count, width, **columns):
    values = np.random.default_rng(0).random((count, width))
    return {f"logit_{c}": values[:, c] for c in range(width)} | columns


CLIPS = [f"{CODECS[i % 7]}p225_{i:03d}" for i in range(21)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"clip": CLIPS, **logits(21, 7)},
            r"names no clips: it must hold clip_id and logit_<class> .* and it has \['classes', 'clip'",
        ),
        (
            {"clip_id": CLIPS, **logits(21, 5)},
            r"eval_id.csv, the split eval_id, holds clips of the classes \[5, 6\], facodec_p225_005 first",
        ),
        ({"clip_id": CLIPS, **logits(21, 8)}, r"holds no clips of the classes \[7\]"),
        ({"clip_id": CLIPS, **logits(21, 7), "label": [12, *range(1, 7)] * 3}, r"clips of the classes \[12\]"),
        ({"clip_id": CLIPS, **logits(21, 7), "label": [0.5] * 21}, "holds the label '0.5'"),
        ({"clip_id": CLIPS, "confidence": [1.0] * 21}, "neither logits nor a predicted class"),
        ({"clip_id": ["x.wav", *CLIPS[1:]], **logits(21, 7)}, "Nothing says of which class x in"),
        (
            {"clip_id": CLIPS, **logits(21, 7, logit_1=[np.inf] * 21)},
            r"logits values that are not finite, those of the clip p225_000 first \(21",
        ),
    ],
)
def test_bad_tables_are_one_sentence(columns, message, tmp_path, config):
    pd.DataFrame(columns).to_csv(tmp_path / "eval_id.csv", index=False)
    with pytest.raises(NcstError, match=message):
        metrics(tmp_path, config, tmp_path / "eval_id.csv")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_row_without_label_is_named(suffix, tmp_path, config):
    table = pd.DataFrame({"clip_id": CLIPS, **logits(21, 7), "label": pd.array([*range(7)] * 2 + [None] * 7, "Int16")})
    path = tmp_path / f"eval_id.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    with pytest.raises(NcstError, match=f"eval_id.{suffix} has no label for the clip p225_014: give every clip one"):
        metrics(tmp_path, config, path)


def test_training_clips_that_are_tested_are_warned_of(files, config, caplog):
    given = [f"{split}={files / 'eval_id.csv'}" for split in ("eval_id", "train")]
    metrics(files, config, *given, truth=[str(files / "m/eval_id.parquet")])
    assert "140 clips of" in caplog.text and "are training clips too, eval_id_0 first" in caplog.text
    caplog.clear()
    evaluate_external([given[0], str(files / "train.csv")], files / "apart", config, truth=[str(files / "m")])
    assert "training clips" not in caplog.text


def test_speakers_of_manifests_and_columns_are_resampled(files, config):
    given = [f"eval_id={files / 'eval_id.csv'}", f"ood_single={files / 'other.parquet'}"]
    plain = metrics(files, config, *given, truth=[str(files / "m")])
    config["bootstrap"] = {"clusters": ["speaker", "utterance"]}
    with pytest.raises(NcstError, match=r"Nothing says who speaks in .*eval_id.csv, but `bootstrap.clusters`"):
        evaluate_external(given, files / "none", config, truth=[str(files / "m")])
    for place in ("manifest", "column"):
        for split in ("eval_id", "ood_single"):
            path = files / f"m/{split}.parquet"
            table = pd.read_parquet(path)
            table["speaker"] = "0" + (table["utt_id"].str[1:].astype(int) // 3).astype(str)
            table.loc[table["utt_id"] == "u0", "speaker"] = None
            kept = table.drop(columns="speaker")
            (table if place == "manifest" else kept).to_parquet(path)
            if place == "column":
                scores = (
                    pd.read_csv(files / "eval_id.csv")
                    if split == "eval_id"
                    else pd.read_parquet(files / "other.parquet")
                )
                scores = scores.merge(table[["clip_id", "speaker"]])
                scores.to_csv(files / f"{split}.csv", index=False)
        told = given if place == "manifest" else [str(files / f"{split}.csv") for split in ("eval_id", "ood_single")]
        evaluate_external(told, files / place, config, truth=[str(files / "m")])
    first, second, flat = (
        json.loads((folder / "metrics/external/seed-1.json").read_text())
        for folder in (files / "manifest", files / "column", plain)
    )
    assert first == second and first["clusters"] == ["speaker", "utterance"] and "clusters" not in flat
    assert first["id"]["macro_f1"]["value"] == flat["id"]["macro_f1"]["value"]
    for split in ("eval_id", "ood_single"):
        clips = read_columns(files / f"{split}.csv", "scores")
        assert clips["speaker"][list(clips["utt_id"]).index("u3")] == "01"
    assert "speakers and their utterances" in (files / "column/tables/table5.md").read_text()


def test_compared_models_resample_speakers(tmp_path, config):
    for name, seed in (("A", 0), ("B", 1)):
        clips, _, _ = official(tmp_path / name, seed=seed)
    listed = pd.DataFrame({"clip_id": clips, "label": np.repeat(range(7), 40), "speaker": [*"abcd"] * 70})
    listed.to_csv(tmp_path / "eval_id.csv", index=False)
    options = {"truth": [str(tmp_path / "eval_id.csv")]}
    evaluate_external([str(tmp_path / name) for name in "AB"], tmp_path / "flat", config, **options)
    config["bootstrap"] = {"clusters": ["speaker", "utterance"]}
    out = metrics(tmp_path, config, tmp_path / "A", tmp_path / "B", **options)
    rows, flat = (pd.read_csv(folder / "tables/paired.csv") for folder in (out, tmp_path / "flat"))
    assert (rows["difference"] == flat["difference"]).all() and (rows["low"] != flat["low"]).all()


def test_rows_longer_than_their_header_are_no_index(tmp_path, config):
    (tmp_path / "eval_id.csv").write_text("clip_id,label,logit_0\na,0,1,2,3\nb,1,1,2,3\n")
    with pytest.raises(NcstError, match="rows have more cells than its first line has names; it must hold clip_id and"):
        metrics(tmp_path, config, tmp_path / "eval_id.csv")


TRAIN = {
    "without a class": ({"label": [0] * 21}, r"train.csv, the split train, holds no clips of the classes \[1, 2"),
    "of an unknown one": (
        {"label": [9] * 21},
        r"train.csv, the split train, holds clips of the classes \[9\], \S+ first",
    ),
    "of other logits": (
        {"logit_6": None},
        r"eval_id.csv holds logits of the classes \[.*6\] and .*train.csv of \[0, 1, 2, 3, 4, 5\]",
    ),
    "without scores": (
        {f"logit_{c}": None for c in range(7)},
        "neither logits nor a predicted class .* must hold clip_id",
    ),
}


@pytest.mark.parametrize("name", TRAIN)
def test_training_scores_that_do_not_fit_name_file_clip_and_columns(name, tmp_path, config):
    changes, message = TRAIN[name]
    table = pd.DataFrame({"clip_id": CLIPS, "label": [*range(7)] * 3, **logits(21, 7)})
    table.to_csv(tmp_path / "eval_id.csv", index=False)
    kept = table.assign(**{name: values for name, values in changes.items() if values})
    kept = kept.drop(columns=[name for name, values in changes.items() if not values])
    kept.to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(NcstError, match=message):
        metrics(tmp_path, config, tmp_path / "eval_id.csv", f"train={tmp_path / 'train.csv'}")


def test_embeddings_without_a_matrix_are_named(tmp_path, config):
    np.savez(tmp_path / "vectors.npz", clip_id=np.array(CLIPS), emb=np.zeros((21, 4)))
    pd.DataFrame({"clip_id": CLIPS, **logits(21, 7)}).to_csv(tmp_path / "eval_id.csv", index=False)
    with pytest.raises(NcstError, match=r"vectors.npz has no matrix `embedding` beside clip_id"):
        metrics(tmp_path, config, tmp_path / "eval_id.csv", embeddings=[tmp_path / "vectors.npz"])


def test_files_that_are_none_are_one_sentence(tmp_path, config):
    (tmp_path / "eval_id.npz").write_text("no")
    (tmp_path / "eval_id.parquet").write_text("no")
    np.savez(tmp_path / "pickled.npz", clip_id=np.array(CLIPS, dtype=object), logits=np.zeros((21, 7)))
    np.savez(tmp_path / "five.npz", clip_id=np.array(CLIPS), logits=np.zeros((21, 5)))
    np.savez(tmp_path / "uneven.npz", clip_id=np.array(CLIPS), logits=np.zeros((20, 7)))
    (tmp_path / "eval_id.doc").write_text("no")
    (tmp_path / "empty").mkdir()
    for given, message in (
        ("eval_id.npz", "cannot be read as npz"),
        ("eval_id.parquet", "cannot be read as parquet"),
        ("pickled.npz", "cannot be read as npz"),
        ("five.npz", "holds 5 logits per clip for the 7 classes"),
        ("uneven.npz", "holds 21 clips but 20 rows of logits"),
        ("eval_id.doc", "its name must end in .txt"),
        ("nowhere.txt", "does not exist"),
        ("empty", "holds no files that end in"),
    ):
        with pytest.raises(NcstError, match=message):
            metrics(tmp_path, config, tmp_path / given)


def test_guessing_scores_get_no_table_of_unknown_codecs(tmp_path, config):
    official(tmp_path / "guess", skill=0.0)
    text(tmp_path / "guess/ood_single.txt", [f"wavtokenizer_p225_{i:03d}" for i in range(50)], [3] * 50)
    out = metrics(tmp_path, config, tmp_path / "guess")
    assert not (out / "tables/table5.csv").exists()
    assert '"refused": "On known' in next((out / "metrics").rglob("*.json")).read_text()


def test_the_command_prints_the_tables(tmp_path):
    from typer.testing import CliRunner

    official(tmp_path / "AASIST/result")
    done = CliRunner().invoke(
        app, ["evaluate", str(tmp_path / "AASIST/result"), "--out", str(tmp_path / "out")], catch_exceptions=False
    )
    assert "**Table 3. F1 per class." in done.stdout and "| AASIST |" in done.stdout and "(99.98)" in done.stdout


@pytest.mark.parametrize("name", ["a/b/p225_001.wav", "p225_001.flac", "p225_001", "C:\\x\\p225_001.wav"])
def test_clips_are_known_by_their_file_name(name):
    assert clip_of(name) == "p225_001"


def clips_of(**changes):
    """Seven clips, one of each class, with the right class on top."""
    found = {"clip_id": np.array([f"c{i}" for i in range(7)]), "label": np.arange(7), "logits": 5 * np.eye(7)}
    return {key: value for key, value in (found | changes).items() if value is not None}


def huge_header(path):
    np.savez(path, **clips_of(clip_id=None))
    with zipfile.ZipFile(path, "a") as archive, archive.open("clip_id.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (2**40,)})


NPZ = {
    "0-d": (clips_of(clip_id=np.array("c")), r"clip_id of the shape \(\)"),
    "empty name": (clips_of(clip_id=np.array(["a", "b", " ", "c", "d", "e", "f"])), "no clip_id in row 3"),
    "classes twice": (clips_of(classes=np.array([0, 1, 2, 3, 4, 5, 5])), "list of different class ids"),
    "one class": (clips_of(classes=np.array(7)), "has the classes 7"),
    "classes of text": (clips_of(classes=np.array(list("abcdefg"))), "list of different class ids"),
    "struct": (clips_of(logits=np.zeros(7, [("a", "f4"), ("b", "f4")])), "logits values that are no numbers"),
    "flat": (clips_of(logits=np.zeros(7)), "one row per clip"),
    "bomb": (clips_of(clip_id=np.zeros(10**8, "S1")), "cannot be read as npz: it unpacks to 0.1 GB"),
}


@pytest.mark.parametrize("name", NPZ)
def test_bad_npz_files_are_one_sentence(name, tmp_path, config):
    content, message = NPZ[name]
    np.savez_compressed(tmp_path / "bad.npz", **content)
    with pytest.raises(NcstError, match=message):
        evaluate_external([f"eval_id={tmp_path / 'bad.npz'}"], tmp_path / "out", config)
    assert not (tmp_path / "out").exists()


def test_an_npz_header_that_promises_terabytes_is_refused(tmp_path, config):
    huge_header(tmp_path / "bad.npz")
    with pytest.raises(NcstError, match=r"promises the shape \(1099511627776,\)"):
        evaluate_external([f"eval_id={tmp_path / 'bad.npz'}"], tmp_path / "out", config)


def test_npz_with_its_classes_is_evaluated(tmp_path, config):
    order = np.array([3, 0, 1, 2, 4, 5, 6])
    np.savez(tmp_path / "good.npz", **clips_of(classes=order, logits=5 * np.eye(7)[:, order]))
    evaluate_external([f"eval_id={tmp_path / 'good.npz'}"], tmp_path / "out", config)
    assert (pd.read_csv(tmp_path / "out/tables/table3.csv")["f1"] == 100).all()


def test_probabilities_in_place_of_logits_are_warned_of(tmp_path, config, caplog):
    np.savez(tmp_path / "p.npz", **clips_of(logits=0.4 * np.eye(7) + 0.6 / 7))
    evaluate_external([f"eval_id={tmp_path / 'p.npz'}"], tmp_path / "out", config)
    assert "looks like probabilities, not logits" in caplog.text


def test_clips_of_a_confident_model_keep_their_order(tmp_path, config):
    """Margins at which the largest probability is 1 in single precision: AUROC 6/7, whatever the scale."""
    margins = np.array([99.0, 98.5, 98.2, 97.9, 99.5, 98.4, 98.3])
    for scale in (0.1, 1.0, 1.2, 10.0):
        logits = scale * margins[:, None] * np.eye(7)
        np.savez(tmp_path / "known.npz", **clips_of(logits=logits))
        np.savez(tmp_path / "unknown.npz", clip_id=["u"], label=[11], logits=scale * 98.0 * np.eye(7)[:1])
        out = tmp_path / f"out{scale}"
        evaluate_external([f"eval_id={tmp_path / 'known.npz'}", f"ood_single={tmp_path / 'unknown.npz'}"], out, config)
        table = pd.read_csv(out / "tables/table5.csv").set_index("detector")
        assert table.loc["msp", "auroc"] == pytest.approx(100 * 6 / 7)


def test_a_split_without_labels_is_listed(tmp_path, config):
    pairs = [{"source": "st_eval", "codecs": ["real"]}]
    config["splits"]["open"] = {"title": "Open", "role": "unlabelled", "label": None, "pairs": pairs}
    official(tmp_path / "toy")
    clips = [f"call_{i}" for i in range(5)]
    text(tmp_path / "open.txt", clips, [0, 1, 1, 2, 3])
    out = metrics(tmp_path, config, f"eval_id={tmp_path}/toy/result_id.txt", f"open={tmp_path}/open.txt")
    (path,) = (out / "metrics").rglob("*.json")
    listed = json.loads(path.read_text())["unlabelled"]["open"]
    assert (listed["clips"], listed["classes"]) == (clips, [0, 1, 1, 2, 3])


@pytest.mark.parametrize("byte", [9, 80])
def test_a_damaged_npz_is_one_sentence(tmp_path, byte):
    """Byte 9 of a zip file says how it is packed, those from 80 on are packed."""
    path = tmp_path / "s.npz"
    np.savez_compressed(path, clip_id=np.array(["a", "b"]), logits=np.eye(2))
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02") + 11 if byte == 9 else byte
    content[place] = 0xFF
    path.write_bytes(content)
    with pytest.raises(NcstError, match=r"s.npz cannot be read as npz"):
        read_columns(path, "scores")
