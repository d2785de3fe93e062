"""Sound for silent film: learn from films with sound what things sound like, and make the sound of films without."""
