"""The model repository: folders with models, their descriptions (`model.toml`), and their input and output tensors."""
