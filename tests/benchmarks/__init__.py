"""How fast funcnn is beside its peers: scripts run by hand, `python tests/benchmarks/spiral.py`, never by pytest."""
