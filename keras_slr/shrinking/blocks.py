"""A table of layers with attention and, mostly, a feed-forward part.

Layers of KerasHub are known by name, so that it need not be imported.
"""

import dataclasses

from keras_slr.keras_internals.keras_hub import CROSS_ATTENTION
from keras_slr.keras_internals.keras_hub import DOWN
from keras_slr.keras_internals.keras_hub import GATE
from keras_slr.keras_internals.keras_hub import SELF_ATTENTION
from keras_slr.keras_internals.keras_hub import UP
from keras_slr.shrinking.heads import name_of

_GROUPED = ("num_query_heads", "num_key_value_heads")


@dataclasses.dataclass(frozen=True)
class TransformerBlock:
    """The parts of a layer, and the config arguments that size them.

    Attributes:
        attentions: Tuple of strings, the attributes that hold attention
            layers. Empty for a layer that is one itself.
        makers: Tuple of strings, the attributes with the layers that write
            the units of the feed-forward part. Of two, which are multiplied,
            the first has the activation.
        reader: String, the attribute with the layer that reads these units.
        heads: Tuple of strings, the arguments with the numbers of heads.
            Empty where fewer heads would get another size.
        head_size: String, the argument with the size of a head, if any.
        width: String, the argument with the number of feed-forward units.
        factor: Integer, how many times the number of units `width` is.
        has_config: Boolean, whether `get_config` works.
    """

    attentions: tuple = ()
    makers: tuple = ()
    reader: str | None = None
    heads: tuple = ()
    head_size: str | None = None
    width: str | None = None
    factor: int = 1
    has_config: bool = True

    def attentions_of(self, layer):
        """Returns the attention layers of a layer, by attribute."""
        if not self.attentions:
            return {"": layer}
        found = {name: getattr(layer, name, None) for name in self.attentions}
        return {name: part for name, part in found.items() if part is not None}

    def feed_forward_of(self, layer):
        """Returns the layers that write the units, and the one that reads."""
        makers = [getattr(layer, name) for name in self.makers]
        return makers, getattr(layer, self.reader) if self.reader else None


BLOCKS = {
    "GroupedQueryAttention": TransformerBlock(heads=_GROUPED),
    "keras_hub/CachedMultiHeadAttention": TransformerBlock(
        heads=("num_heads",)
    ),
    "keras_hub/CachedGemmaAttention": TransformerBlock(heads=_GROUPED),
    "keras_hub/CachedMistralAttention": TransformerBlock(
        heads=_GROUPED, head_size="head_dim"
    ),
    "keras_hub/LlamaAttention": TransformerBlock(has_config=False),
    "keras_hub/TransformerEncoder": TransformerBlock(
        (SELF_ATTENTION,), (UP,), DOWN, width="intermediate_dim"
    ),
    "keras_hub/TransformerDecoder": TransformerBlock(
        (SELF_ATTENTION, CROSS_ATTENTION),
        (UP,),
        DOWN,
        width="intermediate_dim",
    ),
    "keras_hub/LlamaTransformerDecoder": TransformerBlock(
        (SELF_ATTENTION,), (GATE, UP), DOWN, has_config=False
    ),
    "keras_hub/MistralTransformerDecoder": TransformerBlock(
        (SELF_ATTENTION,),
        (GATE, UP),
        DOWN,
        heads=_GROUPED,
        head_size="head_dim",
        width="intermediate_dim",
    ),
    "keras_hub/GemmaDecoderBlock": TransformerBlock(
        ("attention",),
        ("gating_ffw", "gating_ffw_2"),
        "ffw_linear",
        heads=_GROUPED,
        width="intermediate_dim",
        factor=2,
    ),
}


def block_of(layer):
    """Returns the `TransformerBlock` of a layer."""
    return BLOCKS[name_of(layer)]
