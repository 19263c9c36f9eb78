"""How models run: sessions of ONNX Runtime, a measurement at start-up, and a queue in front of the cores."""
