"""Corpus parsers: each layout of the benchmark, and what goes wrong with folders."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from ncst import registry
from ncst.errors import NcstError
from ncst.speech.corpora._base import CODED
from ncst.speech.speak_corpus import LAYOUTS, speak_corpus

CONFIGURED = yaml.safe_load(Path("config/corpora.yaml").read_text(encoding="utf-8"))["corpora"]
# The benchmark's, with a layout of their own; folders of any recordings have tests of theirs (test_directory_*).
ENTRIES = {name: CONFIGURED[name] for name in LAYOUTS if "module" not in CONFIGURED[name]}


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))


def index(name, root, **settings):
    return list(registry.load("corpora", name)({"title": name, "settings": settings}, root).index())


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    root = tmp_path_factory.mktemp("spoken")
    for name in ENTRIES:
        speak_corpus(name, root / name, seed=3, speakers=1, utterances=2)
    return root


@pytest.fixture
def vctk(tmp_path):
    """VCTK 0.92 in names: no audio is needed to index it."""
    root = tmp_path / "VCTK-Corpus-0.92"
    for utt_id in ("p225_001", "p225_002", "s5_001"):
        speaker = utt_id.split("_")[0]
        touch(root / "wav48_silence_trimmed", f"{speaker}/{utt_id}_mic1.flac", f"{speaker}/{utt_id}_mic2.flac")
        write(root / "txt" / speaker / f"{utt_id}.txt", f"Text of {utt_id}.\n")
    write(root / "speaker-info.txt", "ID  AGE  GENDER  ACCENTS  REGION COMMENTS\np225  23  F    English    Southern\n")
    return root


@pytest.fixture
def aishell3(tmp_path):
    root = tmp_path / "data_aishell3"
    write(root / "spk-info.txt", "# comment\nSSB0005\tB\tmale\tnorth\n")
    write(root / "train/content.txt", "SSB00050001.wav\t武 wu3 术 shu4\nSSB00050002.wav\t花 hua1\n")
    write(root / "test/content.txt", "SSB06930002.wav\t术 shu4\n")
    touch(root, *(f"train/wav/SSB0005/SSB0005000{i}.wav" for i in (1, 2)), "test/wav/SSB0693/SSB06930002.wav")
    return root


@pytest.fixture
def asvspoof(tmp_path):
    root = tmp_path / "LA"
    protocol = "LA_0001 LA_E_1 - - bonafide\nLA_0002 LA_E_2 - A07 spoof\n"
    write(root / "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.eval.trl.txt", protocol)
    touch(root / "ASVspoof2019_LA_eval/flac", "LA_E_1.flac", "LA_E_2.flac")
    return root


@pytest.mark.parametrize("name", ENTRIES)
def test_ids_are_names_of_files_and_languages_are_known(spoken, name):
    for row in index(name, spoken / name):
        assert row["utt_id"] in row["path"]
        assert row["language"] in ("en", "zh")


@pytest.mark.parametrize("name", ENTRIES)
def test_wrong_folders_are_refused(spoken, tmp_path, name):
    """One level too high, and another corpus' folder: one sentence that names folder and fix."""
    (tmp_path / "above").mkdir()
    (tmp_path / "above" / "inner").symlink_to(spoken / name)
    others = [spoken / other for other in ENTRIES if other != name]
    for root in [tmp_path / "above", *others]:
        with pytest.raises(NcstError, match="`roots:`") as caught:
            index(name, root)
        assert str(root) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(NcstError, match="one folder deeper"):
        index(name, tmp_path / "above")


@pytest.mark.parametrize("name", ENTRIES)
def test_entries_say_what_users_must_know(name):
    assert {"title", "licence", "url", "notes", "demo"} <= ENTRIES[name].keys()


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("vctk", "p901_002_mic1.flac"),
        ("aishell3", "SSB90010002.wav"),
        ("asvspoof2019_la", "LA_E_9000003.flac"),
        ("in_the_wild", "1.wav"),
    ],
)
def test_half_extracted(spoken, tmp_path, name, gone):
    root = tmp_path / name
    shutil.copytree(spoken / name, root)
    next(root.rglob(gone)).unlink()
    with pytest.raises(NcstError, match="half-extracted") as caught:
        index(name, root)
    assert str(root) in str(caught.value)
    assert index(name, root, partial=True)


