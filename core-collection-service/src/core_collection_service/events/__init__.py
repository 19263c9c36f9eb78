"""Events: pictures as they arrive, for web pages and for CoAP observers."""
