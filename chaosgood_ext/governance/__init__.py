"""Whether an account is kept as it should be: probes that ask AWS, naming what fails and how to mend it."""
