"""Configuration of the manual: ``make docs`` builds it, and any warning ends the build."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "extensions"))
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# pictures of the tutorials appear in their pages, whatever backend the Makefile names
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"

# tutorials find the commands of this environment, and IPython leaves nothing in anybody's home
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
profile = Path(tempfile.mkdtemp(prefix="tglassmlp-docs-"))
atexit.register(shutil.rmtree, profile, ignore_errors=True)
os.environ["IPYTHONDIR"] = str(profile)
(profile / "profile_default").mkdir()
(profile / "profile_default" / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40\n")
startup = profile / "profile_default" / "startup"
startup.mkdir()
shutil.copy(HERE / "extensions" / "bash_magic.py", startup)
logging.getLogger("traitlets").setLevel(logging.WARNING)

import tglassmlp

project = "tglassmlp"
author = "The tglassmlp developers"
copyright = "2026, the tglassmlp developers"
release = version = tglassmlp.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "mathml",
    "outside_links",
    "configuration_reference",
    "makefile_reference",
]
exclude_patterns = ["extensions", "static"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline", "fieldlist"]
myst_heading_anchors = 4
suppress_warnings = ["myst.xref_ambiguous"]

# Tutorials are notebooks in text form. They run whenever their page is read, in an empty folder, and an error
# in one ends the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True

napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True}

toc_object_entries = False
smartquotes_action = "qe"  # no dashes or dots out of what commands say

html_theme = "furo"
html_title = f"tglassmlp {release}"
html_math_renderer = "mathml"
html_static_path = ["static"]
html_css_files = ["manual.css"]
html_show_sphinx = False
