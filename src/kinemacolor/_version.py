"""The version, alone in a file: what is written down with it need not import the package."""

__version__ = "0.1.0"
