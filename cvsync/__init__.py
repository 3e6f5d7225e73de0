"""Keep Azure Custom Vision projects equal to manifests."""

__version__ = "0.1.0"
