"""Finds everything that is wrong with an experiment, without running any of it.

A file is read within bounds (`reading`), parsed with positions (`yaml_nodes`, `json_nodes`, `document`), held
against the specification's shapes (`shapes`, `specification`), and looked at by one function for each thing that
can be wrong (`rules`). What they know besides the file is handed in (`knowledge`). `schema` turns the same shapes
into a JSON Schema for editors.
"""
