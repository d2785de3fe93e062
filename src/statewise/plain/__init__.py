"""Plain values as text: JSON and YAML of a file that may not be trusted, read with bounds."""
