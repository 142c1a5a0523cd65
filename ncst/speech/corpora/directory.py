"""Any folder of recordings, or a table (CSV, Parquet) that names them."""

import os
from pathlib import Path

from ncst.errors import NcstError
from ncst.speech.corpora._base import AUDIO_SUFFIXES, Base, listing, read_text
from ncst.speech.text_tables import read_table

VALUES = {
    "table": "text",
    "separator": "text",
    "quotes": (True, False),
    "suffixes": "text",
    "speaker": ("folder", "none"),
    "language": "text",
    "kind": ("bonafide", "spoof"),
    "columns": ("utt_id", "path", "speaker", "language", "gender", "text", "kind", "subset"),
}
COLUMNS = VALUES["columns"]


class Directory(Base):
    """Recordings below a folder, in the order of their names.

    Settings
    --------
    table : str, optional
        Text table (CSV, TSV, ...) or Parquet file in the root. Without it, every audio file below the root is a
        recording.
    separator : str, optional
        Of a text table; by default found among comma, tab, bar and semicolon.
    quotes : bool, optional
        Whether a text table's cells may stand in quotation marks; by default those separated by ``,`` or ``;``.
    columns : dict, optional
        The table's name of ``path`` (relative to the root, or absolute) and, where it differs, of ``utt_id``,
        ``speaker``, ``language``, ``gender``, ``text``, ``kind``, ``subset``. Only ``path`` must exist.
    suffixes : list of str, optional
        Without a table: endings of the files that are recordings, e.g. ``.wav`` where videos lie beside them; by
        default all of sound and video.
    speaker : {"folder", "none"}, optional
        Without a table: the folder of a file names its speaker (default), or nothing does.
    language, kind : str, optional
        Of recordings whose table does not say; default ``unknown`` and ``bonafide``.

    Without an ``utt_id`` column the id is the path below the root without its ending, ``-`` in place of ``/``.
    """

    LAYOUT = "audio files, or the table that `settings: {table: ...}` names"

    @classmethod
    def is_root(cls, folder):
        """Say whether *folder* is not empty."""
        return bool(listing(folder))

    def rows(self):
        """Yield the table's rows, or the files below the root."""
        defaults = {"language": self.settings.get("language"), "kind": self.settings.get("kind", "bonafide")}
        for row in self._from_table() if self.settings.get("table") else self._from_names():
            yield {**defaults, **{key: value for key, value in row.items() if value is not None}}

    def _from_names(self):
        by_folder = self.settings.get("speaker", "folder") == "folder"
        suffixes = self.settings.get("suffixes") or AUDIO_SUFFIXES
        for folder, folders, names in os.walk(self.root):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                if path.suffix.lower() in suffixes and not name.startswith("."):
                    yield {
                        "utt_id": self._id(path),
                        "path": path,
                        "speaker": path.parent.name if by_folder and path.parent != self.root else None,
                    }

    def _from_table(self):
        table = self.root / self.settings["table"]
        names = {column: column for column in COLUMNS} | (self.settings.get("columns") or {})
        for record in self._records(table):
            row = {column: record[name] for column, name in names.items() if name in record}
            if not row.get("path"):
                raise NcstError(
                    f"{table} has no column {names['path']!r} or an empty cell in it: set `columns: {{path: ...}}` to "
                    f"one of {list(record)}."
                )
            path = self.root / row["path"]
            yield {**row, "path": path, "utt_id": str(row.get("utt_id") or self._id(path))}

    def _records(self, table):
        if not table.is_file():
            raise NcstError(f"There is no table {table}: set `table:` to a text or Parquet file in the corpus' folder.")
        if table.suffix != ".parquet":
            return read_table(read_text(table), table, self.settings.get("separator"), self.settings.get("quotes"))
        import pandas as pd

        try:
            frame = pd.read_parquet(table).astype(object)
        except (OSError, ValueError) as error:
            raise NcstError(f"{table} is no readable Parquet file ({error}): write it again.") from error
        records = frame.where(frame.notna() & (frame != ""), None).to_dict("records")
        return [{key: str(value) for key, value in record.items() if value is not None} for record in records]

    def _id(self, path):
        try:
            inside = path.relative_to(self.root)
        except ValueError:
            inside = Path(path.name)
        return "-".join((inside.with_suffix("") if inside.name else inside).parts)
