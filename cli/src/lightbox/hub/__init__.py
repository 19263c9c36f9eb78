"""The client of the gallery behind `lightbox hub`: lists, and the import of a folder."""
