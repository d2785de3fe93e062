"""Sound: files of any kind and rate, lists of them with their texts, and the frames that a network reads."""
