"""Where the bytes of pictures are: compressed or not, in their row or in an object store."""
