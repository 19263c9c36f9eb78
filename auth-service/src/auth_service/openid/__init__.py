"""Signing in for other applications: the authorization endpoint with its pages, userinfo, discovery and sign-out
(RFC 6749 section 4.1, OpenID Connect Core 1.0, RP-Initiated Logout 1.0)."""
