"""The commands: plugins of Chaos Toolkit's own `chaos`."""
