"""Programmes: efforts that families are offered, and what a municipality's staff do together about them, as data and as rules."""
