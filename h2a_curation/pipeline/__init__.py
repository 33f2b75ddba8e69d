"""The pure stages, bound to lake, source and model; `build` has their order on one page."""
