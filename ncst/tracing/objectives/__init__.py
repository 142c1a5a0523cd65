"""Objectives: what the training of a model minimises, one file each."""
