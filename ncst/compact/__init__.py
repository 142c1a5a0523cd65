"""Training of the compact networks that ship with the project."""
