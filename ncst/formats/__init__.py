"""The files where stages meet: path, schema, reader and writer of each."""
