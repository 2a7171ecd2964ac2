"""What XNNPACK does with a graph on ARM."""
