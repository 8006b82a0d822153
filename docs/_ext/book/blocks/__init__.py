"""The directives of a chapter's prose."""
