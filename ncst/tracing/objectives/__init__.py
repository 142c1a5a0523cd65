"""Objectives: what the training of a model minimises, one file each."""

from ncst.registry import folders

__path__ = folders("objectives")
