"""Looking after a resource by hand: projects, tags, domains and iterations, one at a time."""
