"""What tells how a service is: logs without secrets, metrics, traces, and the operational paths."""
