"""The error taxonomy, where whoever writes a source looks for it. It belongs to `acquire`, which acts on it."""

from h2a_curation.acquire.errors import POLICIES, ErrorKind, FetchError, Policy, SourceChanged

__all__ = ["POLICIES", "ErrorKind", "FetchError", "Policy", "SourceChanged"]
