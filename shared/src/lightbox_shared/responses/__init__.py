"""Responses as clients get them: negotiated, conditional, cached, page by page, with links and absolute addresses."""
