"""The library that every Lightbox service is built on: serving, storage, authentication, errors, logging.

It knows neither the services nor their domain.
"""
