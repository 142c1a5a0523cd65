"""Audio language models: tiny ones with random weights, in the layout of the hub, through the same code as the real."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers import tiny_codecs
from safetensors.torch import load_file, save_file

from ncst import registry
from ncst.audio.alms.demo import delay
from ncst.audio.generate_alm import generate_alm, read_prompts, speak
from ncst.errors import NcstError
from ncst.plan import entries
from ncst.plan.config import load_config
from ncst.speech.index_corpus import index_corpus

ROOT = Path(__file__).parents[2]
ALMS = yaml.safe_load((ROOT / "config/alms.yaml").read_text(encoding="utf-8"))["alms"]
SHIPPED = ROOT / "resources/compact"
LLAMA = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}
TEXT = "A small boat."


def write_tokenizer(folder, first=3):
    """One token per lower-case letter, from *first* on, as a fast tokenizer."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz[]0123456789 .:"
    vocabulary = {"<unk>": 0, "<pad>": 1, "<s>": 2} | {letter: first + i for i, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>").save_pretrained(folder)


def csm(folder):
    from transformers import CsmConfig, CsmDepthDecoderConfig, CsmForConditionalGeneration

    depth = CsmDepthDecoderConfig(
        **LLAMA, num_codebooks=4, vocab_size=67, backbone_hidden_size=16, max_position_embeddings=4
    )
    config = CsmConfig(
        **LLAMA,
        num_codebooks=4,
        vocab_size=67,
        text_vocab_size=64,
        max_position_embeddings=128,
        codec_config={"model_type": "mimi", **registry.load("codecs", "mimi").tiny()},
        depth_decoder_config=depth.to_dict(),
        bos_token_id=2,
        pad_token_id=1,
        codebook_pad_token_id=66,
        codebook_eos_token_id=0,
        audio_token_id=60,
        audio_eos_token_id=61,
    )
    model = CsmForConditionalGeneration(config)
    model.generation_config.update(pad_token_id=66)
    model.save_pretrained(folder)
    write_tokenizer(folder)


def orpheus(folder):
    from transformers import LlamaConfig, LlamaForCausalLM

    LlamaForCausalLM(LlamaConfig(**LLAMA, vocab_size=60 + 7 * 64, bos_token_id=2, eos_token_id=58)).save_pretrained(
        folder
    )
    write_tokenizer(folder)


def bark(folder):
    from transformers import BarkConfig, BarkModel
    from transformers.models.bark.configuration_bark import BarkCoarseConfig, BarkFineConfig, BarkSemanticConfig

    sizes = {"num_layers": 1, "num_heads": 2, "hidden_size": 16}
    config = BarkConfig(
        semantic_config=BarkSemanticConfig(
            **sizes, block_size=128, input_vocab_size=200, output_vocab_size=101
        ).to_dict(),
        coarse_acoustics_config=BarkCoarseConfig(
            **sizes, block_size=128, input_vocab_size=240, output_vocab_size=240
        ).to_dict(),
        fine_acoustics_config=BarkFineConfig(
            **sizes, block_size=64, input_vocab_size=65, output_vocab_size=65, n_codes_total=4, n_codes_given=1
        ).to_dict(),
        codec_config={"model_type": "encodec", **registry.load("codecs", "soundstream").tiny()},
    )
    BarkModel(config).save_pretrained(folder)
    stages = {
        "semantic_config": {
            "eos_token_id": 100,
            "text_encoding_offset": 102,
            "text_pad_token": 190,
            "semantic_infer_token": 191,
            "semantic_vocab_size": 100,
            "max_input_semantic_length": 16,
        },
        "coarse_acoustics_config": {
            "coarse_semantic_pad_token": 230,
            "coarse_infer_token": 231,
            "max_coarse_input_length": 16,
            "max_coarse_history": 60,
            "sliding_window_len": 20,
        },
        "fine_acoustics_config": {"max_fine_history_length": 32, "max_fine_input_length": 64, "n_fine_codebooks": 4},
    }
    content = json.dumps({"model_type": "bark", "codebook_size": 64, **stages})
    (folder / "generation_config.json").write_text(content, encoding="utf-8")
    write_tokenizer(folder)


def dia(folder):
    from transformers import DiaConfig, DiaDecoderConfig, DiaEncoderConfig, DiaForConditionalGeneration, DiaTokenizer

    attention = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}
    sizes = {"num_hidden_layers": 1, "hidden_size": 16, "intermediate_size": 16, "max_position_embeddings": 512}
    decoder = DiaDecoderConfig(
        **sizes,
        **attention,
        cross_num_attention_heads=2,
        cross_num_key_value_heads=2,
        cross_head_dim=8,
        cross_hidden_size=16,
        vocab_size=68,
        num_channels=4,
        eos_token_id=64,
        pad_token_id=65,
        bos_token_id=66,
    )
    config = DiaConfig(
        encoder_config=DiaEncoderConfig(**sizes, **attention).to_dict(),
        decoder_config=decoder.to_dict(),
        delay_pattern=[0, 2, 3, 4],
    )
    DiaForConditionalGeneration(config).save_pretrained(folder)
    DiaTokenizer().save_pretrained(folder)


