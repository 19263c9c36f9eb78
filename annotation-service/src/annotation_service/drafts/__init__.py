"""Drafts: what a doctor has entered so far, kept on the server until the job is finished."""
