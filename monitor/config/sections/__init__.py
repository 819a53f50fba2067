"""The sections of a config as models; so far those that stand once, the others are in `monitor.config.model`."""
