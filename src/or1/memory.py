"""Memory of a training run from its numbers alone: bytes of weights, optimizer, activations, head and cache.

`estimate` serves the refusal at the start, the message of a run that ran out of memory,
`or1 doctor` and the table of docs/scaling.md. It counts the tensors that or1's own decoder and update keep;
tests compare it with the allocations of real updates. Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

GIB = 1 << 30

KEEP_BYTES = 256 << 20
"""Log-probabilities of one call up to this size stay in memory for the backward [bytes]; larger ones are
recomputed chunk by chunk, which costs one more product."""
CHUNK_ELEMENTS = 1 << 20
"""Logits of one chunk where the vocabulary is small [elements]: 4 MB in float32 stay in cache."""
MIN_CHUNK_ROWS = 512
"""Fewer rows would read a large head weight too often for the work done with it [rows]."""
SAMPLING_BYTES = 4 << 20
"""Log-probabilities that sampling on a CPU works on at once [bytes]: the allocator of Linux gives blocks of
32 MB and more back at once and takes new pages for the next."""
KEEP_KEYS = 1024
"""Most keys with which CPU attention keeps its weights for the backward [tokens]; beyond it they are
recomputed."""

CHUNK_COPIES = 3
"""Tensors of one chunk of logits at once: logits, log-probabilities and a result of both."""
EXACT_HEAD_ELEMENTS = 1 << 22
"""A head of a smaller type of at most this size (V * C) is multiplied in float32 [elements]: it costs little,
and logits rounded to bfloat16 are off by up to 0.06 at a magnitude of 20."""
QUANTIZATION_BLOCK = 256
"""Elements of an 8-bit moment that share one float32 scale. Source: arXiv 2110.02861 and torchao."""
FLOAT32 = 4
"""Bytes of a master weight, a summed gradient, a logit and a moment of 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Shape of the tensors of a decoder-only model."""

    num_layers: int
    hidden_size: int
    intermediate_size: int
    num_heads: int
    num_kv_heads: int
    head_size: int
    vocab_size: int
    is_head_tied: bool = False
    """The head is the embedding matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings:
    """Everything beside the model that decides about memory."""

    compute_bytes: int
    """Bytes of a number of the compute type: 4 float32, 2 bfloat16."""
    microbatch_tokens: int
    """Most prompt and response tokens of one forward pass [tokens]."""
    recompute: bool = False
    """Keep the input of each layer only."""
    optimizer_bits: int = 32
    """Bits of each of AdamW's two moments: 32 or 8."""
    ranks: int = 1
    """Processes over which masters, gradients, moments and weights are sharded."""
    ranks_here: int = 1
    """Those whose memory is counted together: all, where they share that of one machine."""
    offload: bool = False
    """Shards, their gradients and moments are elsewhere, in the memory of the host."""
    whole_gradients: bool = False
    """Each rank keeps the gradient of all weights between its microbatches."""
    lora_rank: int | None = None
    """Columns of the adapters on all linear layers of a block; None = all weights are trained."""
    has_reference: bool = False
    """A second copy of the weights for a KL term."""
    kept_versions: int = 0
    """Copies of earlier weights: the two that the rollouts of this step and of the next one came from, where
    the next step is sampled during the update."""
    slots: int = 0
    """Responses that the engine decodes at once; 0 = the engine is elsewhere."""
    max_prompt_tokens: int = 0
    max_response_tokens: int = 0
    """Response budget [tokens]."""
    keeps_attention: bool = False
    """Attention weights of short sequences stay in memory for the backward: or1's kernel for CPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEstimate:
    """Bytes on one device, by phase."""

    weights: int
    """In compute type, all through the run."""
    masters: int
    """float32 weights of the optimizer; 0 where the weights themselves are float32."""
    gradients: int
    moments: int
    reference: int
    kept_weights: int
    """Earlier weights that rollouts are sampled from."""
    activations: int
    """Kept by all layers for the backward of one microbatch."""
    layer: int
    """Working memory of the backward of one layer; the head's is free by then."""
    logits: int
    """Working memory of the head of one microbatch: chunks, kept log-probabilities, its gradient."""
    kv_cache: int
    """Keys, values and results of the running responses; kept between rollouts."""
    decode: int
    """Logits of one decode step."""

    @property
    def trainer(self) -> int:
        """Held from the first update on."""
        kept = self.reference + self.kept_weights
        return self.weights + self.masters + self.gradients + self.moments + kept

    @property
    def update(self) -> int:
        """Peak of the update."""
        return self.trainer + self.activations + max(self.layer, self.logits) + self.kv_cache

    @property
    def rollout(self) -> int:
        """Peak of the rollout."""
        return self.trainer + self.kv_cache + self.decode

    @property
    def peak(self) -> int:
        return max(self.update, self.rollout)


