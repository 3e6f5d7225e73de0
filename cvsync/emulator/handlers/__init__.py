"""Handlers translate: path, query and JSON in, a value and a status out. The store decides."""
