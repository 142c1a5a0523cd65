"""What the contract tests walk: every entry of ``config/`` and of the overlays that ``pytest --configfile`` names."""

from ncst.plan.config import load_config

OVERLAYS = []


def configured():
    """Return the configuration with those overlays."""
    return load_config(*OVERLAYS)