def test_vctk_092(vctk):
    rows = {row["utt_id"]: row for row in index("vctk", vctk)}
    assert list(rows) == ["p225_001", "p225_002", "s5_001"]
    first = rows["p225_001"]
    assert first["path"] == str(vctk / "wav48_silence_trimmed/p225/p225_001_mic1.flac")
    assert (first["speaker"], first["gender"], first["text"]) == ("p225", "female", "Text of p225_001.")
    assert rows["s5_001"]["gender"] == "unknown"


def test_vctk_080(tmp_path):
    touch(
        tmp_path, "wav48/p225/p225_001.wav", "wav48/p315/p315_001.wav", "wav48/.DS_Store", "wav48/p225/._p225_001.wav"
    )
    write(tmp_path / "txt/p225/p225_001.txt", "Please call Stella.\n")
    write(
        tmp_path / "speaker-info.txt", "ID  AGE  GENDER  ACCENTS  REGION\n225  23  F  English\n315  18  M  American\n"
    )
    first, second = index("vctk", tmp_path)
    assert (first["utt_id"], first["gender"], first["text"]) == ("p225_001", "female", "Please call Stella.")
    assert (second["utt_id"], second["gender"], second["text"]) == ("p315_001", "male", None)


def test_vctk_latin_1_text(vctk):
    write(vctk / "txt/p225/p225_001.txt", "The café is closed.\n", encoding="latin-1")
    assert index("vctk", vctk)[0]["text"] == "The café is closed."


def test_vctk_few_missing_recordings_are_as_shipped(vctk):
    for number in range(3, 203):
        write(vctk / f"txt/p225/p225_{number:03d}.txt", "x")
        touch(vctk, f"wav48_silence_trimmed/p225/p225_{number:03d}_mic1.flac")
    (vctk / "wav48_silence_trimmed/p225/p225_007_mic1.flac").unlink()
    assert len(index("vctk", vctk)) == 202


def test_vctk_of_two_versions(vctk):
    touch(vctk, "wav48/p225/p225_001.wav")
    with pytest.raises(NcstError, match=r"holds two versions .* name one in `roots:`"):
        index("vctk", vctk)


@pytest.mark.parametrize(("name", "facts"), [("vctk", "speaker-info.txt"), ("aishell3", "spk-info.txt")])
def test_missing_speaker_facts(request, name, facts):
    root = request.getfixturevalue(name)
    (root / facts).unlink()
    with pytest.raises(NcstError, match=f"half-extracted: {facts} is missing: extract"):
        index(name, root)
    assert {row["gender"] for row in index(name, root, partial=True)} == {"unknown"}


@pytest.mark.parametrize(
    ("name", "file", "encoding"),
    [
        ("aishell3", "train/content.txt", "gb18030"),
        ("aishell3", "spk-info.txt", "utf-16"),
        ("vctk", "txt/p225/p225_001.txt", "utf-16"),
        ("asvspoof2019_la", "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.eval.trl.txt", "utf-16"),
    ],
)
def test_metadata_that_is_not_utf8(request, name, file, encoding):
    root = request.getfixturevalue("asvspoof" if name == "asvspoof2019_la" else name)
    write(root / file, "SSB00050001.wav\t武 wu3\n", encoding=encoding)
    with pytest.raises(NcstError, match=f"{file} is not UTF-8 text: convert it"):
        index(name, root)


def test_recordings_that_no_list_names_are_mentioned(aishell3, caplog):
    touch(aishell3, "test/wav/SSB0693/SSB06930009.wav")
    assert index("aishell3", aishell3)[-1]["text"] is None
    assert "1 recordings are not in test/content.txt, SSB06930009 first" in caplog.text


def test_other_parts_and_layouts_of_a_corpus(tmp_path):
    """The physical access task instead of LA; NCSSD in folders as it was built instead of flat."""
    touch(tmp_path / "PA", "ASVspoof2019_PA_cm_protocols/ASVspoof2019.PA.cm.eval.trl.txt")
    with pytest.raises(NcstError, match=r"PA is not .*ASVspoof2019_PA_cm_protocols.*`roots:`.*LA_cm_protocols/"):
        index("asvspoof2019_la", tmp_path / "PA")
    touch(tmp_path / "NCSSD", "d10/0_0_d10.wav")
    with pytest.raises(
        NcstError, match=r"NCSSD is not .* holds d10: .* named like R-EN_0_0_d10\.wav, with no subfolders"
    ):
        index("ncssd", tmp_path / "NCSSD")


