"""Tables as people write them: separators, numbers, times and time zones, read column by column."""
