"""The CoRE image collection beside others that keep pictures: bare inserts, nginx, Django, aiocoap's file server."""
