"""Hosts: namespaces with a disk, units and figures of their own."""
