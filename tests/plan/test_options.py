"""Options, training keys and settings are checked against the code, without importing it."""

import copy
import subprocess
import sys

import pytest

from ncst.errors import NcstError
from ncst.plan.config import load_config
from ncst.plan.options import option_problems, options_of, settings_of
from ncst.plan.validate import validate
from ncst.registry import file_of

WRONG = [
    ("detectors.knn.options", {"kk": 3}, "detectors.knn.options: 'kk' unknown; it may hold ['k']"),
    ("detectors.knn.options", {"k": "three"}, "detectors.knn.options.k: 'three' is not a number, as 7 is"),
    ("select.models", ["aasist", "aasist"], "select.models: ['aasist'] stand there more than once: name each once"),
    ("detectors.knn.options", {"k": 0}, "detectors.knn.options.k: 0 is less than the minimum of 1"),
    ("detectors.nnguide.options", {"k": -1}, "detectors.nnguide.options.k: -1 is less than the minimum of 1"),
    (
        "detectors.msp.options",
        {"precision": "half"},
        "msp.options.precision: 'half' is not one of ['double', 'single']",
    ),
    ("detectors.gen.options", {"gamma": 1}, "gen.options.gamma: 1 is greater than or equal to the maximum of 1"),
    ("detectors.react.tune", {"quantile": [0.9, 1.5]}, "react.tune.quantile: 1.5 is greater than or equal to"),
    ("detectors.vim.options", {"variance": 0}, "vim.options.variance: 0 is less than or equal to the minimum of 0"),
    ("detectors.energy.options", {"temperature": 0}, "energy.options.temperature: 0 is less than or equal to"),
    ("detectors.ensemble.options", {"members": {"knn": {"k": 0}}}, "members.knn.k: 0 is less than the minimum of 1"),
    ("detectors.knn.tune", {"kk": [1, 2]}, "detectors.knn.tune: 'kk' unknown"),
    ("detectors.ensemble.options", {"members": {"knn": {"q": 1}}}, "members.knn: 'q' unknown; it may hold ['k']"),
    ("perturbations.noise_20.options", {"snr": 3}, "perturbations.noise_20.options: 'snr' unknown"),
    ("perturbations.noise_20.options", {"snr_db": True}, "snr_db: True is not a list or [low, high]"),
    ("models.mel_lcnn.compact.training", {"epoch": 3}, "models.mel_lcnn.compact.training: 'epoch' unknown"),
    ("models.mel_lcnn.compact.training", {"lr": "fast"}, "training.lr: 'fast' stands where a number belongs"),
    ("models.mel_lcnn.compact.options", {"width": 3}, "models.mel_lcnn.compact.options: 'width' unknown"),
    ("models.mel_lcnn.compact.options", {"log": 3}, "models.mel_lcnn.compact.options.log: 3 is not true or false"),
    (
        "models.mel_lcnn.compact.training",
        {"objective": {"name": "aam", "scales": 2}},
        "models.mel_lcnn.compact.training.objective: 'scales' unknown; it may hold ['margin', 'scale']",
    ),
    ("corpora.in_the_wild.settings", {"tabel": "x"}, "corpora.in_the_wild.settings: 'tabel' unknown"),
    ("corpora.more_real.settings", {"speaker": "parent"}, "settings.speaker: 'parent' is none of ['folder', 'none']"),
    ("corpora.more_real.settings", {"kind": "real"}, "settings.kind: 'real' is none of ['bonafide', 'spoof']"),
    ("corpora.more_real.settings", {"language": False}, "settings.language: False is not text: put it in quotation"),
    ("corpora.more_real.settings", {"quotes": 1}, "settings.quotes: 1 is none of [True, False]"),
    ("corpora.more_real.settings", {"columns": {"pfad": "x"}}, "settings.columns: 'pfad' is none of ['utt_id', 'path'"),
    ("corpora.demo_alm.settings", {"speker": "none"}, "corpora.demo_alm.settings: 'speker' unknown"),
    (
        "corpora.asvspoof2019_la.settings",
        {"partition": "test"},
        "partition: 'test' is none of ['train', 'dev', 'eval']",
    ),
    ("corpora.vctk.settings", {"partial": "yes"}, "settings.partial: 'yes' is none of [True, False]"),
    ("codecs.encodec.settings", {"book": 8}, "codecs.encodec.settings: 'book' unknown; it may hold ['books']"),
    (
        "codecs.opus.settings",
        {"bitrat": 6},
        "codecs.opus.settings: 'bitrat' unknown; it may hold ['bitrate', 'command',",
    ),
    ("codecs.opus.settings", {}, "codecs.opus.settings: either `soundfile`, or `command`, or `encode` and `decode`"),
    ("codecs.opus.settings.delay", -5, "codecs.opus.settings.delay: -5 must be a whole number of samples from 0 on"),
    ("codecs.opus.settings.raw", True, "codecs.opus.settings.raw: samples without a header are for commands"),
    ("codecs.opus.settings", {"command": ["a"]}, "codecs.opus.settings.command: no argument has {output}"),
    ("alms.demo_alm.settings", {"heat": 1.0}, "alms.demo_alm.settings: 'heat' unknown"),
    ("codecs.snac.class_id", 1, "codecs.snac: its class 1 is that of 'mimi', and both are learnt"),
    ("splits.ood_vocoder.label", 3, "splits.ood_vocoder: with the role ood it must not have the label 3"),
    ("detectors.knn.tune", {"k": [1, "two"]}, "detectors.knn.tune.k: 'two' is not a number"),
    ("models.mel_lcnn.training", {"objective": {"name": "no"}}, "training.objective.name: no objective 'no'; there"),
    ("models.mel_lcnn.training", {"precision": "fp16"}, "mel_lcnn.compact.training.precision: fp16 needs a GPU"),
    ("models.mel_lcnn.compact.training", {"sampler": "no"}, "models.mel_lcnn.compact.training.sampler: 'no' is not"),
    ("codecs.dac.class_id", 3, "codecs.dac: with the role ood_multi it must not have the class 3"),
]


