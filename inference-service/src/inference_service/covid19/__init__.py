"""The COVID-19 API: is the server alive, and what does it say of an X-ray."""
