"""The listening gallery: one utterance per language through every codec, as players and log-mel pictures."""

import base64

import numpy as np

from ncst.core.seeds import seed_of
from ncst.core.waveforms import SAMPLE_RATE, encode_flac
from ncst.formats.shards import read_audio_of, samples_of
from ncst.plan import paths
from ncst.report.mel_picture import CONTRAST_COLOURS, CONTRAST_DB, ENERGY_COLOURS, FLOOR_DB, log_mel, picture

SECONDS_IN_TOTAL = 160
SECONDS_PER_CLIP = 6.0
LANGUAGES = 4


def gallery(results):
    """Choose and draw the clips to listen to.

    The source set with the most codecs is shown. Per language, the utterance is drawn with the config's seed from
    those that every codec could process, preferably 2 to 6 s long. Clips are cut so that the page stays small.

    Parameters
    ----------
    results : ncst.report.read_results.Results

    Returns
    -------
    list of dict
        Per language: ``language, utt_id, corpus, speaker, gender, seconds, cards``; a card has ``codec, title, role,
        weights, audio, mel, contrast`` (data-URIs) and the row's facts. Empty where no utterance passed every codec.
    """
    usable = results.clips[results.clips["status"] == "ok"]
    per_set = usable.groupby("source_set")["codec"].nunique()
    usable = usable[usable["source_set"] == per_set.idxmax()]
    complete = usable.groupby("utt_id")["codec"].transform("nunique") == per_set.max()
    usable = usable[complete]
    languages = sorted(usable["language"].unique())[:LANGUAGES]
    seconds = min(SECONDS_PER_CLIP, SECONDS_IN_TOTAL / max(1, per_set.max() * len(languages)))
    return [_panel(results, usable[usable["language"] == language], seconds) for language in languages]


def _panel(results, rows, seconds):
    real = rows[rows["codec"] == "real"]
    fitting = real[real["duration"].between(2, SECONDS_PER_CLIP)]
    candidates = (fitting if len(fitting) else real)["utt_id"]
    chosen = min(candidates, key=lambda utt_id: seed_of(results.config["seed"], "gallery", utt_id))
    found = {row["codec"]: row for row in rows[rows["utt_id"] == chosen].to_dict("records")}
    clips = {codec: _samples(results, row)[: int(seconds * SAMPLE_RATE)] for codec, row in found.items()}
    source = log_mel(clips["real"])
    cards = [
        _card(results, codec, found[codec], clips[codec], source, found["real"])
        for codec in results.codecs()
        if codec in found
    ]
    facts = {key: found["real"][key] for key in ("language", "utt_id", "corpus", "speaker", "gender")}
    return facts | {"seconds": len(clips["real"]) / SAMPLE_RATE, "cards": cards}


def _card(results, codec, row, samples, source, real):
    mel = log_mel(samples)
    top = source.max()
    audible, reference = (np.maximum(values, top + FLOOR_DB) for values in (mel, source))
    contrast = None if codec == "real" else picture(audible - reference, -CONTRAST_DB, CONTRAST_DB, CONTRAST_COLOURS)
    keys = ("vq", "aux", "dec", "bitrate_kbps", "native_rate", "delay_ms")
    return {key: None if row[key] != row[key] else row[key] for key in keys} | {
        "codec": codec,
        "title": results.title(codec),
        "role": results.config["codecs"].get(codec, {}).get("role", "extra"),
        "weights": results.weights(codec),
        "rate": results.rate(codec),
        "level_db": row["rms_db"] - real["rms_db"],
        "audio": "data:audio/flac;base64," + base64.b64encode(encode_flac(samples)).decode(),
        "mel": picture(mel, top + FLOOR_DB, top, ENERGY_COLOURS),
        "contrast": contrast,
    }


def _samples(results, row):
    return samples_of(read_audio_of(results.folder / paths.AUDIO / row["shard_file"], [row["row"]])[0])
