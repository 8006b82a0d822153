"""A page as a script and as a notebook."""