def test_aishell3(aishell3):
    rows = {row["utt_id"]: row for row in index("aishell3", aishell3)}
    assert {k: r["subset"] for k, r in rows.items()} == {
        "SSB00050001": "train",
        "SSB00050002": "train",
        "SSB06930002": "test",
    }
    assert rows["SSB00050001"]["text"] == "武术"
    assert rows["SSB00050001"]["gender"] == "male"
    assert rows["SSB06930002"]["speaker"] == "SSB0693"


def test_aishell3_twice_the_same_id(aishell3):
    touch(aishell3, "test/wav/SSB0005/SSB00050001.wav")
    with pytest.raises(NcstError, match="'SSB00050001'") as caught:
        index("aishell3", aishell3)
    assert "train/wav" in str(caught.value)
    assert "test/wav" in str(caught.value)


def test_ncssd(tmp_path):
    touch(tmp_path, "R-EN_1_3_d10.wav", "R-ZH_0_0_d7.wav", "C-ZH_0_1_d12.wav", "notes.txt", "cover.wav")
    write(tmp_path / "R-ZH_0_0_d7.lab", "你好\n")
    rows = {row["utt_id"]: row for row in index("ncssd", tmp_path)}
    assert {k: (r["speaker"], r["language"], r["subset"], r["text"]) for k, r in rows.items()} == {
        "R-EN_1_3_d10": ("R-EN_3", "en", "R", None),
        "R-ZH_0_0_d7": ("R-ZH_0", "zh", "R", "你好"),
        "C-ZH_0_1_d12": ("C-ZH_1_d12", "zh", "C", None),
    }


def test_asvspoof(asvspoof):
    real, fake = index("asvspoof2019_la", asvspoof)
    assert (real["utt_id"], real["speaker"], real["kind"], real["subset"]) == ("LA_E_1", "LA_0001", "bonafide", None)
    assert (fake["utt_id"], fake["kind"], fake["subset"]) == ("LA_E_2", "spoof", "A07")


def test_asvspoof_protocol_problems(asvspoof):
    with pytest.raises(NcstError, match="half-extracted"):
        index("asvspoof2019_la", asvspoof, partition="train")
    protocol = next(asvspoof.rglob("*.trl.txt"))
    protocol.write_text("LA_0001 LA_E_1 - - genuine\n")
    with pytest.raises(NcstError, match="'genuine'"):
        index("asvspoof2019_la", asvspoof)
    protocol.write_text("LA_0001 LA_E_1 bonafide\n")
    with pytest.raises(NcstError, match="Line 1"):
        index("asvspoof2019_la", asvspoof)


@pytest.mark.parametrize(
    ("inner", "wav", "table"), [("", "", "meta.csv"), ("release_in_the_wild", "", "meta.csv"), ("", "wav", "meta.txt")]
)
def test_in_the_wild(tmp_path, inner, wav, table):
    write(tmp_path / inner / table, 'file,speaker,label\n0.wav,"King, Jr.",spoof\n1.wav,Alan Watts,bona-fide\n')
    touch(tmp_path / inner / wav, "0.wav", "1.wav")
    first, second = index("in_the_wild", tmp_path)
    assert (first["utt_id"], first["speaker"], first["kind"]) == ("0", "King, Jr.", "spoof")
    assert (second["kind"], second["path"]) == ("bonafide", str(tmp_path / inner / wav / "1.wav"))


def test_in_the_wild_damaged_table(tmp_path):
    write(tmp_path / "meta.csv", "file,speaker,label\n0.wav,someone\n")
    with pytest.raises(NcstError, match="Line 2"):
        index("in_the_wild", tmp_path)


