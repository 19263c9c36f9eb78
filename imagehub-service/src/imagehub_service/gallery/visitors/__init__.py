"""Groups and pictures for pages that show the gallery to visitors, without pictures in base64."""
