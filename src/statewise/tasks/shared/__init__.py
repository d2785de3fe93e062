"""What several tasks are made of: settings of those that read tables, baselines that are found once."""
