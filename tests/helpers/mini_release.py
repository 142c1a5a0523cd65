"""A miniature of the official release, laid out by hand."""

import numpy as np
import soundfile

ENGLISH = {"train": ["p225_001", "s5_002", "p226_003"], "dev": ["p227_004"], "eval": ["p228_005", "p228_006"]}
MANDARIN = {"train": ["SSB00050001"], "dev": ["SSB00090002"], "eval": ["SSB00110003"]}
IDS = {part: ENGLISH[part] + MANDARIN[part] for part in ENGLISH}
NCSSD = ["R-EN_0_0_d10", "R-ZH_1_3_d20"]
CLASSES = {"": 0, "mimi": 1, "funcodec": 3, "encodec": 4}
OOD = {"eval_ood7.txt": {"wavtok": 7}, "eval_ood8-11.txt": {"soundstream": 8, "dac16k": 11}}
CONFIG_SETS = ("C3-1", "C3-3", "C3-4", "C4-1")
SIZES = {"st_train": 4, "st_dev": 2, "st_eval": 3, "ncssd": 2}


def write_wav(path, name, rate=16_000):
    """Write 0.6 s of noise that the name decides."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(name.encode())).standard_normal(int(0.6 * rate))
    soundfile.write(path, (0.1 * noise).clip(-1, 1), rate, subtype="PCM_16")


def lay_out(root):
    """Write the release below *root*: four ID classes, three unseen codecs, four configurations, two NCSSD sets."""
    for part, folder in (("train", "train"), ("dev", "dev"), ("eval", "eval_id")):
        lines = []
        for prefix, label in CLASSES.items():
            for utt_id in IDS[part]:
                name = f"{prefix}_{utt_id}".lstrip("_")
                write_wav(root / folder / f"{name}.wav", name)
                lines.append(f"{name}.wav {'fake' if label else 'real'} {label}")
        write_list(root, f"{folder}.txt", lines[::-1])
    for file, codecs in OOD.items():
        lines = []
        for prefix, label in codecs.items():
            for utt_id in IDS["eval"]:
                write_wav(root / f"eval_ood/{prefix}_{utt_id}.wav", f"{prefix}{utt_id}")
                lines.append(f"{prefix}_{utt_id}.wav fake {label}")
        write_list(root, file, lines)
    for folder in CONFIG_SETS:
        for utt_id in IDS["eval"]:
            same = f"funcodec_{utt_id}" if folder in ("C3-3", "C3-4") else f"{folder}_{utt_id}"
            write_wav(root / f"ID_diff_config/{folder}/{folder}_{utt_id}.wav", same)
    for utt_id in NCSSD:
        write_wav(root / f"ID_diff_source/NCSSD-mimi/mimi_{utt_id}.wav", f"mimi_{utt_id}")
        write_wav(root / f"OOD_diff_source/NCSSD_wavtokenizer/wavtok_{utt_id}.wav", f"wavtok_{utt_id}")
    return root


def write_list(root, name, lines):
    (root / "label").mkdir(parents=True, exist_ok=True)
    (root / "label" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
