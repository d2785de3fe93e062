"""Files that another program may have written, and manifests that prove files are as they were written."""
