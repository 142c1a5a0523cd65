"""CodecFake+ (Chen et al. 2025): the taxonomy labels of its codecs and systems."""

import csv

from ncst.core.shipped import shipped

LABELS = shipped("resources", "codecfake_plus", "labels.csv")


def read_labels(part):
    """Return ``{name: {codec, vq, aux, dec}}`` of *part* (``cors`` or ``cosg``); an alias means the codec behind it.

    >>> read_labels("cors")["mimicodec"]
    {'codec': 'mini', 'vq': 'mvq', 'aux': 'sem', 'dec': 'time'}
    """
    with LABELS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["set"] == part]
    return {
        name: {"codec": row["name"], **{key: row[key] for key in ("vq", "aux", "dec")}}
        for row in rows
        for name in (row["name"], row["alias"])
        if name
    }
