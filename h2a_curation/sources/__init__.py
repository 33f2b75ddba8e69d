"""Where posts come from: one module a source, behind the small interface of `base`."""
