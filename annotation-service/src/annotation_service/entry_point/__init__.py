"""TheYelda's entry point, from which a client finds everything else."""
