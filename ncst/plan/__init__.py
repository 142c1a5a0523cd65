"""What a configuration asks for: YAML in, strings out; all that the Snakefile imports."""