def num_block_parameters(shape: Shape) -> int:
    """Matrices and norms of all layers [parameters]; biases are under 0.1 % and left out."""
    c, h, g, d = shape.hidden_size, shape.num_heads, shape.num_kv_heads, shape.head_size
    return shape.num_layers * (c * (2 * h + 2 * g) * d + 3 * c * shape.intermediate_size + 2 * c)


def num_parameters(shape: Shape) -> int:
    """Weights of the whole model, each tensor once."""
    embeddings = shape.vocab_size * shape.hidden_size
    return num_block_parameters(shape) + embeddings * (1 if shape.is_head_tied else 2) + shape.hidden_size


def num_adapter_parameters(shape: Shape, rank: int) -> int:
    """Both matrices of an adapter on each of the seven linear layers of a block [parameters]."""
    c, i, d = shape.hidden_size, shape.intermediate_size, shape.head_size
    q, kv = shape.num_heads * d, shape.num_kv_heads * d
    sides = 2 * (c + q) + 2 * (c + kv) + 3 * (c + i)
    return shape.num_layers * rank * sides


def estimate(shape: Shape, settings: MemorySettings) -> MemoryEstimate:
    """Bytes by phase of a run with AdamW on one device of `settings.ranks`, or for `settings.ranks_here`.

    Weights in float32 are their own masters. Weights in a smaller type have float32 masters and gradients
    (16 bytes a parameter and 2 for the weights: arXiv 1910.02054, section 3.1, with float32 gradients).
    """
    weights = num_parameters(shape) * settings.compute_bytes
    has_merged = settings.lora_rank is not None and settings.slots
    merged = num_block_parameters(shape) * settings.compute_bytes if has_merged else 0  # the engine's copy
    trained = _num_trained(shape, settings)
    whole_gradients = settings.ranks_here * trained * FLOAT32 if settings.whole_gradients else 0
    own_masters = settings.compute_bytes >= FLOAT32
    masters = 0 if own_masters and settings.lora_rank is None else trained * FLOAT32
    return MemoryEstimate(
        weights=_shard(weights, settings) + _gathered(shape, settings) + merged,
        masters=_shard(masters, settings),
        gradients=whole_gradients + _shard(trained * FLOAT32, settings),
        moments=_shard(_moment_bytes(shape, settings), settings),
        reference=_shard(weights, settings) if settings.has_reference else 0,
        kept_weights=settings.kept_versions * weights,
        activations=settings.ranks_here * _activations(shape, settings),
        layer=settings.ranks_here * _layer(shape, settings),
        logits=settings.ranks_here * _logits(shape, settings),
        kv_cache=_cache(shape, settings),
        decode=settings.slots * shape.vocab_size * FLOAT32 * CHUNK_COPIES,
    )


def checkpoint_bytes(shape: Shape, settings: MemorySettings) -> int:
    """Size of the files of a checkpoint, of all ranks together: trained weights in float32, and moments."""
    return _num_trained(shape, settings) * FLOAT32 + _moment_bytes(shape, settings)


def _num_trained(shape: Shape, settings: MemorySettings) -> int:
    rank = settings.lora_rank
    return num_parameters(shape) if rank is None else num_adapter_parameters(shape, rank)


def _moment_bytes(shape: Shape, settings: MemorySettings) -> int:
    moment = FLOAT32 if settings.optimizer_bits == 32 else 1 + FLOAT32 / QUANTIZATION_BLOCK
    return int(2 * _num_trained(shape, settings) * moment)


