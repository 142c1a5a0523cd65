"""Time the manifests of every split of the full benchmark, from stand-in shards that hold no speech.

python benchmarks/manifests.py [folder]
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from ncst.audio.write_manifest import write_manifest
from ncst.formats.shards import COLUMNS, clip_id, write_shard
from ncst.plan import selection, sharding
from ncst.plan.config import load_config


def write_shards(config, audio, pair):
    source_set, codec = pair
    entry, size = config["codecs"][codec], sharding.most(config["sources"][source_set])
    names, start = sharding.shards(config, source_set), 0
    for number, shard in enumerate(names):
        end = size * (number + 1) // len(names)
        common = dict.fromkeys(COLUMNS) | entry["taxonomy"] | {"codec": codec, "source_set": source_set}
        common |= {"corpus": "vctk", "speaker": "p225", "language": "en", "gender": "female", "status": "ok"}
        common |= {"label": entry["class_id"], "duration": 3.5, "audio": b"x" * 64}
        ids = [f"{source_set}_{i:06d}" for i in range(start, end)]
        rows = [common | {"clip_id": clip_id(codec, utt_id), "utt_id": utt_id} for utt_id in ids]
        write_shard(audio / source_set / codec / f"{shard}.parquet", rows)
        start = end


def main(folder):
    config = load_config("config/st_codecfake.yaml")
    config["roots"] = dict.fromkeys(config["roots"], "/data")
    splits = selection.splits(config)
    pairs = dict.fromkeys(pair for split in splits for pair in selection.pairs(config, split))
    with tempfile.TemporaryDirectory(dir=folder) as name:
        audio = Path(name) / "audio"
        for pair in pairs:
            write_shards(config, audio, pair)
        memory, start, processor = peak(), time.perf_counter(), time.process_time()
        for split in splits:
            files = sharding.pair_files(
                config, f"{audio}/{{source_set}}/{{codec}}/{{shard}}.parquet", selection.pairs(config, split)
            )
            write_manifest(split, config["splits"][split], files, audio, Path(name) / f"{split}.parquet")
        wall, used = time.perf_counter() - start, time.process_time() - processor
    clips = sum(sharding.most(config["sources"][source_set]) for source_set, _ in pairs)
    listed = sum(sharding.clips(config, split) for split in splits)
    print(
        f"{len(splits)} manifests, {listed:,} rows of {clips:,} clips: {wall:.1f} s wall, {used:.1f} s CPU, "
        f"peak memory {peak():.2f} GB ({memory:.2f} GB before)"
    )


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
