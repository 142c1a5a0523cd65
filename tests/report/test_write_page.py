import base64
import io
import json
import re
import struct
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from helpers import fake_run as fake
from helpers.browser import Browser
from helpers.fake_results import write

from ncst.errors import NcstError
from ncst.report.draw_figures import draw_figures
from ncst.report.page.content import unlabelled_tables
from ncst.report.page.results_tables import results_tables
from ncst.report.page.write_page import write_page
from ncst.report.read_results import read_results


class Page(HTMLParser):
    """What the tests ask of a page: addresses it names, its ids, its visible text, its table cells."""

    def __init__(self, html):
        super().__init__()
        self.addresses, self.ids, self.text, self.sorts, self._hidden = [], set(), "", [], False
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.addresses += [(tag, attrs[key]) for key in ("src", "href", "poster", "srcset", "data") if attrs.get(key)]
        self.ids.add(attrs.get("id"))
        self.sorts += [attrs["data-sort"]] if "data-sort" in attrs else []
        self._hidden = tag in ("script", "style")

    def handle_endtag(self, tag):
        self._hidden = False

    def handle_data(self, data):
        self.text += "" if self._hidden else data + " "


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write(tmp_path_factory.mktemp("fake"), refused=True)


@pytest.fixture(scope="module")
def html(results):
    path = results / "report" / "index.html"
    write_page(results, fake.config(), path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_loads_nothing(html, page):
    plain = {a for tag, a in page.addresses if not a.startswith(("data:", "#"))}
    assert plain == {"https://arxiv.org/abs/2501.06514", "https://arxiv.org/abs/2505.12994"}
    assert all(tag == "a" for tag, a in page.addresses if a in plain)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style and "@import" not in style
    assert "default-src 'none'" in html
    assert len(html.encode()) < 15e6


def test_every_part_is_there(page):
    sections = [
        "scoreboard",
        "run",
        "known",
        "unseen",
        "unseen-real",
        "robustness",
        "maps",
        "taxonomy",
        "tables",
        "listen",
        "quality",
        "training",
        "provenance",
        "cite",
    ]
    tables = [
        "splits",
        "corpora",
        "codecs",
        "table3",
        "table4",
        "table5",
        "table6",
        "robustness",
        "shortcuts",
        "unseen_real",
        "taxonomy",
        "taxonomy_parameters",
        "weights",
        "rules",
        "versions",
    ]
    charts = [
        *("single", "confusion", "reliability", "taken", "decisions", "detectors", "histograms", "roc", "oscr"),
        *("risk_coverage", "unseen_real", "robustness", "maps", "taxonomy", "learning", "levels"),
    ]
    wanted = {*sections, *(f"table-{t}" for t in tables), *(f"chart-{c}" for c in charts)}
    assert wanted <= page.ids


def test_a_tracer_is_shown_by_codec_and_its_parameter_errors_are_no_percentages(html, page):
    assert '"row":["Real · real","DAC · mvq"]' in html
    assert "45.20 [40.00, 140.00]" in page.text


def test_data_is_escaped(html, page):
    assert "<script>alert" not in html and "<b>chain" not in html and "<silent>" not in html and "<bad>" not in html
    assert "Unseen real: VCTK <b>chain</b>" in page.text
    assert "2 × output <silent>" in page.text and "1 × not decodable: <bad> header" in page.text


def test_shortcuts_are_said_in_red(html, page):
    assert "given nothing but level reaches a macro F1 of 41.0" in page.text
    assert "duration reaches" not in page.text
    assert 'class="notice alarm"' in html and ".alarm { --warn: var(--alarm)" in html and "--alarm: #b00020" in html


def test_perturbations_stand_below_each_other(results):
    tables = {t.name: t for t in results_tables(read_results(results, fake.config()))}
    robust = tables["robustness"]
    assert [title for title, _ in robust.columns[:4]] == [
        "Model",
        "Detector",
        "Perturbation",
        "Macro F1, known classes",
    ]
    assert [cell.text for cell in robust.rows[1][:4]] == ["AASIST", "Energy", "Opus, 16 kbit/s", "60.00"]
    assert len(robust.rows) == 3 * 2 * 3 and len(robust.columns) == 6
    real = tables["unseen_real"]
    assert [cell.text for cell in real.rows[0]][:4] == ["Corpus", "VCTK <b>", "AASIST", "40"]
    assert real.rows[0][-1].text == "Real 75%, Mimi 25%"


def test_counts_are_those_of_the_files(page):
    assert "132 clips 2 failed" in page.text
    assert "In-distribution evaluation eval_id known classes 0–6 st_eval" in page.text
    assert "Unseen codecs 8-9 ood_multi out-of-distribution 8, 9 st_eval DAC, SoundStream 24 0 –" in page.text
    assert "st_eval: its list names 2 utterances that the corpora lack, skipped p362_001 p362_002" in page.text
    assert "EnCodec at 3 kbps id_config/encodec_3kbps one true class 4 st_eval EnCodec-3kbps 12 0 –" in page.text


def test_values_stand_beside_the_paper(results, page):
    (table3,) = [t for t in results_tables(read_results(results, fake.config())) if t.name == "table3"]
    assert [title for title, _ in table3.columns] == ["Model", *list(fake.TITLES.values())[:7], "macro"]
    rows = {row[0].text: row[1:] for row in table3.rows}
    weak, strong = (fake.metrics(model, fake.SEED)["id"] for model in ("mel_lcnn", "w2v2_aasist"))
    assert rows["Mel-LCNN"][0].value == pytest.approx(100 * weak["per_class_f1"]["0"]["value"])
    assert rows["W2V2-AASIST"][-1].low == pytest.approx(100 * strong["macro_f1"]["low"])
    assert (rows["Mel-LCNN"][0].paper, rows["AASIST"][0].paper) == (90.33, 99.98)
    assert rows["AASIST"][0].sd is not None and rows["Mel-LCNN"][0].sd is None
    assert "90.33" in page.text


def test_table5_groups_three_measures_per_condition(results):
    (table5,) = [t for t in results_tables(read_results(results, fake.config())) if t.name == "table5"]
    assert [span for _, span in table5.groups] == [2, 3, 3, 3]
    assert [title for title, _ in table5.columns[:5]] == ["Model", "Detector", "AUROC", "FPR95", "EER"]
    assert all(len(row) == 11 for row in table5.rows)
    assert {row[1].text for row in table5.rows} == set(fake.DETECTORS.values())


def test_clips_without_a_label_are_listed_with_what_is_said_of_them(tmp_path):
    folder = write(tmp_path, refused=True)
    metrics = sorted((folder / "metrics").rglob("*.json"))
    for path in metrics:
        run = json.loads(path.read_text())
        if "classes" in run:
            classes = run["classes"]
            run["unlabelled"] = {
                "open": {
                    "title": "Open",
                    "n": 2,
                    "predicted": {str(c): 2 * (c == classes[1]) for c in classes},
                    "clips": ["clip_a", "clip_b"],
                    "classes": [classes[1]] * 2,
                    "unknown": {"msp": [True, False], "knn": [True, False]},
                }
            }
            path.write_text(json.dumps(run))
    counts, clips = unlabelled_tables(read_results(folder, fake.config()))
    assert [cell.text for cell in counts.rows[0]][1:] == ["Open", "2", "Mimi 2", "MSP 1, kNN 1"]
    assert [[cell.text for cell in row][2:] for row in clips.rows[:2]] == [
        ["clip_a", "Mimi", "MSP, kNN"],
        ["clip_b", "Mimi", "none"],
    ]
    write_page(folder, fake.config(), folder / "report/index.html")
    assert "Clips without a label" in Page((folder / "report/index.html").read_text(encoding="utf-8")).text


def test_any_csv_is_shown_and_downloadable(tmp_path):
    results = write(tmp_path, per_shard=2)
    content = "codec,files,share\nEnCodec <i>,3,0.5\nSNAC,,0.25\n"
    (results / "tables" / "own_counts.csv").write_text(content)
    read = read_results(results, fake.config())
    (own,) = [t for t in results_tables(read) if t.name == "own_counts"]
    assert own.title == "own counts" and own.columns == [("Codec", False), ("Files", True), ("Share", True)]
    assert [c.text for c in own.rows[1]] == ["SNAC", "–", "0.25"]
    ((kind, file, uri),) = own.downloads
    assert (kind, file) == ("CSV", "own_counts.csv") and base64.b64decode(uri.split(",")[1]).decode() == content
    (results / "tables" / "own_counts.csv").write_text("")
    with pytest.raises(NcstError, match=r"own_counts\.csv is not a CSV table"):
        results_tables(read)


def test_recordings_and_pictures_decode(results, page):
    clips = [base64.b64decode(a.split(",")[1]) for tag, a in page.addresses if a.startswith("data:audio/flac")]
    pictures = [base64.b64decode(a.split(",")[1]) for tag, a in page.addresses if a.startswith("data:image/png")]
    codecs = len(fake.TAXONOMY)
    assert len(clips) == 2 * codecs and len(pictures) == 2 * (2 * codecs - 1)
    lengths = []
    for clip in clips:
        samples, rate = soundfile.read(io.BytesIO(clip))
        assert rate == 16_000 and clip[:4] == b"fLaC"
        lengths.append(len(samples))
    assert lengths == [lengths[0]] * codecs + [lengths[-1]] * codecs
    durations = read_results(results, fake.config()).clips["duration"]
    assert all(np.isclose(n / 16_000, durations).any() for n in set(lengths))
    sizes = {struct.unpack(">II", p[16:24]) for p in pictures}
    assert sizes == {(1 + (n - 512) // 160, 80) for n in set(lengths)}


def test_compact_weights_are_named_as_such(results, page, tmp_path):
    assert "not the published codecs" in page.text and "not the corpora" in page.text
    config = fake.config("official")
    config["roots"] = {"vctk": "/data/vctk", "aishell3": "/data/aishell3"}
    write_page(results, config, tmp_path / "official.html")
    official = Page((tmp_path / "official.html").read_text(encoding="utf-8")).text
    assert "not the published codecs" not in official and "not the corpora" not in official
    assert "Weights official" in official and "example/mimi at 000000000000" in official


def test_the_introduction_promises_what_was_run(page, tmp_path):
    assert "tested on codecs, settings, speech and generators that were not in the training set." in page.text
    results = write(tmp_path, alm=False, ood=False, per_shard=1)
    write_page(results, fake.config(), results / "report/index.html")
    less = Page((results / "report/index.html").read_text(encoding="utf-8")).text
    assert "tested on settings and speech that were not in the training set." in less


def test_a_refused_model_is_explained(page):
    assert "Mel-LCNN, seed 688: no detector scores. Its recall is <close> to guessing." in page.text


def test_a_detector_that_was_left_out_is_explained(tmp_path):
    results = write(tmp_path, per_shard=1)
    path = results / f"metrics/aasist/seed-{fake.SEED}.json"
    told = json.loads(path.read_text())
    told["detectors"]["vim"] = {"options": {}, "unfit": "ViM: too <few> clips."}
    path.write_text(json.dumps(told))
    write_page(results, fake.config(), results / "report/index.html")
    shown = Page((results / "report/index.html").read_text(encoding="utf-8")).text
    assert f"Detectors left out. AASIST, seed {fake.SEED}: without vim. ViM: too <few> clips." in shown


def test_missing_parts_leave_a_note(tmp_path):
    results = write(tmp_path, alm=False, ood=False, per_shard=1)
    for folder in ("tables", "benchmarks"):
        for path in (results / folder).rglob("*.*"):
            path.unlink()
    for path in (results / "models").rglob("curves.csv"):
        path.unlink()
    for path in (results / "maps").rglob("*.parquet"):
        path.unlink()
    write_page(results, fake.config(), tmp_path / "index.html")
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert (
        not {"chart-maps", "chart-detectors", "chart-roc", "chart-learning", "table-table5", "table-rules"} & page.ids
    )
    assert "22 clips 0 failed" in page.text
    for note in ("no out-of-distribution scores", "no tables", "no learning curves", "no embedding maps", "not run"):
        assert note in page.text


def test_the_page_is_reproducible(results, html, tmp_path):
    write_page(results, fake.config(), tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == html


def test_missing_results_say_what_to_run(tmp_path):
    with pytest.raises(NcstError, match="holds no metrics"):
        write_page(tmp_path, fake.config(), tmp_path / "index.html")
    run = tmp_path / "metrics" / "aasist" / "seed-688.json"
    run.parent.mkdir(parents=True)
    run.write_text("{")
    with pytest.raises(NcstError, match=r"seed-688\.json is not a readable metrics file"):
        write_page(tmp_path, fake.config(), tmp_path / "index.html")
    run.write_text(json.dumps(fake.metrics("aasist", 688)))
    with pytest.raises(NcstError, match="holds no audio"):
        write_page(tmp_path, fake.config(), tmp_path / "index.html")


def test_figures_are_valid_svg(results, tmp_path):
    paths = draw_figures(results, fake.config(), tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in paths]
    assert len(set(names)) == len(names) and all(re.fullmatch(r"[a-z_]+/[a-z0-9-]+\.svg", name) for name in names)
    assert {name.split("/")[0] for name in names} == {
        "single",
        "confusion",
        "taken",
        "detectors",
        "histograms",
        "roc",
        "robustness",
        "unseen_real",
        "oscr",
        "risk_coverage",
        "reliability",
        "decisions",
        "maps",
        "taxonomy",
        "learning",
        "levels",
        "gallery",
    }
    for path in paths:
        ElementTree.parse(path)
    drawn = (tmp_path / "confusion/aasist-seed-688.svg").read_text()
    assert all(title in drawn for title in list(fake.TITLES.values())[:7])
    facets = (tmp_path / "histograms/aasist-seed-688--unseen-codecs-8-9.svg").read_text()
    assert all(title in facets for title in fake.DETECTORS.values())


@pytest.mark.browser
def test_the_page_works_in_a_browser(results, html, tmp_path):
    with Browser(tmp_path) as browser:
        browser.open((results / "report" / "index.html").as_uri())
        count = browser.run("document.querySelectorAll('[data-chart]').length")
        for i in range(count):
            browser.run(f"document.querySelectorAll('[data-chart]')[{i}].scrollIntoView({{behavior: 'instant'}})")
            browser.wait(f"document.querySelectorAll('[data-chart]')[{i}].querySelector('.plot svg') !== null")

        first = (
            "[...document.querySelectorAll('#table-splits tbody tr')].map(r => r.cells[6].textContent.trim()).join()"
        )
        click = "document.querySelectorAll('#table-splits thead button')[6].click()"
        order = "document.querySelectorAll('#table-splits thead th')[6].ariaSort"
        browser.run(click)
        down = browser.run(first).split(",")
        assert browser.run(order) == "descending" and [int(n) for n in down] == sorted(map(int, down), reverse=True)
        browser.run(click)
        assert browser.run(order) == "ascending" and browser.run(first).split(",")[0] == "12"

        marks = "document.querySelector('#chart-confusion .plot svg').textContent"
        before = browser.run(marks)
        choose = "(s => { s.selectedIndex = 3; s.dispatchEvent(new Event('change', {bubbles: true})) })"
        browser.run(f"{choose}(document.querySelector('#chart-confusion select'))")
        browser.wait(f"{marks} !== {json.dumps(before)}")
        assert browser.run("document.querySelector('#chart-roc select').value") == "W2V2-AASIST, seed 688"

        legend = "document.querySelector('#chart-maps .plot svg').textContent"
        assert "SoundStream" in browser.run(legend)
        browser.run(f"{choose}(document.querySelector('#chart-maps select[data-key=colour]'))")
        browser.wait(f"{legend}.includes('Unseen codecs 8-9')")

        loaded = (
            "new Promise(done => { a.onloadedmetadata = () => done(a.duration > 0); a.preload = 'auto'; a.load() })"
        )
        assert browser.run(f"Promise.all([...document.querySelectorAll('audio')].map(a => {loaded}))") == [True] * 22

        shown = "[...document.querySelectorAll('.panel')].map(p => p.hidden).join()"
        assert browser.run(shown) == "false,true"
        browser.run(f"{choose.replace('3', '1')}(document.getElementById('language'))")
        assert browser.run(shown) == "true,false"
        browser.run("document.getElementById('contrast').click()")
        assert (
            browser.run("getComputedStyle(document.querySelectorAll('.panel')[1].querySelector('.contrast')).display")
            == "block"
        )

        picture_box = "document.querySelectorAll('.panel')[1].querySelectorAll('.spectrogram')[2]"
        browser.run(f"{picture_box}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        x, y = browser.run(
            f"(b => [b.left + b.width / 2, b.top + b.height / 2])({picture_box}.getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            browser.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        browser.wait("document.querySelectorAll('.panel')[1].querySelectorAll('audio')[2].currentTime > 0.3")

        for key in ("keyDown", "keyUp"):
            browser.send("Input.dispatchKeyEvent", type=key, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        assert browser.run("document.activeElement.matches('a, button, select, input, [tabindex], audio, summary')")
        assert browser.run("document.querySelectorAll('figure.table:not(:has(a[download$=\".csv\"]))').length") == 0

        assert not [p for p in browser.problems() if "WARN" not in p]
        assert all(r.startswith(("file://", "data:", "blob:")) for r in browser.requests())
        wide = browser.run("document.documentElement.scrollWidth")
        browser.send("Emulation.setDeviceMetricsOverride", width=360, height=800, deviceScaleFactor=1, mobile=True)
        browser.wait("innerWidth === 360")
        assert wide <= 1280 and browser.run("document.documentElement.scrollWidth") <= 360
