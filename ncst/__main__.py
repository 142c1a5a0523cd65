"""``python -m ncst`` is ``ncst``."""

from ncst.cli import main

main()
