"""Knowledge distillation during pruning."""
