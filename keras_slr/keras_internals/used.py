"""Every private name in use, with what breaks without it.

`tests/keras_internals` checks the table twice: against the installed
versions, and against the code. A name that is missing from a new version
fails with the sentence that stands here.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Private:
    """A private name that this package reads.

    Attributes:
        owner: String, what has it, by its public name.
        name: String, the attribute, argument or module.
        breaks: String, what breaks without it.
        since: Tuple of integers, the first version of Keras that has it.
            Defaults to the oldest supported one.
        backends: Tuple of strings, the backends on which it exists. Defaults
            to all of them.
    """

    owner: str
    name: str
    breaks: str
    since: tuple = ()
    backends: tuple = ("tensorflow", "jax", "torch")


_CONTAINERS = (
    Private(
        "keras.Layer",
        "_flatten_layers",
        "No layer of a model is found: nothing can be pruned or exported.",
    ),
    Private(
        "keras.Layer",
        "_layers",
        "A weight is not matched with the layers around it: `include` and "
        "`exclude` by layer fail.",
    ),
    Private(
        "keras.Layer",
        "_trainable_variables",
        "A weight is not matched with the layer that owns it.",
    ),
    Private(
        "keras.Layer",
        "_non_trainable_variables",
        "A frozen weight is not matched with the layer that owns it.",
    ),
    Private(
        "keras.Layer",
        "_losses",
        "`prune_layerwise` changes `model.losses`.",
    ),
    Private(
        "keras.Layer",
        "_build_shapes_dict",
        "Shrunk models with layers of a user's class do not load.",
    ),
    Private(
        "keras.Layer",
        "_tracker",
        "`shrink` cannot cut heads in layers of KerasHub.",
    ),
    Private(
        "keras.Layer",
        "_modules",
        "`shrink` cannot copy layers whose config lacks a function.",
        backends=("torch",),
    ),
    Private(
        "keras.layers.Lambda",
        "_output_shape",
        "`shrink` cannot copy a Lambda.",
    ),
    Private(
        "keras.layers.MultiHeadAttention",
        "_query_dense",
        "Attention heads are neither pruned nor cut.",
    ),
    Private(
        "keras.layers.MultiHeadAttention",
        "_num_heads",
        "`shrink` cannot cut heads in layers of KerasHub.",
    ),
    Private(
        "keras.layers.MultiHeadAttention",
        "_gate_dense",
        "The gate of an attention layer is not counted, and `shrink` cuts "
        "heads that the gate still has.",
        since=(3, 14),
    ),
    Private(
        "keras.Sequential",
        "_functional",
        "The graph of a Sequential model is unknown: it cannot be shrunk.",
    ),
    Private(
        "keras.Function",
        "_nodes_by_depth",
        "The graph of a functional model is unknown: it cannot be shrunk.",
    ),
    Private(
        "keras.Function",
        "_standardize_inputs",
        "`prune_layerwise` cannot pass calibration data to a model.",
    ),
    Private(
        "keras.Operation",
        "_inbound_nodes",
        "The first convolution is not found, and is pruned by default.",
    ),
    Private(
        "keras.KerasTensor",
        "_keras_history",
        "`shrink` cannot copy the inputs of a model.",
    ),
    Private(
        "keras.src",
        "keras.src.",
        "Keras's layers look like a user's own: `shrink` leaves them whole.",
    ),
    Private(
        "keras.src",
        "keras.src.backend",
        "`prune_layerwise` does not see what layers multiply.",
    ),
)

_TRAINING = (
    Private(
        "keras.Model",
        "_compile_metrics",
        "Metrics restart when `fit` resumes within an epoch.",
    ),
    Private(
        "keras.Model",
        "_compile_loss",
        "The mean loss restarts when `fit` resumes within an epoch.",
    ),
    Private(
        "keras.Model",
        "_compile_config",
        "Callbacks cannot train on the outputs of a `teacher`.",
    ),
    Private(
        "keras.Model",
        "_symbolic_build",
        "`fit` cannot resume within an epoch.",
    ),
    Private(
        "keras.Model",
        "_initial_epoch",
        "`fit` resumes with the wrong epoch.",
    ),
    Private(
        "keras.Model",
        "_eval_epoch_iterator",
        "`monitor_hard_pruned` finds no validation data.",
    ),
    Private(
        "keras.Model.evaluate",
        "_use_cached_eval_dataset",
        "`monitor_hard_pruned` cannot evaluate the data that `fit` holds.",
    ),
    Private(
        "keras.metrics.Metric",
        "_direction",
        "The sensitivity scan takes every metric for a loss.",
    ),
    Private(
        "keras.Variable",
        "_layout",
        "Masks and multipliers are not sharded like their weights.",
        backends=("jax",),
    ),
    Private(
        "keras.Variable",
        "_value",
        "A run cannot be removed after a step that failed on JAX.",
    ),
    Private(
        "keras.callbacks.Callback",
        "_model",
        "Each batch on JAX copies the state of the epoch into the model.",
    ),
    Private(
        "keras.callbacks.CallbackList",
        "_async_train",
        "Batch hooks run while the next batch trains: updates come late.",
    ),
    Private(
        "keras.callbacks.SwapEMAWeights",
        "_ema_weights_in_model",
        "`monitor_hard_pruned` evaluates the weights instead of the averages.",
    ),
    Private(
        "keras.callbacks.ModelCheckpoint",
        "_save_model",
        "`HardPrunedCheckpoint` saves weights without their zeros.",
    ),
    Private(
        "keras.callbacks.ModelCheckpoint",
        "_set_monitor_op",
        "`HardPrunedCheckpoint` does not know which `val_hard_...` is best.",
        since=(3, 11),
    ),
    Private(
        "keras.callbacks.BackupAndRestore",
        "_save_model",
        "`BackupAndRestore` does not survive a kill while it writes.",
    ),
    Private(
        "keras.callbacks.BackupAndRestore",
        "_training_metadata_path",
        "`BackupAndRestore` does not survive a kill while it writes.",
    ),
)

_LOSSES = (
    Private(
        "keras.losses.Loss",
        "_fn_kwargs",
        "With a teacher, a sparse cross-entropy compares along the last axis "
        "whatever its `axis`.",
    ),
)

_OPTIMIZERS = (
    Private(
        "keras.optimizers.Optimizer",
        "_trainable_variables",
        "The optimizer that trains a weight is not found.",
    ),
    Private(
        "keras.optimizers.Optimizer",
        "_get_variable_index",
        "An optimizer's averages and squared gradients of a weight are not "
        "found.",
    ),
    Private(
        "keras.optimizers.Optimizer",
        "_model_variables_moving_average",
        "Moving averages bring pruned weights back.",
    ),
    Private(
        "keras.optimizers.Optimizer",
        "_learning_rate",
        "Solvers plan without the learning-rate schedule.",
    ),
    Private(
        "keras.optimizers.Optimizer",
        "_untrack_variable",
        "The variables of a run stay in the optimizer after it.",
    ),
    Private(
        "keras.optimizers.Optimizer",
        "_distribution_strategy",
        "Variables of a run are made outside the optimizer's strategy.",
        backends=("tensorflow",),
    ),
    Private(
        "keras.optimizers.Adam",
        "_velocities",
        "Choices by the metric of Adam fall back to magnitudes.",
    ),
    Private(
        "keras.optimizers.Adagrad",
        "_accumulators",
        "Choices by the metric of Adagrad fall back to magnitudes.",
    ),
    Private(
        "tf",
        "__internal__",
        "Weights are not updated on every replica.",
        backends=("tensorflow",),
    ),
    Private(
        "tf.distribute.StrategyExtended",
        "_in_multi_worker_mode",
        "Workers decide by different losses.",
        backends=("tensorflow",),
    ),
)

_OTHER_PACKAGES = (
    Private(
        "keras_hub.layers.TransformerDecoder",
        "_self_attention_layer",
        "Heads of KerasHub's transformers are not cut.",
    ),
    Private(
        "keras_hub.layers.TransformerDecoder",
        "_cross_attention_layer",
        "Heads of KerasHub's decoders are not cut.",
    ),
    Private(
        "keras_hub.layers.TransformerDecoder",
        "_feedforward_intermediate_dense",
        "Feed-forward units of KerasHub's transformers are not cut.",
    ),
    Private(
        "keras_hub.layers.TransformerDecoder",
        "_feedforward_output_dense",
        "Feed-forward units of KerasHub's transformers are not cut.",
    ),
    Private(
        "keras_hub.models.LlamaBackbone",
        "_feedforward_gate_dense",
        "Feed-forward units of Llama are not cut.",
    ),
    Private(
        "keras_hub.src",
        "keras_hub.src.",
        "Layers of KerasHub are left whole by `shrink`.",
    ),
    Private(
        "tf.python.keras",
        "tensorflow.python.keras.",
        "A Keras 2 model gets a less helpful error message.",
        backends=("tensorflow",),
    ),
    Private(
        "tf_keras.Model",
        "_nodes_by_depth",
        "Models do not go to TF-MOT and back.",
        backends=("tensorflow",),
    ),
    Private(
        "tf_keras.Model",
        "_nested_inputs",
        "Models do not come back from TF-MOT.",
        backends=("tensorflow",),
    ),
    Private(
        "tf_keras.Model",
        "_nested_outputs",
        "Models do not come back from TF-MOT.",
        backends=("tensorflow",),
    ),
    Private(
        "tfmot.quantization.keras.QuantizeWrapper",
        "_weight_vars",
        "`quantize_aware` does not count zeros in the trained weights.",
        backends=("tensorflow",),
    ),
    Private(
        "tfmot",
        "tensorflow_model_optimization.python.core.sparsity.keras"
        ".pruning_wrapper",
        "Models in TF-MOT's pruning wrappers are not recognized.",
        backends=("tensorflow",),
    ),
    Private(
        "tfmot",
        "tensorflow_model_optimization.python.core.clustering.keras"
        ".experimental.cluster",
        "`quantize_aware` cannot cluster weights and keep their zeros.",
        backends=("tensorflow",),
    ),
)

USED = _CONTAINERS + _TRAINING + _LOSSES + _OPTIMIZERS + _OTHER_PACKAGES
