"""`lightbox collect`: a client of the CoRE image collection over HTTP and CoAP.

Each command has a module (`send`, `get`, `watch`, `discover`). They use a `Transport`, which `connect` chooses by the
scheme of the address.
"""