@pytest.mark.parametrize(("key", "value", "said"), WRONG)
def test_what_the_code_does_not_know_is_said_before_the_first_job(config, key, value, said):
    changed = copy.deepcopy(config)
    place = changed
    *path, last = key.split(".")
    for part in path:
        place = place.setdefault(part, {})
    place[last] = value
    with pytest.raises(NcstError) as caught:
        validate(changed)
    assert said in str(caught.value)


def test_all_problems_are_said_at_once(config):
    changed = copy.deepcopy(config)
    changed["detectors"]["knn"]["options"] = {"kk": 3}
    changed["models"]["aasist"]["compact"]["training"]["epoch"] = 3
    changed["codecs"]["dac"]["class_id"] = 1
    with pytest.raises(NcstError) as caught:
        validate(changed)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("overlay", ["st_codecfake", "small", "mitigations", "codecfake_plus", "lyra"])
def test_the_shipped_configs_are_in_order(overlay):
    assert list(option_problems(load_config(f"config/{overlay}.yaml"))) == []


def test_options_come_from_constructors_and_their_ancestors():
    assert options_of("detectors", file_of("detectors", "knn")) == {"k": 7}
    assert options_of("objectives", file_of("objectives", "cross_entropy")) == {}
    assert options_of("perturbations", file_of("perturbations", "level")) == {"gain_db": [-12, 6]}
    assert {"table", "columns", "partial", "separator"} <= settings_of(file_of("corpora", "directory")).keys()
    assert {"encode", "raw", "delay"} <= settings_of(file_of("codecs", "command")).keys()


def test_nothing_is_imported():
    code = "import sys; from ncst.plan.config import load_config; load_config(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
