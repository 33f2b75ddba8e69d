"""The sample world as a site on loopback."""
