"""Whether, where and why zeros make a model faster."""
