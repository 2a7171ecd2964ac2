"""Quantized files: weight-only formats and quantization errors."""
