"""What is done: processes, network, clock and command line around what `rules` decides and `storage` keeps."""

__version__ = "0.1.0"
