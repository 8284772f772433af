"""The post-mortem, made from the record, the journal and the samples of a game."""
