"""Assigning images to doctors: at once, or from a queue with leases; and giving work on when a doctor leaves."""
