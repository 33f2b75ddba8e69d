"""What we keep: functions of recorded rows and rules. No network, no decoding, no model; decision.py has the order."""
