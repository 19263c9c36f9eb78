"""Execution of models: sessions of ONNX Runtime, calibration by measurement, and a scheduler with a bounded queue."""
