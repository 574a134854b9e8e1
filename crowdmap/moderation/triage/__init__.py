"""Triage: small rules of the coordinators that publish, hold back, assign or raise what comes in, within hard limits."""
