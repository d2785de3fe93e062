"""Raw things become windows: packages, corpora, codecs and streams."""
