"""The command ``tglassmlp``: what a shell can ask of the package after an installation.

``parser`` understands the words of the command line, ``predict`` and ``listing`` do what they ask for. An
error is one sentence on the standard error stream, never a traceback.
"""
