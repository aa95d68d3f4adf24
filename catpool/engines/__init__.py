"""Tables that live elsewhere: lazy tables, SQL and ONNX."""
