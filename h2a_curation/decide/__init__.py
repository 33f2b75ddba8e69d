"""Decide what we keep: functions of recorded rows and rules, without network, decoding or model.

The order of the stages is in decision.py.
"""
