"""Pages run when something changed, and never show what may not be shown."""
