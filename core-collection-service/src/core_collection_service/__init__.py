"""The CoRE image collection: pictures that devices send over HTTP and CoAP, kept for years and read back."""
