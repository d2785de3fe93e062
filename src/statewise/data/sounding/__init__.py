"""Films with their sound: clips, what is struck in them, and how both become numbers and sound again."""
