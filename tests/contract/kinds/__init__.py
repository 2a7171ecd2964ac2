"""Every kind of model that a user may bring, by its name.

A kind is a function that returns a `Kind`. It says which kernels are pruned;
all other weights of its model are to be left alone, each with a reason.
"""

from tests.contract.kinds import construction
from tests.contract.kinds import frozen
from tests.contract.kinds import layer_types
from tests.contract.kinds import shared
from tests.contract.kinds import training_steps
from tests.contract.kinds import values

KINDS = {
    make.__name__: make
    for make in (
        construction.sequential,
        construction.unbuilt,
        shared.shared_and_nested,
        construction.lazy,
        construction.collections,
        training_steps.inputs_and_outputs,
        training_steps.own_train_step,
        layer_types.recurrent,
        layer_types.recurrent_by_default,
        layer_types.bidirectional,
        layer_types.time_distributed,
        layer_types.attention,
        shared.embedding,
        shared.reversible_embedding,
        shared.tied,
        frozen.lora,
        frozen.lora_kernels,
        frozen.frozen,
        frozen.frozen_after,
        frozen.frozen_backbone,
        values.sparse_already,
        values.zeros,
        shared.submodels,
        training_steps.distiller,
        layer_types.wrapped,
        values.precisions,
        layer_types.own_layer,
    )
}
