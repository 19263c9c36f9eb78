"""Label schemes: which fields a label has, as versioned JSON Schema documents."""