TINY = {"csm": csm, "orpheus": orpheus, "bark": bark, "dia": dia}
TOKENS = {"codes": 64, "first_code": 60, "before_text": [50], "after_text": [51, 52], "end": 58}
CODEBOOKS = {"csm": (4, 64), "orpheus": (3, 64), "bark": (4, 64), "dia": (4, 64)}


def entry_of(name, **settings):
    entry = copy.deepcopy(ALMS[name])
    entry["settings"] |= {"seconds": 1.0} | ({"tokens": TOKENS} if name == "orpheus" else {}) | settings
    return entry | {"clips": 2, "prompts": str(ROOT / entry["prompts"])}


@pytest.fixture(scope="module", params=sorted(TINY))
def tiny(request, tmp_path_factory):
    """(name, folder of the hub's layout, weight file of the back-end codec) of each model."""
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(1)
    TINY[request.param](folder / "model")
    module = load_config(folder=ROOT / "config")["codecs"][ALMS[request.param]["codec"]].get(
        "module", ALMS[request.param]["codec"]
    )
    return request.param, folder / "model", module, tiny_codecs.write(module, folder / "codec.safetensors")


def test_a_model_of_the_hub_speaks_through_its_codec(tiny):
    name, folder, module, weights = tiny
    alm = registry.load("alms", name)(entry_of(name), folder)
    books, size = CODEBOOKS[name]
    codec = registry.load("codecs", module)({"settings": {}, "books": books, "bits_per_book": 6}, weights)
    with torch.inference_mode():
        codes = alm.codes(TEXT)
    assert codes.shape[0] == books and codes.dtype == torch.int64 and codes.shape[1] > 5
    assert codes.min() >= 0 and codes.max() < size and len(codes.unique()) > 8
    audio = speak(alm, codec, TEXT, 1)
    assert audio.dtype == np.float32 and np.isfinite(audio).all() and 0.02 < len(audio) / codec.sample_rate < 4
    assert np.array_equal(audio, speak(alm, codec, TEXT, 1))
    assert not np.array_equal(audio[:500], speak(alm, codec, TEXT, 2)[:500])


@pytest.mark.parametrize("name", ["csm", "bark", "dia"])
def test_codes_are_those_that_transformers_decodes(name, tmp_path):
    torch.manual_seed(1)
    TINY[name](tmp_path)
    alm = registry.load("alms", name)(entry_of(name), tmp_path)
    with torch.inference_mode():
        torch.manual_seed(5)
        codes = alm.codes(TEXT)[None]
        torch.manual_seed(5)
        assert torch.allclose(*REFERENCES[name](alm, codes), atol=1e-6)


def csm_reference(alm, codes):
    prompt = alm.tokenizer(f"[0]{TEXT}", return_tensors="pt").input_ids
    drawing = {"do_sample": True, "temperature": 0.9, "top_k": 50, "suppress_tokens": [64, 65, 66]}
    depth = {f"depth_decoder_{key}": value for key, value in drawing.items()}
    audio = alm.model.generate(input_ids=prompt, output_audio=True, max_new_tokens=12, **drawing, **depth)[0]
    return alm.model.codec_model.decode(codes).audio_values[0, 0], audio


