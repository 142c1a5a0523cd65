"""The one door of the config: what is wrong is one sentence, wherever the config comes from."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ncst.cli import app
from ncst.errors import NcstError
from ncst.plan import command_line
from ncst.plan.config import complete, load_config, merge, typed
from ncst.plan.validate import FAMILIES
from ncst.plan.yaml_files import read_mapping

UNPUBLISHED = """
weights: {x: official}
codecs:
  x:
    title: X
    module: dac
    class_id: 12
    role: ood_multi
    taxonomy: {vq: mvq, aux: none, dec: time}
    official: {sample_rate: 16000, hop: 320, books: 2, bits_per_book: 10, bitrate_kbps: 1.0}
    weights: {official: {file: weights/x.safetensors, source: url, files: {}}}
"""
MAPPINGS = ("weights", "model_sizes", "roots", "release", "robustness", "select", *FAMILIES)


def nested(levels, template):
    """YAML whose every line holds what is before it nine times."""
    lines = [f"a{i}: &a{i} {template.format(', '.join([f'*a{i - 1}'] * 9))}\n" for i in range(1, levels)]
    return "a0: &a0 {x: 1}\n" + "".join(lines)


@pytest.fixture
def overlay(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_shipped_overlays_are_valid_and_complete():
    for path in sorted(Path("config").glob("*.yaml")):
        if path.stem not in ("compact", "downloads.lock") and "name" in yaml.safe_load(path.read_text()):
            if path.stem == "release":
                with pytest.raises(NcstError, match=r"folder of the release, .*, is still to be named"):
                    load_config(path)
            else:
                load_config(path)


def test_mappings_merge_and_everything_else_is_replaced(overlay):
    assert merge({"a": {"b": 1, "c": [1, 2]}}, {"a": {"c": [3]}}) == {"a": {"b": 1, "c": [3]}}
    config = load_config(overlay("roots: {vctk: null}\nseeds: [1, 2]\n"))
    assert (config["roots"]["vctk"], config["roots"]["aishell3"], config["seeds"]) == (None, "demo", [1, 2])


def test_an_entry_may_be_like_another(overlay):
    config = load_config(
        overlay(
            "models:\n"
            "  wide: {like: mel_lcnn, title: Wide, compact: {options: {hidden: 50}}}\n"
            "  wider: {like: wide, title: Wider, compact: {options: {embedding: 99}}}\n"
            "  mel_lcnn: {compact: {training: {epochs: 3}}}\n"
            "sources: {st_more: {like: st_train, title: More, order: 4}}\n"
        )
    )
    first, wide, wider = (config["models"][name] for name in ("mel_lcnn", "wide", "wider"))
    assert wide["module"] == wider["module"] == "mel_lcnn"
    assert wider["title"] == "Wider" and wider["frontend"] == first["frontend"]
    assert wider["compact"]["options"] == first["compact"]["options"] | {"hidden": 50, "embedding": 99}
    assert wider["compact"]["training"]["epochs"] == 3
    assert first["compact"]["options"]["hidden"] == 40, "the entry that is copied stays as it is"
    assert config["sources"]["st_more"] == config["sources"]["st_train"] | {"title": "More", "order": 4}
    assert complete(config)["models"] == config["models"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "models: {a: {like: mel_lcn}}",
            r"at models.a.like: 'mel_lcn' is no other entry of models: use one of \['mel_",
        ),
        ("models: {a: {like: a}}", "at models.a.like: 'a' is no other"),
        ("models: {a: {like: b}, b: {like: a}}", "at models.b.like: 'a' is no other"),
        ("models: {a: {like: [mel_lcnn]}}", r"at models.a.like: \['mel_lcnn'\] is no other"),
        ("models: {a: {like: mel_lcnn}}", "at models.a: .*title"),
    ],
)
def test_what_nothing_can_be_like(overlay, text, message):
    with pytest.raises(NcstError, match=message):
        load_config(overlay(text))


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [(key, *case) for key in MAPPINGS for case in ((None, "null"), (["a"], "a list"), ("{a:", "'{a:'"))],
)
def test_a_mapping_stays_a_mapping(config, key, value, shown):
    with pytest.raises(NcstError, match=rf"^Config error at {key}: {shown} stands where a mapping belongs \(.*\)\.$"):
        complete(config | {key: value})


@pytest.mark.parametrize("family", FAMILIES)
def test_an_entry_stays_a_mapping(config, family):
    name = next(iter(config[family]))
    for value in (None, ["a"]):
        config[family][name] = value
        with pytest.raises(NcstError, match=f"^Config error at {family}.{name}: .* stands where a mapping belongs"):
            complete(config)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("codecs: {null: {title: x}}", "at codecs: null is not a name of letters"),
        ("codecs: {1: {title: x}}", "at codecs: 1 is not a name of letters"),
        ("codecs: {../../x: {title: x}}", "at codecs: '../../x' is not a name of letters"),
        ("splits: {a//b: {title: x}}", "at splits: 'a//b' is not a name of letters"),
        ('codecs: {"dac\\n": {title: x}}', r"at codecs: 'dac\\n' is not a name of letters"),
        ("codecs: {DAC: {title: x}}", "at codecs: 'DAC' and 'dac' are one file on disks"),
        (f"models: {{{'m' * 60}: {{title: x}}}}", "at models: 'm+' is longer than 48 letters"),
        ('name: "demo\\n"', "at name: "),
        ("name: ../x", "at name: '../x' is not a name of 1 to 48 letters"),
        ("pathvars: {results: elsewhere}", "at the top level: .*'pathvars' was unexpected"),
        (f"seeds: [{10**400}]", "at seeds.0: .* is greater than the maximum"),
        ('results: "a\\n"', "at results: .* is not a folder without braces"),
        ("results: '{x}'", "at results: '{x}' is not a folder without braces"),
        ("name: no", "at name: false, which is how YAML reads yes, no, on and off, stands where text"),
        ("seed: 5.0", "at seed: 5.0 stands where a whole number belongs"),
        ("sources: {st_train: {size: 10.0}}", "at sources.st_train.size: 10.0 is not a whole number, or `all`"),
        ("detectors: {knn: {options: {k: 7.0}}}", "at detectors.knn.options.k: 7.0 stands where .*: write 7"),
        ("max_failed: .nan", "at max_failed: nan is no limit"),
        (
            "models: {aasist: {compact: {training: {lr: .inf}}}}",
            "at models.aasist.compact.training.lr: inf is no limit",
        ),
        ("sources: {st_train: {size: 100000000, shard_size: 1}}", "at sources.st_train: .* are 100,000,000 jobs"),
        ("sources: {st_train: {size: most}}", "at sources.st_train.size: 'most' is not a whole number, or `all`"),
        ("sources: {st_train: {size: all}}", "at sources.st_train: `size: all` goes with `shards`"),
        ("sources: {st_train: {shards: 3}}", "at sources.st_train: `size: all` goes with `shards`"),
        ("sources: {ncssd: {size: all, shards: 1}}", "at sources.ncssd: `size: all` takes every .* cannot `balance`"),
        ("splits: {eval_id: {label: null}}", "at splits.eval_id: `label: null` goes with `role: unlabelled`"),
        ("splits: {id_source/snac: {role: unlabelled}}", "at splits.id_source/snac: `label: null` goes with `role"),
        ("sources: {st_eval: {size: all, shards: 9}}", "at sources.st_eval: .* nothing to st_dev, st_train, drawn"),
        ("splits: {train: {role: unlabelled, label: null}}", "at splits.train: models learn from its labels"),
        ("splits: {dev: {role: unlabelled, label: null}}", "at splits.dev: models learn from its labels"),
        ("splits: {eval_id: {role: unlabelled, label: null}}", "at splits: none has the `role: id`"),
        ("roots: {demo_alm: demo}", r"at roots.demo_alm: only corpora with a `demo` entry can be spoken: \['vctk', "),
        ("roots: {demo_alm: fetch}", "cannot be fetched for you: name its folder in `roots: {demo_alm: ...}`"),
        ("min_duration: 5000", "at min_duration: 5000 s is more than max_duration, 3600 s"),
        ("sources: {st_train: {corpora: [vctkk]}}", r"at sources.st_train: \['vctkk'\] unknown"),
        ("models: {aasist: {frontend: mell}}", "at models.aasist: no front-end 'mell'"),
        ("codecs: {gsm: {precision: bf16}}", "at codecs.gsm.precision: without weights there is no network"),
        ("frontends: {xlsr_layer5: {precision: tf32}}", "at frontends.xlsr_layer5.precision: tf32 needs a GPU"),
        (
            "bootstrap: {clusters: [utterance, speaker]}",
            r"at bootstrap.clusters: \['utterance', 'speaker'\] is not one of",
        ),
        ("codecs: {dac: {precision: fp8}}", "at codecs.dac.precision: 'fp8' is not one of"),
        ("select: {models: [aasistt]}", r"select.models names \['aasistt'\]"),
        (
            "codecs: {mimi: {weights: {compact: {file: weights/no.safetensors}}}}",
            "at codecs.mimi.weights.compact: there is",
        ),
        (
            "frontends: {xlsr_layer5: {weights: {compact: {file: none}}}}",
            "at frontends.xlsr_layer5.weights.compact: there is",
        ),
        (
            "alms: {demo_alm: {weights: {compact: {file: none}}}}",
            "at alms.demo_alm.weights.compact: there is no file none",
        ),
        (
            "models: {aasist: {compact: {checkpoint: none}}}",
            "at models.aasist.compact.checkpoint: there is no file none",
        ),
        (
            UNPUBLISHED,
            "at codecs.x.weights.official.files: there is no file weights/x.safetensors, and nothing fetches",
        ),
        ("release: {root: /nowhere}", "The release is not at /nowhere"),
    ],
)
def test_wrong_values_are_one_sentence(overlay, text, sentence):
    with pytest.raises(NcstError, match=sentence) as raised:
        load_config(overlay(text))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "sources: {st_train: {size: all, shards: 9}}",  # the last of its pool
        "sources: {st_eval: {size: all, shards: 9, order: 9}}",
        "sources: {st_eval: {size: all, shards: 9, corpora: [vctk]}}",
        "sources: {st_eval: {size: all, shards: 9, kind: spoof}}",
        "sources: {st_eval: {size: all, shards: 9, subset: test}}",
        "sources: {st_eval: {size: all, shards: 9, ids: list.txt}}",
        "sources: {st_eval: {size: all, shards: 9, speaker_disjoint: true}}",
    ],
)
def test_a_set_of_all_may_leave_others_something(overlay, text):
    assert load_config(overlay(text))["sources"]["st_train"]["pool"] == "st"


def test_everything_that_is_wrong_is_said_at_once(overlay):
    with pytest.raises(NcstError) as raised:
        load_config(overlay("roots: {vctkk: /data}\naccept: [nobody]\nmodels: {aasist: {train: trian}}"))
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == [
        "Config error at roots",
        "Config error at accept",
        "Config error at models.aasist",
    ]


def test_weights_among_the_results_are_made_by_the_run(overlay):
    load_config(overlay("codecs: {mimi: {weights: {compact: {file: results/demo/compact/mimi.safetensors}}}}"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds nothing where a mapping belongs"),
        ("- a\n- b\n", "holds a list where a mapping belongs"),
        ("a: [1", "is not valid YAML: .*line 1"),
        ("a: 2026-99-99", "is not valid YAML: month must be"),
        ("name: x\nname: y\n", "line 1: the key 'name' stands twice"),
        ("name: x".encode("utf-16"), "is not UTF-8 text"),
        ("select: &s\n  codecs: *s\n", "line 1: an alias stands inside of what it stands for"),
        (nested(10, "[{}]"), "its aliases make more than 1,000,000 values"),
        (nested(30, "{{<<: [{}]}}"), "its aliases make more than 1,000,000 values"),
        ("a: " + "[" * 5000 + "]" * 5000, "nests its values too deeply|not valid YAML"),
    ],
)
def test_wrong_files_are_one_sentence_in_seconds(overlay, text, sentence):
    start = time.monotonic()
    with pytest.raises(NcstError, match=sentence) as raised:
        load_config(overlay(text))
    assert "\n" not in str(raised.value)
    assert str(overlay(text)) in str(raised.value)
    assert time.monotonic() - start < 5


def test_aliases_are_read_as_meant(overlay):
    text = "a: &a {x: 1, y: [2]}\nb: {<<: *a, x: 3}\nc: [*a, *a]\n"
    assert read_mapping(overlay(text)) == yaml.safe_load(text)


@pytest.mark.parametrize("value", ["2026-99-99", "[" * 500, "\0", "&a [*a]", "!!python/x 1", "a: [", "9" * 5000])
def test_what_is_no_yaml_behind_config_stays_text(value):
    assert typed({"roots": {"vctk": value}}) == {"roots": {"vctk": value}}


SMALL = "config/small.yaml"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--configfile", "none.yaml"], "Cannot read the config file none.yaml"),
        (["-n", "--configfile", SMALL, "all"], "'all' does not end with .*: write targets before --configfile"),
        (["--configfile", SMALL, "results/a.parquet", "--cores", "1"], "'results/a.parquet' does not end with"),
        (["--configfile", SMALL, "--configfile", "b.yaml"], f"the last alone: write `--configfile {SMALL} b.yaml`"),
        (["--config", "roots={a:", "b}"], "'b}' is not: .*quote what holds blanks"),
        (["-C", "seed=1", "all"], "'all' is not: write targets before --config"),
    ],
)
def test_command_lines_that_snakemake_misreads(arguments, sentence):
    with pytest.raises(NcstError, match=sentence):
        command_line.check_overlays(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["all", "--configfile", SMALL, "config/lyra.yaml", "-C", "roots={vctk: demo}", "accept=[]", "--cores", "1"],
        ["--cores", "1", f"--configfile={SMALL}", "--", "all"],
        ["-n", "--config", "seed=1"],
        [],
    ],
)
def test_other_command_lines_pass(arguments):
    command_line.check_overlays(arguments)


def test_snakemake_and_every_command_say_the_same(overlay):
    wrong = overlay("release: null\n")
    sentence = "Config error at release: null stands where a mapping belongs"
    snakemake = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--configfile", str(wrong)], capture_output=True, text=True
    )
    said = snakemake.stdout + snakemake.stderr
    assert snakemake.returncode == 1 and sentence in said and "Traceback" not in said
    for command in (["codecs"], ["plan"], ["import-checkpoint", "aasist", "x.pt"], ["evaluate", "x.csv", "--out", "x"]):
        with pytest.raises(NcstError, match=sentence):
            CliRunner().invoke(app, [*command, "--configfile", str(wrong)], catch_exceptions=False)


@pytest.mark.parametrize("arguments", [["--configfile", SMALL, "all"], ["--config", "roots={a:", "b}"]])
def test_snakemake_ends_with_the_sentence_alone(arguments):
    done = subprocess.run([sys.executable, "-m", "snakemake", "-n", *arguments], capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")


def test_a_profile_without_its_executor_is_one_sentence(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["snakemake", "-n"])
    command_line.check_command_line()
    with pytest.raises(SystemExit, match=r"error: .* executor nobodys: `pip install 'ncst\[nobodys\]'`\.$"):
        command_line.check_command_line("nobodys")


def test_ncst_takes_overlays_as_snakemake_does(overlay):
    other = overlay("codecs: {lyra: {title: Lyra of mine}}\n")
    for overlays in ([SMALL, other], [SMALL, "--configfile", other]):
        done = subprocess.run(
            [sys.executable, "-m", "ncst", "codecs", "--configfile", *overlays], capture_output=True, text=True
        )
        assert "Lyra of mine" in done.stdout, done.stderr


def test_an_overlay_changes_the_entry_that_it_names_alone(tmp_path):
    """YAML anchors make entries share mappings; merged in place, one model's objective was every model's."""
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(
        "models: {aasist: {compact: {training: {objective: {name: aam}}}}}\n"
        "codecs: {mimi: {weights: {official: {file: x}}}}"
    )
    plain, changed = load_config(), load_config(overlay)
    assert changed["models"]["aasist"]["compact"]["training"]["objective"] == {"name": "aam"}
    assert changed["codecs"]["mimi"]["weights"]["official"]["file"] == "x"
    for family, name in (("models", "aasist"), ("codecs", "mimi")):
        others = [{key: value for key, value in config[family].items() if key != name} for config in (plain, changed)]
        assert others[0] == others[1]
