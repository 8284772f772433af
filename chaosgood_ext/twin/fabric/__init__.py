"""The fabric: cables between namespaces, and what decides whether a packet arrives."""