def bark_reference(alm, codes):
    words = alm.tokenizer(TEXT, padding="max_length", max_length=16, return_tensors="pt", add_special_tokens=False)
    drawing = {"do_sample": True, "semantic_temperature": 0.7, "coarse_temperature": 0.7, "fine_temperature": 0.5}
    audio = alm.model.generate(
        words.input_ids, attention_mask=words.attention_mask, semantic_max_new_tokens=50, **drawing
    )[0]
    return alm.model.codec_decode(codes)[0], audio


def dia_reference(alm, codes):
    from transformers import DiaProcessor

    started = {}
    generate_codes = alm.model.generate

    def record(**inputs):
        started.update(inputs)
        started["out"] = generate_codes(**inputs)
        return started["out"]

    alm.model.generate = record
    alm.codes(TEXT)
    delays, length = alm.model.config.delay_pattern, started["decoder_input_ids"].shape[1]
    prefill = torch.full((1, length, 4), 65)
    prefill[:, 0] = 66
    places = DiaProcessor.build_indices(1, length, 4, delays)
    assert torch.equal(started["decoder_input_ids"], DiaProcessor.apply_audio_delay(prefill, 65, 66, places))
    out = started["out"]
    places = DiaProcessor.build_indices(1, out.shape[1], 4, delays, revert=True)
    end = out.shape[1] - int((out[0, :, 0] == 65).sum()) - 1
    return codes.double(), DiaProcessor.apply_audio_delay(out, -1, -1, places)[:, 1:end].mT.double()


REFERENCES = {"csm": csm_reference, "bark": bark_reference, "dia": dia_reference}


def test_seven_tokens_are_one_coarse_frame(tmp_path):
    orpheus(tmp_path)
    alm = registry.load("alms", "orpheus")(entry_of("orpheus"), tmp_path)
    frames = [[0, 10, 20, 21, 11, 22, 23], [1, 12, 24, 25, 13, 26, 27]]
    written = [60 + place * 64 + code for frame in frames for place, code in enumerate(frame)] + [58]
    alm.model.generate = lambda prompt, **_: torch.cat([prompt, torch.tensor([written])], 1)
    assert alm.codes(TEXT).tolist() == [
        [0, 0, 0, 0, 1, 1, 1, 1],
        [10, 10, 11, 11, 12, 12, 13, 13],
        [20, 21, 22, 23, 24, 25, 26, 27],
    ]


@pytest.fixture(scope="module")
def babble():
    """The shipped demonstration model and its codec."""
    config = load_config(folder=ROOT / "config")
    alm = registry.load("alms", "demo")(ALMS["demo_alm"], SHIPPED / "demo_alm.safetensors")
    return alm, registry.load("codecs", "mimi")(entries.codec_entry(config, "mimi"), SHIPPED / "mimi.safetensors")


