"""The command ``tglassmlp``: what a shell can ask of the package after an installation.

``parser`` understands the words of the command line, ``predict`` and ``listing`` do what they ask for, and
``words`` turns advice for Python into options. An error is one line on the standard error stream, never a
traceback.
"""
