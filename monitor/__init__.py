"""What is done: processes, network, clock and command line around the decisions of `rules` and the memory of `storage`."""

__version__ = "0.1.0"
