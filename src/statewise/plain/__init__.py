"""Plain values as text: JSON and YAML of a file that somebody else may have written, read with bounds."""
