"""The tables: CSV, Markdown, LaTeX."""
