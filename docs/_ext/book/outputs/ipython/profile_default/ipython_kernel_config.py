"""Kernels of the book draw figures as SVG, and start without messages."""

c = get_config()  # noqa: F821
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.rc = {}
c.InlineBackend.print_figure_kwargs = {"bbox_inches": None}
c.IPKernelApp.log_level = "ERROR"
