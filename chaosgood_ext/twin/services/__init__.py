"""One controller a service: makes the hosts, packets and processes what the control plane says, and tells it back.

Each module has a pure function from what is wanted and what there is to a list of steps, and a thin part that
applies them. `reconciler` runs the controllers.
"""
