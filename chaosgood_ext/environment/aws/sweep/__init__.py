"""Takes away what an environment on AWS consists of, whoever made it and whether or not terraform knows of it."""