def test_the_demonstration_babbles_like_speech(babble):
    clips = [speak(*babble, None, seed) for seed in range(3)]
    assert np.array_equal(clips[0], speak(*babble, None, 0)) and len({len(clip) for clip in clips}) == 3
    for clip in clips:
        assert 2 <= len(clip) / 16_000 <= 4.1 and np.abs(clip).max() < 1.2
        frames = np.sqrt(np.square(clip[: len(clip) // 320 * 320].reshape(-1, 320)).mean(1))
        assert -40 < 20 * np.log10(frames.mean()) < -15
        assert np.quantile(frames, 0.9) > 4 * np.quantile(frames, 0.1), "syllables and pauses"


def test_delays_start_empty():
    assert delay(torch.tensor([[1, 2, 3], [4, 5, 6]]), 9).tolist() == [[9, 1, 2, 3, 9], [9, 9, 4, 5, 6]]


def make(out, entry, seed=688, codec="mimi"):
    config = load_config(folder=ROOT / "config")
    weights = SHIPPED / "demo_alm.safetensors"
    generate_alm(
        "demo_alm", entry, weights, entries.codec_entry(config, codec), SHIPPED / f"{codec}.safetensors", out, seed
    )


def test_a_clip_does_not_depend_on_how_many_there_are(tmp_path):
    entry = copy.deepcopy(ALMS["demo_alm"])
    entry["settings"] |= {"seconds": [0.6, 1.0]}
    for clips in (2, 3):
        make(tmp_path / str(clips), entry | {"clips": clips})
    assert sorted(p.name for p in (tmp_path / "3").iterdir()) == ["00000.wav", "00001.wav", "00002.wav", "clips.csv"]
    assert (tmp_path / "2/00001.wav").read_bytes() == (tmp_path / "3/00001.wav").read_bytes()
    assert index_corpus("demo_alm", {"title": "Demo", "module": "alm"}, tmp_path / "3", tmp_path / "i.parquet") == {
        "ok": 3,
        "rejected": 0,
    }
    with pytest.raises(NcstError, match=r"Demo wrote 8 books .* has 1 books of 1024: correct `codec`"):
        make(tmp_path / "wrong", entry | {"clips": 1, "codec": "wavtokenizer"}, codec="wavtokenizer")
    assert not (tmp_path / "wrong").exists() and not list(tmp_path.glob(".wrong*"))


def test_clips_that_went_wrong_say_why(tmp_path, babble, monkeypatch):
    """No frames, NaN and silence are counted where every recording is."""
    import pyarrow.parquet as pq

    from ncst.audio.resynthesize import write_real
    from ncst.formats.shards import read_rows
    from ncst.speech.sample_sources import sample_sources

    tone = np.sin(np.arange(16_000) / 5).astype(np.float32)
    outcomes = iter([np.zeros(0, np.float32), tone * np.float32("nan"), 0 * tone, 0.1 * tone])
    monkeypatch.setattr("ncst.audio.generate_alm.speak", lambda *_: next(outcomes))
    make(tmp_path / "clips", ALMS["demo_alm"] | {"clips": 4})
    config = load_config(folder=ROOT / "config")
    index = tmp_path / "index.parquet"
    assert index_corpus("demo_alm", config["corpora"]["demo_alm"], tmp_path / "clips", index) == {
        "ok": 3,
        "rejected": 1,
    }
    rows = pq.read_table(index).to_pylist()
    assert rows[0]["reason"] == "no samples" and {row["kind"] for row in rows} == {"spoof"}
    sources = {"demo_alm": config["sources"]["demo_alm"] | {"size": 3}}
    sample_sources("demo_alm", [index], sources, 1, tmp_path / "set.parquet")
    roots = {"demo_alm": tmp_path / "clips"}
    write_real(tmp_path / "set.parquet", "00000-of-00001", config["codecs"]["real"], tmp_path / "real.parquet", roots)
    reasons = {row["utt_id"]: row["reason"] for row in read_rows(tmp_path / "real.parquet")}
    assert "NaN" in reasons["demo_alm_00001"] and "silent" in reasons["demo_alm_00002"]
    assert reasons["demo_alm_00003"] is None


def test_nothing_to_say_is_an_error(tmp_path):
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n")
    with pytest.raises(NcstError, match=r"csm has nothing to say, .* is no file: set `prompts`"):
        read_prompts("csm", {})
    with pytest.raises(NcstError, match="write one text a line"):
        read_prompts("csm", {"prompts": str(empty)})


def test_a_broken_folder_is_an_error(tmp_path):
    orpheus(tmp_path)
    with pytest.raises(NcstError, match=r"holds no CsmForConditionalGeneration .*describes 'llama'"):
        registry.load("alms", "csm")(entry_of("csm"), tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    del state["model.layers.0.mlp.up_proj.weight"]
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(NcstError, match=r"1 weights are missing, model\.layers\.0\.mlp\.up_proj"):
        registry.load("alms", "orpheus")(entry_of("orpheus"), tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(NcstError, match="delete it and fetch it again"):
        registry.load("alms", "orpheus")(entry_of("orpheus"), tmp_path)
    with pytest.raises(NcstError, match="holds no tokenizer"):
        registry.load("alms", "orpheus")(entry_of("orpheus"), tmp_path / "nowhere")


def test_prompts_that_are_no_text_are_one_sentence(tmp_path):
    (tmp_path / "prompts.txt").write_bytes(b"hello \xff")
    with pytest.raises(NcstError, match=r"prompts.txt is not UTF-8 text"):
        read_prompts("x", {"prompts": str(tmp_path / "prompts.txt")})
