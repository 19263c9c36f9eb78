"""The COVID-19 API: whether the server is alive, and the prediction for an X-ray."""
