import ast
import re
from pathlib import Path

import pytest

from ncst.errors import NcstError
from ncst.plan import code, inputs
from ncst.plan.config import load_config

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
STAGES = {
    "corpora": "index_corpus",
    "alms": "generate_alm",
    "codecs": "resynthesize",
    "perturbations": "perturb_clips",
    "frontends": "compute_features",
    "models": "train",
    "detectors": "detect",
}
FILES = sorted(ROOT.glob("ncst/**/*.py"))
ODD = r'''
"""A module."""

@wraps
async def f(a, /, b: int = 1, *c, d=..., **e) -> None:
    "A function."
    async with a as b:
        yield f"{a:}{b!r:>{w}} {c = } {{}}" "tail" f"{d}{''}" "\u00e9\u0378"

def g(x):
    match x:
        case {"k": None, **rest} if rest: return {**rest, "a": 1e300, "b": 2j, "c": b"\xff", "d": u"x", **x}
        case [1, -2, *_] | True: raise ValueError from x
    return lambda: (x := [i for i in x if i])
'''


@pytest.fixture(autouse=True)
def fresh():
    yield
    forget()


def forget():
    code._combined.cache_clear()
    code.module_file.cache_clear()


@pytest.fixture
def config():
    return load_config("config/mitigations.yaml")


def hashes(config, family):
    """Return {entry: hash} of the stage that runs the plugins of a family."""
    script = SCRIPTS / f"{STAGES[family]}.py"
    names = config[family].keys() - ({"real"} if family == "codecs" else set())
    return {name: code.code_of(script, *inputs.plugins(config, family, name)) for name in names}


def scripts():
    """Return {script: hash} without plugins."""
    return {path.stem: code.code_of(path) for path in sorted(SCRIPTS.glob("*.py"))}


def changed(monkeypatch, edited, measure):
    """Return the keys of *measure* whose hash changes when the file *edited* of ncst does."""
    before = measure()
    read = code.source
    path = str(ROOT / "ncst" / edited)
    monkeypatch.setattr(code, "source", lambda file: read(file) + ("\nEDITED = True\n" if file == path else ""))
    forget()
    after = measure()
    return {key for key in before if before[key] != after[key]}


def of_modules(config, family, *modules):
    return {name for name, entry in config[family].items() if entry.get("module", name) in modules}


@pytest.mark.parametrize(
    ("edited", "family", "modules"),
    [
        ("speech/corpora/directory.py", "corpora", ("directory", "alm")),
        ("speech/corpora/vctk.py", "corpora", ("vctk",)),
        ("speech/corpora/_codecfake_plus.py", "corpora", ()),
        ("audio/alms/_hub.py", "alms", ("bark", "csm", "dia", "orpheus")),
        ("audio/codecs/dac.py", "alms", ("dia",)),
        ("audio/codecs/dac.py", "codecs", ("dac",)),
        ("audio/codecs/_residual.py", "codecs", ("audiodec", "facodec", "hificodec", "wavtokenizer")),
        ("audio/perturbations/rawboost.py", "perturbations", ("rawboost",)),
        ("tracing/frontends/_wav2vec2.py", "frontends", ("ssl",)),
        ("tracing/models/mel_lcnn.py", "models", ("mel_lcnn",)),
        ("evaluation/detectors/nsd.py", "detectors", ("nsd", "ensemble")),
        ("evaluation/detectors/_gaussian.py", "detectors", ("mahalanobis", "relative_mahalanobis", "ensemble")),
        ("evaluation/detectors/knn.py", "detectors", ("knn",)),
    ],
)
def test_an_edit_changes_exactly_its_users(monkeypatch, config, edited, family, modules):
    assert changed(monkeypatch, edited, lambda: hashes(config, family)) == of_modules(config, family, *modules)


@pytest.mark.parametrize("objective", ["cross_entropy", "regmixup", "aam"])
def test_a_training_depends_on_its_objective(monkeypatch, config, objective):
    users = {"cross_entropy": {"cross_entropy", "regmixup"}}.get(objective, {objective})
    named = {name: inputs.model(config, name)["training"].get("objective") for name in config["models"]}
    expected = {name for name, found in named.items() if (found or {"name": "cross_entropy"})["name"] in users}
    found = changed(monkeypatch, f"tracing/objectives/{objective}.py", lambda: hashes(config, "models"))
    assert found == expected != set()


def test_a_training_depends_on_its_perturbations(monkeypatch, config):
    config["models"]["mel_lcnn"]["training"] = {"augment": ["noise_10"]}
    found = changed(monkeypatch, "audio/perturbations/noise.py", lambda: hashes(config, "models"))
    assert found == {"mel_lcnn"}


