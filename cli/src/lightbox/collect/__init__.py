"""`lightbox collect`: a client of the CoRE image collection over HTTP and CoAP; a module for each command, and two
transports behind one protocol."""
