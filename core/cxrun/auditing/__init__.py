"""Proving what happened: that the journal is whole, why a call was allowed, evidence to hand over, and redaction."""
