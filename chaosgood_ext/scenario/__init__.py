"""Scenarios: Chaos Toolkit experiments with an extension called `chaosgood`."""
