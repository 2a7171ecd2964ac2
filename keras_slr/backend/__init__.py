"""What differs between TensorFlow, JAX and PyTorch, and nothing else."""

from keras_slr.backend.assign_each import assign_each
from keras_slr.backend.assign_each import whole_gradient
from keras_slr.backend.bit_pattern import bit_pattern
from keras_slr.backend.compiled_steps import STEPS_ARE_STATELESS
from keras_slr.backend.compiled_steps import TRACES_ARE_SHARED
from keras_slr.backend.compiled_steps import compiled
from keras_slr.backend.compiled_steps import draw
from keras_slr.backend.compiled_steps import values_after
from keras_slr.backend.distribution import mean_over_processes
from keras_slr.backend.distribution import replicas
from keras_slr.backend.gradients import Gradients
from keras_slr.backend.masks import apply_mask
from keras_slr.backend.masks import is_zero_outside
from keras_slr.backend.masks import mask_gradients
from keras_slr.backend.masks import mask_variables
from keras_slr.backend.name import BACKEND
from keras_slr.backend.optimizer_variables import build
from keras_slr.backend.optimizer_variables import is_torch_optimizer
from keras_slr.backend.optimizer_variables import variable_scope
from keras_slr.backend.penalty import FREE
from keras_slr.backend.penalty import add_penalty
from keras_slr.backend.penalty import pull
from keras_slr.backend.random_state import global_random_states
from keras_slr.backend.random_state import random_state_kept
from keras_slr.backend.random_state import set_global_random_states
from keras_slr.backend.variables import assign_from_host
from keras_slr.backend.variables import assign_parts
from keras_slr.backend.variables import detached
from keras_slr.backend.variables import fill
from keras_slr.backend.variables import host_target
from keras_slr.backend.variables import on_one_cpu
from keras_slr.backend.variables import parts
from keras_slr.backend.variables import raw_parts
from keras_slr.backend.variables import to_host
from keras_slr.backend.variables import to_host_scalar
from keras_slr.backend.variables import to_numpy
from keras_slr.backend.variables import unshare
from keras_slr.backend.without_gradients import without_gradients

__all__ = [
    "BACKEND",
    "FREE",
    "Gradients",
    "STEPS_ARE_STATELESS",
    "TRACES_ARE_SHARED",
    "add_penalty",
    "apply_mask",
    "assign_each",
    "assign_from_host",
    "assign_parts",
    "bit_pattern",
    "build",
    "compiled",
    "detached",
    "draw",
    "fill",
    "global_random_states",
    "host_target",
    "is_torch_optimizer",
    "is_zero_outside",
    "mask_gradients",
    "mask_variables",
    "mean_over_processes",
    "on_one_cpu",
    "parts",
    "pull",
    "random_state_kept",
    "raw_parts",
    "replicas",
    "set_global_random_states",
    "to_host",
    "to_host_scalar",
    "to_numpy",
    "unshare",
    "values_after",
    "variable_scope",
    "whole_gradient",
    "without_gradients",
]
