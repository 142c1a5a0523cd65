"""Corpora from archives: terms first, nothing outside the folder, whole or absent; the workflow on a fetched one."""

import hashlib
import io
import stat
import tarfile
import zipfile

import numpy as np
import pytest
import soundfile
import yaml
from helpers.project import Project
from helpers.server import serving

from ncst.errors import NcstError
from ncst.fetch import archives, http
from ncst.fetch.archives import extract, fetch_corpus
from ncst.plan.terms import check_terms
from ncst.plan.validate import validate

FILES = {"speaker-info.txt": b"ID\n", "wav/p1/p1_001.wav": bytes(5000)}


def write_zip(path, files, links=()):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for name, target in links:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, target)
    return path


def write_tar(path, files, links=()):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return path


WRITERS = {"a.zip": write_zip, "a.tgz": write_tar}


def content_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("top", ["", "VCTK-Corpus/"])
def test_an_archive_is_unpacked_without_its_top_folder(tmp_path, name, top):
    archive = WRITERS[name](tmp_path / name, {f"{top}{file}": content for file, content in FILES.items()})
    extract([archive], tmp_path / "out")
    assert content_of(tmp_path / "out") == FILES
    assert sorted(p.name for p in tmp_path.iterdir()) == [name, "out"]


def test_several_archives_and_plain_files_share_the_folder(tmp_path):
    archives = [write_zip(tmp_path / "a.zip", {"train/1.wav": b"1", "__MACOSX/train/._1.wav": b"?"})]
    archives.append(write_tar(tmp_path / "b.tar.gz", {"dev/2.wav": b"2"}))
    (tmp_path / "README.md").write_bytes(b"read")
    extract([*archives, tmp_path / "README.md"], tmp_path / "out")
    assert content_of(tmp_path / "out") == {"train/1.wav": b"1", "dev/2.wav": b"2", "README.md": b"read"}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("files", "links"),
    [
        ({"../evil.txt": b"x"}, []),
        ({"wav/../../evil.txt": b"x"}, []),
        ({"/tmp/ncst-evil.txt": b"x"}, []),
        ({}, [("wav/link", "../../evil.txt")]),
        ({}, [("link", "/etc"), ("link/evil.txt", "x")]),
    ],
)
def test_nothing_is_written_outside_the_folder(tmp_path, name, files, links):
    (tmp_path / "in").mkdir()
    archive = WRITERS[name](tmp_path / "in" / name, FILES | files, links)
    with pytest.raises(NcstError, match="not a plain file below its folder: nothing was unpacked"):
        extract([archive], tmp_path / "in" / "out")
    assert [p.name for p in (tmp_path / "in").iterdir()] == [name]
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("damage", ["truncated", "overwritten", "other"])
def test_a_damaged_archive_leaves_nothing(tmp_path, name, damage):
    noise = np.random.default_rng(0).bytes(50_000)
    archive = WRITERS[name](tmp_path / name, FILES | {"wav/noise.wav": noise})
    good = archive.read_bytes()
    middle = len(good) // 2
    archive.write_bytes(
        {
            "truncated": good[:middle],
            "overwritten": good[:middle] + bytes(2000) + good[middle + 2000 :],
            "other": b"<html>Please log in</html>",
        }[damage]
    )
    with pytest.raises(NcstError, match=r"cannot be unpacked .*: delete it and fetch it again"):
        extract([archive], tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_one_bit_in_the_middle_leaves_nothing(tmp_path, kind):
    noise, archive = np.random.default_rng(0).bytes(50_000), tmp_path / f"a.tar.{kind}"
    with tarfile.open(archive, f"w:{kind}") as tar:
        info = tarfile.TarInfo("wav/noise.wav")
        info.size = len(noise)
        tar.addfile(info, io.BytesIO(noise))
    good = bytearray(archive.read_bytes())
    good[len(good) // 2] ^= 1
    archive.write_bytes(good)
    with pytest.raises(NcstError, match=r"cannot be unpacked .*: delete it and fetch it again"):
        extract([archive], tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == [archive.name]


@pytest.mark.parametrize("name", WRITERS)
def test_a_bomb_is_refused(tmp_path, name, monkeypatch):
    monkeypatch.setattr(archives, "SMALL", 1 << 20)
    archive = WRITERS[name](tmp_path / name, {"a.wav": bytes(1 << 21)})
    with pytest.raises(NcstError, match="unpacks to over 100 times its size"):
        extract([archive], tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_facts_of_a_member_are_not_read_however_long(tmp_path):
    archive = tmp_path / "a.tar"
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    archive.write_bytes(tarfile.TarInfo("a").tobuf() + info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(NcstError, match=r"cannot be unpacked \(facts of 1,099,511,627,776 bytes\)"):
        extract([archive], tmp_path / "out")


def test_an_interrupted_unpacking_leaves_the_old_folder_and_no_other(tmp_path, monkeypatch):
    archive = write_zip(tmp_path / "a.zip", FILES)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "killed").touch()

    def stop(self, member, folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "extract", stop)
        with pytest.raises(KeyboardInterrupt):
            extract([archive], tmp_path / "out")
    assert content_of(tmp_path) == {"a.zip": archive.read_bytes(), "out/old": b""}
    extract([archive], tmp_path / "out")
    assert content_of(tmp_path / "out") == FILES


def test_too_small_a_disk_is_seen_before_unpacking(tmp_path, monkeypatch):
    archive = write_zip(tmp_path / "a.zip", FILES)
    monkeypatch.setattr(http.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 4000}))
    with pytest.raises(NcstError, match=r"Unpacking a.zip needs 0.0 GB, but .* free some space"):
        extract([archive], tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_terms_come_first(config):
    vctk = config["corpora"]["vctk"]
    with pytest.raises(NcstError, match=r"VCTK is published under CC-BY-4.0: read https://.*add vctk to `accept"):
        check_terms("vctk", vctk, ["aishell3"])
    check_terms("vctk", vctk, ["vctk"])
    with pytest.raises(NcstError, match=r"NCSSD, licence .* get it from https://.*`roots: \{ncssd"):
        check_terms("ncssd", config["corpora"]["ncssd"], ["ncssd"])
    config["roots"]["vctk"] = "fetch"
    with pytest.raises(NcstError, match="add vctk"):
        validate(config)
    config["accept"] = ["vctk", "vctc"]
    with pytest.raises(NcstError, match=r"accept: \['vctc'\] unknown"):
        validate(config)
    config["accept"] = ["vctk", "st_codecfake"]
    validate(config)


@pytest.fixture
def server():
    with serving() as running:
        yield running


def tiny_vctk(path):
    files = {"speaker-info.txt": b"ID  AGE  GENDER\np225  23  F\np226  22  M\n"}
    for speaker in ("p225", "p226"):
        for number in range(1, 4):
            sound = io.BytesIO()
            soundfile.write(sound, np.random.default_rng(number).normal(0, 0.1, 48_000), 48_000, format="FLAC")
            name = f"{speaker}/{speaker}_{number:03d}"
            files |= {f"wav48_silence_trimmed/{name}_mic1.flac": sound.getvalue(), f"txt/{name}.txt": b"Hello.\n"}
    return write_zip(path, files)


def test_archives_are_kept_or_not(server, tmp_path):
    server.files["/a.zip"] = write_zip(tmp_path / "a.zip", FILES).read_bytes()
    download = {"terms": "https://x", "source": "url", "files": {"a.zip": {"url": f"{server.url}/a.zip"}}}
    entry = {"title": "X", "licence": "CC0", "download": download}
    for keep in (True, False):
        fetch_corpus("corpora.x", entry, tmp_path / "data" / "x", ["x"], keep, tmp_path / "lock.yaml")
        assert content_of(tmp_path / "data" / "x") == FILES
        assert (tmp_path / "data" / "archives" / "x" / "a.zip").is_file() is keep
    assert len(server.requests) == 1


@pytest.mark.workflow
def test_the_workflow_fetches_resumes_and_indexes_a_corpus(server, tmp_path):
    project = Project(tmp_path / "project")
    content = tiny_vctk(tmp_path / "VCTK.zip").read_bytes()
    server.files["/VCTK.zip"], server.drops, server.piece = content, 2, len(content) // 3
    overlay = {
        "name": "tiny",
        "roots": {"vctk": "fetch", "aishell3": None, "ncssd": None, "asvspoof2019_la": None, "in_the_wild": None},
        "select": {"splits": []},
        "corpora": {
            "vctk": {
                "download": {
                    "files": {
                        "VCTK-Corpus-0.92.zip": {
                            "url": f"{server.url}/VCTK.zip",
                            "size": len(content),
                            "sha256": hashlib.sha256(content).hexdigest(),
                        }
                    }
                }
            }
        },
    }
    target = "results/tiny/corpora/vctk.parquet"
    for accept, sentence in ([], "read https://creativecommons.org/licenses/by/4.0/"), (["vctk"], None):
        (project.folder / "mine.yaml").write_text(yaml.safe_dump(overlay | {"accept": accept}))
        done = project.snakemake(target, overlay="mine.yaml")
        assert (done.returncode != 0) == bool(sentence), done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        if sentence:
            assert sentence in done.stdout + done.stderr
            assert server.requests == []
    assert (project.folder / target).is_file()
    assert server.sent == len(content)
    assert (project.folder / "data/vctk/speaker-info.txt").is_file()
    assert "corpora.vctk.download" in (project.folder / "config/downloads.lock.yaml").read_text()
    log = project.results / "logs/fetch_corpus/vctk.log"
    assert f"VCTK-Corpus-0.92.zip from {server.url}/VCTK.zip: {len(content)} bytes, SHA-256 " in log.read_text()
    assert project.queued(target, overlay="mine.yaml") == {}
