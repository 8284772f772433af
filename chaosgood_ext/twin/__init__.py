"""The twin: a local AWS with a real data plane, in a sandbox that needs no privilege."""
