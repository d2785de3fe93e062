"""The studio: one page in the browser over the runs of a folder, on top of the server of models."""
