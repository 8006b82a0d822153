"""Formulas as MathML, without a script."""
