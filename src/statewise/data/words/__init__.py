"""Texts as words or subwords: a rule for what a word is, vocabularies by frequency, files of codes of any size."""
