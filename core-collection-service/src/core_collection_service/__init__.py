"""The CoRE image collection: devices send pictures over HTTP and CoAP, which are kept for years and read back."""
