"""Whether a configuration makes sense: its schemas, and the names that its entries use of each other."""

import yaml

from ncst.core.shipped import shipped
from ncst.errors import NcstError
from ncst.plan import entries, selection
from ncst.plan.terms import check_terms

SCHEMAS = shipped("workflow", "schemas")
FAMILIES = (
    "codecs",
    "alms",
    "corpora",
    "releases",
    "sources",
    "splits",
    "frontends",
    "models",
    "detectors",
    "perturbations",
)


def validate(config):
    """Check *config* against the schemas in ``workflow/schemas``.

    Raises
    ------
    NcstError
        Naming the key, what is wrong with it and what it may be.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    def check(schema, value, where):
        validator = Draft202012Validator(
            yaml.safe_load((SCHEMAS / f"{schema}.schema.yaml").read_text(encoding="utf-8"))
        )
        error = best_match(validator.iter_errors(value))
        if error is not None:
            key = ".".join([*where, *map(str, error.absolute_path)]) or "the top level"
            allowed = ""
            if error.validator == "additionalProperties":
                allowed = f"; it may hold {sorted(error.schema['properties'])}"
            raise NcstError(f"Config error at {key}: {error.message}{allowed} (config/README.md explains every key).")

    check("config", config, [])
    for family in FAMILIES:
        for name, entry in config[family].items():
            check(family, entry, [family, name])
            if "download" in entry:
                check("download", entry["download"], [family, name, "download"])
    owners = {
        "roots": ["corpora"],
        "accept": ["corpora", "releases"],
        "weights": ["codecs", "frontends", "alms"],
        "model_sizes": ["models"],
    }
    for key, families in owners.items():
        known = [name for family in families for name in config[family]]
        unknown = sorted(set(config[key]) - {*known, "default"})
        if unknown:
            raise NcstError(f"Config error at {key}: {unknown} unknown; the registries have {known}.")
    for name, model in config["models"].items():
        for size in model.keys() & {"published", "compact"}:
            training = (model[size].get("training") or {}) | model.get("training", {})
            unknown = sorted({*(training.get("augment") or ())} - {*config["perturbations"]})
            if unknown:
                raise NcstError(
                    f"Config error at models.{name}.{size}.training.augment: {unknown} unknown; "
                    f"config/perturbations.yaml has {list(config['perturbations'])}."
                )
    for key in ("perturbations", "detectors"):
        unknown = sorted({*config["robustness"][key]} - {*config[key]})
        if unknown:
            raise NcstError(
                f"Config error at robustness.{key}: {unknown} unknown; config/{key}.yaml has {list(config[key])}."
            )
    fetched = [name for name, root in config["roots"].items() if root == "fetch"]
    for name in fetched:
        check_terms(name, config["corpora"][name], config["accept"])
    for name, split in config["splits"].items():
        for pair in split["pairs"]:
            _check_pair(config, name, pair)
    for name, root in config["roots"].items():
        if root == selection.GENERATE:
            _check_alm(config, name)
    for name, entry in config["models"].items():
        named = entry.get("train", "train"), entry.get("dev", "dev"), *entry.get("test", ())
        unknown = [split for split in named if split not in config["splits"]]
        if unknown:
            raise NcstError(f"Config error at models.{name}: no split {unknown[0]!r} in config/splits.yaml.")


def _check_pair(config, split, pair):
    if pair["source"] not in config["sources"]:
        raise NcstError(f"Config error at splits.{split}: no source set {pair['source']!r} in config/corpora.yaml.")
    if isinstance(pair["codecs"], list):
        unknown = [name for name in pair["codecs"] if name not in config["codecs"]]
        if unknown:
            raise NcstError(f"Config error at splits.{split}: no codec {unknown[0]!r} in config/codecs.yaml.")


def _check_alm(config, name):
    if name not in config["alms"]:
        raise NcstError(
            f"Config error at roots.{name}: only what config/alms.yaml lists can be generated: {list(config['alms'])}."
        )
    alm, kind = config["alms"][name], entries.weights_kind(config, name)
    if alm["codec"] not in config["codecs"]:
        raise NcstError(f"Config error at alms.{name}: no codec {alm['codec']!r} in config/codecs.yaml.")
    entries.weight_file(config, name, "alms")
    if entries.weights_kind(config, alm["codec"]) != kind:
        raise NcstError(
            f"Config error at roots.{name}: its codes are those of the {kind} {alm['codec']}: set "
            f"weights.{alm['codec']}: {kind}, or name a folder of its clips."
        )
