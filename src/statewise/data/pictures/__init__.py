"""Pictures with captions: read safely, out of the forms that they come in, and looked at once by a frozen network."""
