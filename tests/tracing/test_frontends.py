"""The front-ends: values, cut networks, features on disk and their fingerprints."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.golden_models import golden_case, golden_wave, published_xlsr
from safetensors.torch import save_file

from ncst.core.job import job
from ncst.core.waveforms import encode_flac
from ncst.errors import NcstError
from ncst.formats import shards
from ncst.formats.features import FeatureStore, feature_path
from ncst.tracing.augmentation import Augmentation
from ncst.tracing.compute_features import compute_features
from ncst.tracing.frontends._base import fit_clip
from ncst.tracing.frontends.mel import Mel
from ncst.tracing.frontends.ssl import Ssl, normalise
from ncst.tracing.frontends.waveform import Waveform

TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
STABLE = TINY | {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
BERT = {k: TINY[k] for k in list(TINY)[:4]} | {"feature_projection_input_dim": 160}


def tiny_network(config, path, seed=0):
    """Write the weights of a small random network to *path* and return the whole network."""
    from transformers import AutoConfig, AutoModel

    config = {"model_type": "wav2vec2"} | config
    torch.manual_seed(seed)
    arguments = {k: v for k, v in config.items() if k != "model_type"}
    network = AutoModel.from_config(AutoConfig.for_model(config["model_type"], **arguments)).eval()
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(state, path, {"config": json.dumps(config)})
    return network


def shard_rows(lengths, failed=()):
    filler = {"source_set": "s", "corpus": "c", "speaker": "p", "language": "en", "gender": "unknown", "codec": "real"}
    filler |= {"label": 0, "vq": "real", "aux": "real", "dec": "real", "bitrate_kbps": None, "native_rate": 16000}
    rows = []
    for number, length in enumerate(lengths):
        ok = number not in failed
        rows.append(
            filler
            | {
                "clip_id": str(number),
                "utt_id": str(number),
                "duration": length / 16000,
                "rms_db": -20.0 if ok else None,
                "delay_ms": 0.0 if ok else None,
                "status": "ok" if ok else "failed",
                "reason": None if ok else "broken",
                "audio": encode_flac(golden_wave(number, length)) if ok else None,
            }
        )
    return rows


def test_a_clip_is_cut_or_repeated():
    assert fit_clip(np.arange(3), 7).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert fit_clip(np.arange(9), 4).tolist() == [0, 1, 2, 3]


def test_the_waveform_keeps_sixteen_bits_and_full_scale():
    waves = np.array([[0.0, 1.0, -1.0, 1 / 32768, 0.5]], np.float32)
    front_end = Waveform({"samples": 5})
    assert front_end.compute(waves).tolist() == [[0, 32767, -32768, 1, 16384]]
    assert front_end.shape == (5,)


def test_mel_has_the_published_values():
    facts, arrays = golden_case("mel_lcnn")
    features = Mel({}).compute(np.stack([golden_wave(seed) for seed in facts["inputs"]["eval"]["seeds"]]))
    assert features.shape == (2, 80, 505) == (2, *Mel({}).shape)
    for key, found in (("mel.value", features.ravel()[arrays["mel.index"]]), ("mel.band_mean", features.mean(2))):
        np.testing.assert_allclose(found, arrays[key], rtol=0, atol=facts["noise"][key]["suggested_atol"])


@pytest.mark.parametrize(
    "config",
    [
        STABLE,
        TINY,
        STABLE | {"hidden_act": "relu"},
        TINY | {"model_type": "hubert"},
        BERT | {"model_type": "wav2vec2-bert"},
    ],
    ids=["xlsr", "wav2vec2", "relu", "hubert", "w2v-bert"],
)
def test_a_cut_network_gives_the_hidden_states_of_the_whole_one_to_the_bit(config, tmp_path):
    whole = tiny_network(config, tmp_path / "w.safetensors")
    waves = np.stack([golden_wave(seed, 8000) for seed in (1, 2)])
    for layer in (0, 2, 4):
        front_end = Ssl({"layer": layer, "samples": 8000}, tmp_path / "w.safetensors")
        with torch.inference_mode():
            hidden = front_end.hidden(waves)
            expected = whole(torch.from_numpy(front_end.prepare(waves)), output_hidden_states=True).hidden_states[layer]
        assert torch.equal(hidden, expected)
        assert front_end.shape == tuple(hidden.shape[1:])
        assert np.array_equal(front_end.compute(waves), hidden.half().numpy())


@pytest.mark.parametrize("size", [TINY, STABLE], ids=["base", "large"])
def test_wavlm_is_cut_as_well(size, tmp_path):
    whole = tiny_network(size | {"model_type": "wavlm"}, tmp_path / "w.safetensors")
    waves = golden_wave(1, 8000)[None]
    for layer in range(1, 5):
        front_end = Ssl({"layer": layer, "samples": 8000}, tmp_path / "w.safetensors")
        with torch.inference_mode():
            expected = whole(torch.from_numpy(front_end.prepare(waves)), output_hidden_states=True).hidden_states[layer]
            assert torch.allclose(front_end.hidden(waves), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "prefix"),
    [
        (STABLE | {"model_type": "wavlm"}, "wavlm."),
        (BERT | {"model_type": "wav2vec2-bert"}, "wav2vec2_bert."),
        (TINY | {"model_type": "wav2vec2"}, ""),
    ],
    ids=["wavlm", "w2v-bert", "wav2vec2"],
)
def test_a_published_checkpoint_becomes_a_cache_of_one_of_its_layers(config, prefix, tmp_path):
    network = tiny_network(config, tmp_path / "whole.safetensors")
    state = {prefix + key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(state | ({"lm_head.weight": torch.zeros(1)} if prefix else {}), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    files = {name: tmp_path / name for name in ("config.json", "model.safetensors")}
    cut, kept = Ssl.convert(files, {"layer": 2})
    save_file(kept, tmp_path / "cut.safetensors", {"config": json.dumps(cut)})
    shards.write_shard(tmp_path / "audio/s/real/0.parquet", shard_rows([9000, 5000]))
    caches = []
    for name in ("whole", "cut"):
        out = feature_path(tmp_path, name, "s/real/0.parquet")
        front_end = Ssl({"layer": 2, "samples": 8000}, tmp_path / f"{name}.safetensors")
        compute_features(tmp_path / "audio/s/real/0.parquet", front_end, out)
        caches.append(np.load(out))
    assert caches[0].dtype == np.float16
    assert np.array_equal(*caches) and caches[0].any()
    assert len(kept) < len(state)


def test_xlsr_layer5_has_the_published_values(tmp_path):
    facts, arrays = golden_case("xlsr_layer5")
    files = published_xlsr(tmp_path)
    config, converted = Ssl.convert(files, {"layer": 5})
    save_file(converted, tmp_path / "xlsr.safetensors", {"config": json.dumps(config)})
    front_end = Ssl({"layer": 5}, tmp_path / "xlsr.safetensors")
    waves = np.stack([golden_wave(seed) for seed in facts["inputs"]["seeds"]])
    with torch.inference_mode():
        hidden = front_end.hidden(waves).numpy()
    found = {
        "normalised.value": normalise(waves)[:, arrays["normalised.index"]],
        "hidden5.value": hidden.reshape(2, -1)[:, arrays["hidden5.index"]],
        "hidden5.channel_mean": hidden.mean(1),
        "hidden5.channel_std": hidden.std(1),
    }
    for key, value in found.items():
        np.testing.assert_allclose(value, arrays[key], rtol=0, atol=facts["noise"][key]["suggested_atol"], err_msg=key)
    assert sum(p.numel() for p in front_end.network.parameters()) < 77e6
    assert front_end.shape == (201, 1024)


def test_normalisation_is_per_clip(tmp_path):
    tiny_network(STABLE, tmp_path / "w.safetensors")
    front_end = Ssl({"layer": 2, "samples": 8000}, tmp_path / "w.safetensors")
    wave = golden_wave(3, 8000)
    loud = front_end.compute(np.stack([0.5 * wave, 20 * golden_wave(4, 8000)]))[0]
    np.testing.assert_allclose(loud, front_end.compute(wave[None])[0], atol=2e-2)
    plain = Ssl({"layer": 2, "samples": 8000, "normalise": False}, tmp_path / "w.safetensors")
    assert np.array_equal(plain.prepare(wave[None]), wave[None])


def test_weights_that_cannot_serve_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    tiny_network(STABLE, path)
    with pytest.raises(NcstError, match="layer: 9"):
        Ssl({"layer": 9}, path)
    with pytest.raises(NcstError, match="needs weights"):
        Ssl({"layer": 2})
    with pytest.raises(NcstError, match="missing"):
        Ssl({"layer": 2}, tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(NcstError, match="config"):
        Ssl({"layer": 2}, path)
    save_file({"a": torch.zeros(1)}, path, {"config": json.dumps(STABLE)})
    with pytest.raises(NcstError, match="looks like weights of"):
        Ssl({"layer": 2}, path)


def test_values_beyond_half_precision_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    network = tiny_network(STABLE, path)
    state = {k: v.contiguous() * (1e7 if "layers.0.feed" in k else 1) for k, v in network.state_dict().items()}
    save_file(state, path, {"config": json.dumps(STABLE)})
    with pytest.raises(NcstError, match="beyond float16"):
        Ssl({"layer": 2, "samples": 8000}, path).compute(golden_wave(1, 8000)[None])


def test_features_have_a_row_for_every_clip(tmp_path):
    lengths = [9000, 3000, 8000, 8000, 8000]
    shards.write_shard(tmp_path / "audio/s/real/0.parquet", shard_rows(lengths, failed={2}))
    out = feature_path(tmp_path, "wave", "s/real/0.parquet")
    front_end = Waveform({"samples": 8000})
    compute_features(tmp_path / "audio/s/real/0.parquet", front_end, out, batch=2)
    features = np.load(out)
    assert features.shape == (5, 8000)
    assert not features[2].any()
    for row in (0, 1, 3, 4):
        expected = fit_clip(golden_wave(row, lengths[row]), 8000)
        assert np.array_equal(features[row], np.round(expected * 32768))
    assert sorted(p.name for p in out.parent.iterdir()) == ["0.json", "0.npy"]
    read = FeatureStore(tmp_path, "wave", front_end.fingerprint()).read(["s/real/0.parquet"] * 2, [1, 4])
    assert np.array_equal(read[1], golden_wave(4, 8000))


class Small(Ssl):
    """Pretends to be on a GPU whose memory holds three clips."""

    holds = 3

    def launch(self, inputs):
        if len(inputs) > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return super().launch(inputs)


def test_a_batch_beyond_the_memory_is_halved_and_noted(tmp_path):
    tiny_network(STABLE, tmp_path / "w.safetensors")
    shard, out = tmp_path / "audio/s/real/0.parquet", feature_path(tmp_path, "ssl", "s/real/0.parquet")
    shards.write_shard(shard, shard_rows([8000] * 19, failed={0, 7}))
    entry = {"layer": 2, "samples": 8000}
    compute_features(shard, Ssl(entry, tmp_path / "w.safetensors"), out, batch=2)
    assert "notes" not in json.loads(out.with_suffix(".json").read_text())
    expected, small = np.load(out), Small(entry, tmp_path / "w.safetensors")
    compute_features(shard, small, out, readers=3)
    assert np.array_equal(np.load(out), expected)
    assert json.loads(out.with_suffix(".json").read_text())["notes"] == {"batch": {"size": 8, "held": 2}}
    FeatureStore(tmp_path, "ssl", small.fingerprint()).open("s/real/0.parquet")
    out.unlink()
    small.holds = 0
    with pytest.raises(NcstError, match="memory does not hold one clip of 8000 samples"):
        compute_features(shard, small, out)
    assert [path.name for path in out.parent.iterdir()] == ["0.json"]


def test_a_gpu_lost_in_the_middle_leaves_nothing(tmp_path):
    tiny_network(STABLE, tmp_path / "w.safetensors")
    shards.write_shard(tmp_path / "0.parquet", shard_rows([8000] * 9))
    lost = Ssl({"layer": 2, "samples": 8000}, tmp_path / "w.safetensors")
    launched, launch = [], lost.launch

    def launch_or_fail(inputs):
        launched.append(len(inputs))
        if len(launched) == 3:
            raise torch.AcceleratorError("CUDA error: device lost")
        return launch(inputs)

    lost.launch = launch_or_fail
    snakemake = SimpleNamespace(log=[tmp_path / "log"], rule="compute_features")
    with pytest.raises(SystemExit, match=r"^error in compute_features: The GPU was lost in the middle"), job(snakemake):
        compute_features(tmp_path / "0.parquet", lost, tmp_path / "out" / "0.npy", batch=3)
    assert launched == [3, 3, 3] and list((tmp_path / "out").iterdir()) == []


def test_less_precision_is_measured_and_noted(tmp_path):
    tiny_network(STABLE, tmp_path / "w.safetensors")
    shard, entry = tmp_path / "audio/s/real/0.parquet", {"layer": 2, "samples": 8000}
    shards.write_shard(shard, shard_rows([8000] * 12))
    found = {}
    for precision in ("fp32", "bf16"):
        front_end = Ssl(entry | ({"precision": precision} if precision != "fp32" else {}), tmp_path / "w.safetensors")
        out = feature_path(tmp_path, precision, "s/real/0.parquet")
        compute_features(shard, front_end, out)
        found[precision] = np.load(out)[:8].astype(np.float64)
        about = json.loads(out.with_suffix(".json").read_text())
    error = np.linalg.norm(found["bf16"] - found["fp32"]) / np.linalg.norm(found["fp32"])
    noted = about["notes"]["precision"]
    assert noted == {"name": "bf16", "clips": 8, "relative_error": pytest.approx(error)} and 1e-4 < error < 0.05
    assert about["options"]["precision"] == "bf16"
    with pytest.raises(NcstError, match="made with other options"):
        fp32 = Ssl(entry, tmp_path / "w.safetensors")
        FeatureStore(tmp_path, "bf16", fp32.fingerprint()).open("s/real/0.parquet")


def test_a_front_end_without_a_network_starts_without_pytorch(tmp_path):
    shards.write_shard(tmp_path / "0.parquet", shard_rows([4000]))
    code = (
        "import sys; from ncst.tracing.compute_features import compute_features; "
        "from ncst.tracing.frontends.mel import Mel; compute_features(sys.argv[1], Mel({}), sys.argv[2]); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "0.parquet", tmp_path / "0.npy"], check=True)


def test_a_network_front_end_reads_augmented_clips(tmp_path):
    tiny_network(STABLE, tmp_path / "w.safetensors")
    entry = {"module": "ssl", "layer": 2, "samples": 8000}
    noise = {"options": {"snr_db": 10}}
    about = {"waveforms": "waveform", "frontend": "tiny", "entry": entry, "weights": tmp_path / "w.safetensors"}
    never, always = (Augmentation(about | {"perturbations": {"noise": noise}}, p, tmp_path, "cpu") for p in (0, 1))
    waves = np.stack([golden_wave(seed, 8000) for seed in (1, 2)])
    stored = Ssl(entry, tmp_path / "w.safetensors").compute(waves).astype(np.float32)
    assert np.array_equal(never(waves, [1, 2]), stored)
    assert not np.array_equal(always(waves, [1, 2]), stored)
    assert not never.in_workers


def test_features_of_other_weights_or_lengths_are_refused(tmp_path):
    shards.write_shard(tmp_path / "audio/s/real/0.parquet", shard_rows([4000]))
    for name, seed in (("a", 0), ("b", 1)):
        tiny_network(STABLE, tmp_path / f"{name}.safetensors", seed)
    front_ends = [
        Ssl({"layer": 2, "samples": 4000}, tmp_path / "a.safetensors"),
        Ssl({"layer": 2, "samples": 4000}, tmp_path / "b.safetensors"),
        Ssl({"layer": 3, "samples": 4000}, tmp_path / "a.safetensors"),
        Ssl({"layer": 2, "samples": 5000}, tmp_path / "a.safetensors"),
    ]
    out = feature_path(tmp_path, "ssl", "s/real/0.parquet")
    compute_features(tmp_path / "audio/s/real/0.parquet", front_ends[0], out)
    FeatureStore(tmp_path, "ssl", front_ends[0].fingerprint()).open("s/real/0.parquet")
    for other, word in zip(front_ends[1:], ("weights", "options", "samples")):
        with pytest.raises(NcstError, match=word):
            FeatureStore(tmp_path, "ssl", other.fingerprint()).open("s/real/0.parquet")
    with pytest.raises(NcstError, match="missing"):
        FeatureStore(tmp_path, "ssl").open("s/real/1.parquet")
    fingerprint = out.with_suffix(".json").read_text()
    for wrong in ("[1]", "null", "{"):
        out.with_suffix(".json").write_text(wrong)
        with pytest.raises(NcstError, match="damaged"):
            FeatureStore(tmp_path, "ssl").open("s/real/0.parquet")
    out.with_suffix(".json").write_text(fingerprint)
    for wrong in (b"no array", out.read_bytes().replace(b"}  ", b"} ("), out.read_bytes().replace(b"False", b"(" * 5)):
        out.write_bytes(wrong)
        with pytest.raises(NcstError, match="damaged"):
            FeatureStore(tmp_path, "ssl").open("s/real/0.parquet")


def test_features_of_other_audio_are_refused(tmp_path):
    path = tmp_path / "audio/s/real/0.parquet"
    shards.write_shard(path, shard_rows([4000]))
    out = feature_path(tmp_path, "wave", "s/real/0.parquet")
    compute_features(path, Waveform({"samples": 4000}), out)
    os.utime(path)
    FeatureStore(tmp_path, "wave").open("s/real/0.parquet")
    date = path.stat()
    shards.write_shard(path, shard_rows([3999]))
    os.utime(path, ns=(date.st_atime_ns, date.st_mtime_ns))
    with pytest.raises(NcstError, match="made of other audio"):
        FeatureStore(tmp_path, "wave").open("s/real/0.parquet")
    path.unlink()
    FeatureStore(tmp_path, "wave").open("s/real/0.parquet")


FULL_DISK = """
import resource, sys
from pathlib import Path
from ncst.errors import NcstError
from ncst.tracing.compute_features import compute_features
from ncst.tracing.frontends.waveform import Waveform

resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000))
try:
    compute_features(Path(sys.argv[1]) / "0.parquet", Waveform({}), Path(sys.argv[1]) / "cache" / "0.npy")
except NcstError as error:
    print(error)
"""


def test_a_full_disk_is_one_sentence_and_no_half_cache(tmp_path):
    shards.write_shard(tmp_path / "0.parquet", shard_rows([4000]))
    done = subprocess.run([sys.executable, "-c", FULL_DISK, tmp_path], capture_output=True, text=True)
    assert "0.npy failed" in done.stdout and "nothing was kept of it" in done.stdout, done.stderr
    assert list((tmp_path / "cache").iterdir()) == []