def _shard(num_bytes: int, settings: MemorySettings) -> int:
    return 0 if settings.offload else settings.ranks_here * -(-num_bytes // settings.ranks)


def _gathered(shape: Shape, settings: MemorySettings) -> int:
    """Beside shards: the whole embedding and two layers, the one computed and the one that comes."""
    if settings.ranks == 1 and not settings.offload:
        return 0
    layer = num_block_parameters(shape) // shape.num_layers
    numbers = shape.vocab_size * shape.hidden_size + 2 * layer
    return settings.ranks_here * numbers * settings.compute_bytes


def _layer_elements(shape: Shape, settings: MemorySettings) -> int:
    """Numbers that one layer keeps for its backward, for one token.

    The inputs and results of both norms (4 C), the joint projection and the rotated queries and keys,
    the result of attention, gate and up projection and their product.
    """
    heads, groups, size = shape.num_heads, shape.num_kv_heads, shape.head_size
    attention = (heads + 2 * groups) * size + (heads + groups) * size + heads * size
    elements = 4 * shape.hidden_size + attention + 3 * shape.intermediate_size
    if settings.lora_rank is not None:
        # the input of each adapter in float32, and its A x: seven layers with four different inputs
        inputs = 5 * shape.hidden_size + heads * size + shape.intermediate_size
        elements += (inputs + 7 * settings.lora_rank) * FLOAT32 // settings.compute_bytes
    return elements + (_kept_attention(shape, settings) if settings.keeps_attention else 0)


def _kept_attention(shape: Shape, settings: MemorySettings) -> int:
    """Attention weights of a response token: its prompt and on average half of the response, in all heads."""
    if settings.max_prompt_tokens + settings.max_response_tokens > KEEP_KEYS:
        return shape.num_heads * KEEP_KEYS // 2  # responses of half that length keep those
    return shape.num_heads * (settings.max_prompt_tokens + settings.max_response_tokens // 2)


def _activations(shape: Shape, settings: MemorySettings) -> int:
    """Tensors of one microbatch that all layers keep; with recompute their inputs only."""
    layer = shape.hidden_size if settings.recompute else _layer_elements(shape, settings)
    return settings.microbatch_tokens * settings.compute_bytes * shape.num_layers * layer


def _layer(shape: Shape, settings: MemorySettings) -> int:
    """The inside of a recomputed layer, the gradients that move through it, and those of new weights.

    The widest place is the gated unit: the gradients of gate and up, of their product, and the residual
    stream. The gradient of a tied head waits for that of the embedding.
    """
    inside = _layer_elements(shape, settings) if settings.recompute else 0
    moving = 3 * shape.intermediate_size + 2 * shape.hidden_size
    weights = 0
    if settings.lora_rank is None:
        weights = 2 * shape.hidden_size * shape.intermediate_size
        weights += shape.vocab_size * shape.hidden_size if shape.is_head_tied else 0
    return (settings.microbatch_tokens * (inside + moving) + weights) * settings.compute_bytes


def _logits(shape: Shape, settings: MemorySettings) -> int:
    """The head never holds more than a chunk of logits, and log-probabilities of a bounded size."""
    tokens, vocabulary, head = (
        settings.microbatch_tokens,
        shape.vocab_size,
        shape.vocab_size * shape.hidden_size,
    )
    kept = tokens * vocabulary * FLOAT32
    chunk = min(tokens, max(MIN_CHUNK_ROWS, CHUNK_ELEMENTS // vocabulary)) * vocabulary * FLOAT32
    # a kept chunk is one of the copies
    logits = kept + (CHUNK_COPIES - 1) * chunk if kept <= KEEP_BYTES else CHUNK_COPIES * chunk
    hidden = 3 * tokens * shape.hidden_size * settings.compute_bytes
    is_exact = head <= EXACT_HEAD_ELEMENTS
    operand = FLOAT32 if is_exact else settings.compute_bytes
    copy = head * operand if operand > settings.compute_bytes else 0
    # the sum over chunks in float32, and the product of one chunk
    gradient = head * (FLOAT32 + operand) if settings.lora_rank is None else 0
    return logits + hidden + copy + gradient


def position_bytes(shape: Shape, number_bytes: int) -> int:
    """Keys and values of all layers at one position [bytes]."""
    return 2 * shape.num_layers * shape.num_kv_heads * shape.head_size * number_bytes


def _cache(shape: Shape, settings: MemorySettings) -> int:
    """Keys and values of all layers at every position, and three numbers a response token."""
    position = position_bytes(shape, settings.compute_bytes)
    length = settings.max_prompt_tokens + settings.max_response_tokens
    return settings.slots * (length * position + settings.max_response_tokens * 3 * FLOAT32)


_QWEN_7B = Shape(
    num_layers=28,
    hidden_size=3584,
    intermediate_size=18_944,
    num_heads=28,
    num_kv_heads=4,
    head_size=128,
    vocab_size=152_064,
)
PUBLISHED: dict[str, Shape] = {
    "Qwen/Qwen2.5-0.5B-Instruct": Shape(
        num_layers=24,
        hidden_size=896,
        intermediate_size=4864,
        num_heads=14,
        num_kv_heads=2,
        head_size=64,
        vocab_size=151_936,
        is_head_tied=True,
    ),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": replace(
        _QWEN_7B,
        hidden_size=1536,
        intermediate_size=8960,
        num_heads=12,
        num_kv_heads=2,
        vocab_size=151_936,
    ),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": _QWEN_7B,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": replace(
        _QWEN_7B, num_layers=64, hidden_size=5120, intermediate_size=27_648, num_heads=40, num_kv_heads=8
    ),
}
"""Start models of the recipes, for machines that do not have their folders. Source: their config.json."""