@pytest.mark.parametrize("edited", ["core/waveforms.py", "audio/resynthesize.py", "audio/codecs/_base.py"])
def test_what_codecs_share_changes_all_of_them(monkeypatch, config, edited):
    assert changed(monkeypatch, edited, lambda: hashes(config, "codecs")) == config["codecs"].keys() - {"real"}


@pytest.mark.parametrize(
    ("edited", "users"),
    [
        ("report/page/html_table.py", {"write_page"}),
        ("report/tables/paper.py", {"write_tables", "write_page"}),
        ("evaluation/measure_clips.py", {"measure_clips"}),
        ("evaluation/detect.py", {"detect"}),
        ("tracing/loop.py", {"train", "score", "score_robustness"}),
        ("speech/vocoder.py", {"speak_corpus"}),  # in a process of its own
        ("plan/selection.py", {"plan", "draw_figures", "write_page"}),
        ("__init__.py", {"write_page"}),  # it shows the version
    ],
)
def test_a_stage_depends_on_what_it_imports(monkeypatch, edited, users):
    assert changed(monkeypatch, edited, scripts) == users


def test_infrastructure_changes_nothing(monkeypatch):
    for module in code.INFRASTRUCTURE:
        path = f"{module.removeprefix('ncst.').replace('.', '/')}.py"
        assert (ROOT / "ncst" / path).is_file()
        assert changed(monkeypatch, path, scripts) == set()


def test_comments_docstrings_and_format_do_not_count():
    for path in FILES:
        text = path.read_text()
        other = ast.parse(f"# A comment.\n{text}")
        for node in filter(code._is_text, ast.walk(other)):
            node.value.value += "Edited."
        assert code.tree_hash(ast.parse(ast.unparse(other))) == code.tree_hash(ast.parse(text)), path
        assert code.tree_hash(ast.parse(f"{text}\nEDITED = True\n")) != code.tree_hash(ast.parse(text)), path


def test_the_hash_is_equal_on_every_python():
    """A constant, which each Python version that runs the tests must find."""
    assert code.tree_hash(ast.parse(ODD)) == "39fd0ec79ef026f98aac1b59fd8c04df11b01982cf2f44fbf5309c7f0e22f9ce"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = '1'", "x = b'1'"),
        ("x = None", "x = ..."),
        ("f(a, b)", "f(a, b=b)"),
        ("f'{a}b'", "f'{a!r}b'"),
        ("def f(a, b=None): pass", "def f(a, b): pass"),
        ("x += 1", "x -= 1"),
        ("from a import b", "from a import b as c"),
        ("return_ = not x", "return_ = -x"),
        ("async def f(): pass", "def f(): pass"),
    ],
)
def test_what_differs_has_other_hashes(one, other):
    assert code.tree_hash(ast.parse(one)) != code.tree_hash(ast.parse(other))


def test_packages_hold_no_code_of_their_own():
    """Importing a module runs the ``__init__`` of its packages, which hashes leave out."""
    for path in FILES:
        if path.name == "__init__.py":
            kinds = {type(node) for node in ast.walk(ast.parse(path.read_text()))}
            assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.Lambda}, path


def test_plugins_of_the_user_are_followed(monkeypatch, tmp_path):
    folder = tmp_path / "codecs"
    folder.mkdir()
    monkeypatch.setattr("ncst.registry.PLUGINS", tmp_path)
    (folder / "mine.py").write_text("from ._mine import x\n")
    (folder / "_mine.py").write_text("x = 1\n")
    before = code.code_of(SCRIPTS / "resynthesize.py", ("codecs", "mine"))
    (folder / "_mine.py").write_text("x = 2\n")
    forget()
    assert code.code_of(SCRIPTS / "resynthesize.py", ("codecs", "mine")) != before


def test_a_missing_plugin_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("ncst.registry.PLUGINS", tmp_path)
    (tmp_path / "codecs").mkdir()
    (tmp_path / "codecs" / "mine.py").write_text("def f(:\n")
    with pytest.raises(NcstError, match=r"codecs/mine.py is not valid Python: .* in line 1"):
        code.code_of(SCRIPTS / "resynthesize.py", ("codecs", "mine"))
    with pytest.raises(NcstError, match=r"No 'nothing' among the codecs: write .*codecs/nothing.py"):
        code.code_of(SCRIPTS / "resynthesize.py", ("codecs", "nothing"))


def test_every_rule_that_computes_is_hashed_by_its_own_script():
    fetched = {"fetch_corpus", "fetch_weights", "fetch_alm"}  # what was downloaded stays
    for path in sorted(ROOT.glob("workflow/rules/*.smk")):
        for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)*)", path.read_text() + "\n", re.M):
            assert f'"../scripts/{name}.py"' in body
            assert f"<logs>/{name}" in body
            assert (f'code=code("{name}"' in body) == (name not in fetched | {"plan"}), name
