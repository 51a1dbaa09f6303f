"""The version of linclf, in a file of its own so that no other module has to import the package for it."""

__version__ = "0.1.0"
