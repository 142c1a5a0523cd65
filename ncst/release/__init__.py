"""The official release of ST-Codecfake: its folders, its lists, its audio as shards."""
