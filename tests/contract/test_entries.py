"""What every entry must keep, whatever its family: its schema, and a module that its file defines."""

import pytest
from helpers.entries import configured

from ncst import registry
from ncst.plan.validate import validate

CONFIG = configured()
FAMILIES = registry.FAMILIES.keys() - {"objectives"}
ENTRIES = [(family, name) for family in FAMILIES for name in CONFIG[family] if (family, name) != ("codecs", "real")]


def test_the_configuration_is_valid():
    validate(CONFIG)


@pytest.mark.parametrize(("family", "name"), sorted(ENTRIES))
def test_every_entry_has_a_file_and_one_class(family, name):
    module = CONFIG[family][name].get("module", name)
    assert registry.file_of(family, module).is_file()
    assert isinstance(registry.load(family, module), type)
