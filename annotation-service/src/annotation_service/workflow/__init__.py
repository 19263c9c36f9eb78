"""The workflow of labelling: the states of images and jobs, and the only code that changes them."""
