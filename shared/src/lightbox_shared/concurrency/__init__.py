"""Work beside and within requests: tasks, jobs, threads, and limits for the memory that they take together."""
