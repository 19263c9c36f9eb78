"""The service that runs ONNX models on pictures: CheXRay, the COVID-19 API, and a general API for predictions."""
