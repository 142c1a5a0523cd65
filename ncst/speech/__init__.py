"""From raw corpora to source sets."""
