"""Encodings outside Python: lazy tables, SQL and ONNX."""