def test_directory_of_files_with_odd_names(tmp_path):
    touch(tmp_path, 'anna/it\'s "1".wav', "anna/b c.FLAC", "anna/sub/ü.mp3", "top.ogg", "readme.txt", ".hidden.wav")
    (tmp_path / "folder.wav").mkdir()
    rows = {row["utt_id"]: row["speaker"] for row in index("directory", tmp_path)}
    assert rows == {'anna-it\'s "1"': "anna", "anna-b c": "anna", "anna-sub-ü": "sub", "top": "unknown"}
    assert {row["speaker"] for row in index("directory", tmp_path, speaker="none")} == {"unknown"}
    assert {row["language"] for row in index("directory", tmp_path, language="de")} == {"de"}


def test_directory_two_files_of_one_name(tmp_path):
    touch(tmp_path, "a.wav", "a.flac")
    with pytest.raises(NcstError, match=r"a\.flac and .*a\.wav"):
        index("directory", tmp_path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_directory_with_a_table(tmp_path, ending):
    frame = pd.DataFrame(
        {"file": ["x/1.wav", "/abs/2.wav"], "spk": ["s1", None], "gender": ["F", "m"], "number": [1, 2]}
    )
    frame.to_csv(tmp_path / "t.csv", index=False) if ending == "csv" else frame.to_parquet(tmp_path / "t.parquet")
    columns = {"path": "file", "speaker": "spk", "utt_id": "number"}
    first, second = index("directory", tmp_path, table=f"t.{ending}", columns=columns, language="fr", kind="spoof")
    assert first == {
        "utt_id": "1",
        "speaker": "s1",
        "language": "fr",
        "gender": "female",
        "text": None,
        "path": str(tmp_path / "x/1.wav"),
        "kind": "spoof",
        "subset": None,
        **dict.fromkeys(CODED),
    }
    assert (second["utt_id"], second["speaker"], second["path"]) == ("2", "unknown", "/abs/2.wav")


def test_directory_takes_videos_unless_other_endings_are_set(tmp_path):
    touch(tmp_path, "s/a.wav", "s/a.mp4", "s/notes.txt", "s/face.jpg")
    with pytest.raises(NcstError, match=r"two recordings 's-a', .*a\.mp4 and .*a\.wav"):
        index("directory", tmp_path)
    assert [row["path"] for row in index("directory", tmp_path, suffixes=[".wav"])] == [str(tmp_path / "s/a.wav")]


def test_directory_with_a_wrong_table(tmp_path):
    write(tmp_path / "t.csv", "file\n1.wav\n")
    with pytest.raises(NcstError, match="no column 'path'"):
        index("directory", tmp_path, table="t.csv")
    with pytest.raises(NcstError, match=r"no table .*u.csv: set `table:`"):
        index("directory", tmp_path, table="u.csv")
    write(tmp_path / "u.parquet", "no")
    with pytest.raises(NcstError, match="no readable Parquet"):
        index("directory", tmp_path, table="u.parquet")


@pytest.mark.parametrize(
    ("name", "text", "settings", "texts"),
    [
        ("t.csv", 'path,text\na.wav,"one, two"\nb.wav,three\n', {}, ["one, two", "three"]),
        ("t.tsv", 'path\ttext\na.wav\tsaid" he\nb.wav\t"Hello\n', {}, ['said" he', '"Hello']),
        ("t.csv", "path|text\r\na.wav|one\r\nb.wav|two, three\r\n", {}, ["one", "two, three"]),
        ("t.csv", 'path,text\na.wav,"Hello\nb.wav,x\n', {"quotes": False}, ['"Hello', "x"]),
        ("t.csv", "path,text\na.wav," + "x" * 200_000 + "\nb.wav,y\n", {}, ["x" * 200_000, "y"]),
        ("t.txt", "path:text\na.wav:one\nb.wav:two\n", {"separator": ":"}, ["one", "two"]),
    ],
)
def test_directory_reads_tables_of_every_make(tmp_path, name, text, settings, texts):
    write(tmp_path / name, text)
    assert [row["text"] for row in index("directory", tmp_path, table=name, **settings)] == texts


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('path,text\na.wav,fine\nb.wav,"Hello\nc.wav,x\n', 'Line 3 of .*t.csv has quotation marks.*b.wav,"Hello'),
        ('path,text\na.wav,said" he\n', "Line 2 of .* has a quotation mark inside"),
        ('path,text\na.wav,"two\nlines"\n', "Line 2 of .* do not pair"),
        ("path,text\na.wav,one,two\n", "Line 2 of .* has 3 fields, not the 2 of path,text"),
        ("path,text\na.wav\n", "Line 2 of .* has 1 fields"),
    ],
)
def test_directory_names_the_line_that_is_wrong(tmp_path, text, match):
    write(tmp_path / "t.csv", text)
    with pytest.raises(NcstError, match=match):
        index("directory", tmp_path, table="t.csv")


