"""From raw data to windows: packages, corpora, codecs and streams."""
