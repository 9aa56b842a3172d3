"""How the site is built: `make docs`."""

project = "hfverify"
author = "the maintainers of hfverify"
project_copyright = author
extensions = ["hfverify.publish", "myst_parser", "sphinx_copybutton"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["_build", "decisions/README.md"]
hfverify_project = ".."
hfverify_traces = ["$ {python} docs/runs.py"]

smartquotes = False
nitpicky = True
show_warning_types = True
myst_heading_anchors = 3

html_theme = "furo"
html_title = "hfverify"
html_favicon = "icon.svg"
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
html_permalinks_icon = "¶"
