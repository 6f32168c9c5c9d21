"""Letters to families: their words, their page, and the way to a municipality's print service."""