def test_a_stray_quote_turns_no_label(tmp_path):
    touch(tmp_path, "0.wav", "1.wav", "2.wav")
    write(tmp_path / "meta.csv", 'file,speaker,label\n0.wav,A,spoof\n1.wav,"B,spoof\n2.wav,C" Jr,bona-fide\n')
    with pytest.raises(NcstError, match=r"Line 3 of .*meta.csv"):
        index("in_the_wild", tmp_path)


@pytest.mark.real
@pytest.mark.parametrize(("name", "folder"), [("vctk", "VCTK-Corpus-0.92"), ("aishell3", "data_aishell3")])
def test_real_speech(test_corpora, name, folder):
    rows = list(registry.load("corpora", name)(ENTRIES[name], test_corpora / folder).index())
    assert len(rows) == 320
    assert len({row["speaker"] for row in rows}) == 20
    assert {row["gender"] for row in rows} == {"female", "male"}
    assert all(row["text"] for row in rows)


def test_clips_of_a_language_model_are_spoofs_of_nobody(tmp_path):
    touch(tmp_path, "moshi/moshi_R-EN_0_0_d0.wav", "b.flac", "notes.txt")
    rows = index("alm", tmp_path)
    assert [row["utt_id"] for row in rows] == ["b", "moshi-moshi_R-EN_0_0_d0"]
    assert {(row["kind"], row["speaker"], row["language"]) for row in rows} == {("spoof", "unknown", "unknown")}
    write(tmp_path / "clips.csv", "path,utt_id,text,language\nb.flac,csm_00000,A boat.,en\n")
    (row,) = index("alm", tmp_path)
    assert (row["utt_id"], row["kind"], row["text"], row["language"]) == ("csm_00000", "spoof", "A boat.", "en")


def write_vctk(root, ending, count=3):
    write(root / "speaker-info.txt", "ID AGE GENDER\np225 23 F\np226 22 M\np227 38 M\n")
    for speaker in ("p225", "p226"):
        for number in range(count):
            write(root / f"txt/{speaker}/{speaker}_{number:03d}.txt", "Words.")
            touch(root, f"wav48_silence_trimmed/{speaker}/{speaker}_{number:03d}{ending}")


def test_vctk_092_converted_to_wav_is_read_and_what_is_missing_is_named(tmp_path, caplog):
    write_vctk(tmp_path, "_mic1.wav", 60)
    (tmp_path / "wav48_silence_trimmed/p226/p226_007_mic1.wav").unlink()
    assert len(index("vctk", tmp_path)) == 119
    assert "no folder of the speakers p227" in caplog.text
    assert "1 of the 120 recordings in txt/ are missing: p226_007" in caplog.text


@pytest.mark.parametrize(("name", "file"), [("vctk", "p225_000_mic2.flac"), ("ncssd", "sub/R-EN_0_0_d1.wav")])
def test_what_was_found_and_expected_is_said(tmp_path, name, file):
    if name == "vctk":
        write_vctk(tmp_path, "_mic2.flac")
        with pytest.raises(NcstError, match=r"found .*p225_000_mic2.flac, expected .*_mic1.flac"):
            index(name, tmp_path)
    else:
        touch(tmp_path, file)
        with pytest.raises(NcstError, match="one folder deeper"):
            index(name, tmp_path)


@pytest.mark.parametrize("row", ["1.wav,Name,", "1.wav,,spoof", ",Name,spoof"])
def test_an_empty_cell_of_in_the_wild_is_one_sentence(tmp_path, row):
    (tmp_path / "meta.csv").write_text(f"file,speaker,label\n0.wav,Name,spoof\n{row}\n")
    (tmp_path / "0.wav").touch()
    with pytest.raises(NcstError, match=r"meta.csv has a row without file, speaker or label"):
        index("in_the_wild", tmp_path)
