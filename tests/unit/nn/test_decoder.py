"""The decoder against transformers: packed, prefilled and cached, for all families.

Shape legend: T packed tokens, V vocabulary, C hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import PreTrainedModel

from or1.nn.cache import KeyValueCache
from or1.nn.cached_attention import ProductCached
from or1.nn.decoder import Decoder
from or1.nn.kernels import EXACT, FAST
from or1.nn.native import native_attention
from or1.nn.weights import load_decoder
from tests.unit.nn.families import FAMILIES, VOCAB, oracle_logits, save_random

MAX_DIFFERENCE = 1e-5


@dataclass(frozen=True)
class Pair:
    oracle: PreTrainedModel
    decoder: Decoder
    exact: Decoder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    folder = tmp_path_factory.mktemp("models")
    return {name: _pair(name, folder / name) for name in FAMILIES}


def _pair(name: str, folder: Path) -> Pair:
    oracle = save_random(name, folder)
    plain, exact = (load_decoder(folder, dtype=torch.float32, kernels=kernels) for kernels in (FAST, EXACT))
    return Pair(oracle, plain, exact)


def random_sequences(lengths: list[int], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(VOCAB, (length,), generator=generator) for length in lengths]


def logits_of(decoder: Decoder, hidden_TC: Tensor) -> Tensor:
    return hidden_TC @ decoder.head_weight.t()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kind", ["decoder", "exact"])
def test_packed_gives_the_logits_of_transformers(pairs: dict[str, Pair], name: str, kind: str) -> None:
    pair = pairs[name]
    decoder = {"decoder": pair.decoder, "exact": pair.exact}[kind]
    sequences = random_sequences([5, 150, 1, 33, 33, 40, 129])
    with torch.no_grad():
        logits_TV = logits_of(decoder, decoder.packed(torch.cat(sequences), [len(s) for s in sequences]))
    assert (logits_TV - oracle_logits(pair.oracle, sequences)).abs().max() < MAX_DIFFERENCE


@settings(max_examples=25)
@given(
    name=st.sampled_from(sorted(FAMILIES)),
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=9),
    seed=st.integers(0, 999),
)
def test_packing_changes_nothing(pairs: dict[str, Pair], name: str, lengths: list[int], seed: int) -> None:
    pair = pairs[name]
    sequences = random_sequences(lengths, seed)
    with torch.no_grad():
        packed = logits_of(pair.decoder, pair.decoder.packed(torch.cat(sequences), lengths))
    assert (packed - oracle_logits(pair.oracle, sequences)).abs().max() < MAX_DIFFERENCE


def test_chosen_rows_come_in_the_order_asked(pairs: dict[str, Pair]) -> None:
    decoder = pairs["qwen2"].decoder
    tokens_T, lengths = torch.cat(random_sequences([9, 4, 20])), [9, 4, 20]
    with torch.no_grad():
        everything = decoder.packed(tokens_T, lengths)
        chosen = decoder.packed(tokens_T, lengths, rows_N=torch.tensor([30, 0, 12, 12]))
    torch.testing.assert_close(chosen, everything[[30, 0, 12, 12]], rtol=0, atol=0)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kind", ["decoder", "exact"])
def test_gradients_are_those_of_transformers(pairs: dict[str, Pair], name: str, kind: str) -> None:
    pair = pairs[name]
    decoder = {"decoder": pair.decoder, "exact": pair.exact}[kind]
    sequences = random_sequences([6, 30, 31, 2])
    loss = (
        logits_of(decoder, decoder.packed(torch.cat(sequences), [len(s) for s in sequences])).square().mean()
    )
    layer = decoder.model.layers[1]
    ours = torch.autograd.grad(
        loss, [layer.self_attn.qkv_proj.weight, layer.input_layernorm.weight, layer.mlp.gate_up_proj.weight]
    )
    expected = torch.cat([pair.oracle(s[None]).logits[0] for s in sequences]).square().mean()
    block = pair.oracle.model.layers[1]
    attention, mlp = block.self_attn, block.mlp
    names = [
        attention.q_proj,
        attention.k_proj,
        attention.v_proj,
        block.input_layernorm,
        mlp.gate_proj,
        mlp.up_proj,
    ]
    q, k, v, norm, gate, up = torch.autograd.grad(expected, [module.weight for module in names])
    for got, wanted in zip(ours, (torch.cat([q, k, v]), norm, torch.cat([gate, up])), strict=True):
        assert (got - wanted).norm() < 1e-5 * wanted.norm()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kind", ["products", "compiled", "exact"])
def test_cached_goes_on_where_prefill_ended(pairs: dict[str, Pair], name: str, kind: str) -> None:
    """Three prompts, one of them in two rows; each row then reads its own continuation."""
    pair = pairs[name]
    decoder = pair.exact if kind == "exact" else pair.decoder
    need_compiler(kind)
    sequences = random_sequences([60, 45, 58, 60])
    sequences[3][:20] = sequences[0][:20]
    prompts, prompt_of_row = [20, 7, 15], torch.tensor([0, 1, 2, 0])
    cache = make_cache(decoder, 4, kind)
    starts = torch.tensor([20, 7, 15, 20])
    with torch.no_grad():
        kept = decoder.prefill(torch.cat([sequences[i][:n] for i, n in enumerate(prompts)]), prompts)
        cache.write_prompt(kept, prompt_of_row, torch.arange(4))
        steps = []
        for step in range(38):
            positions = starts + step
            tokens = torch.stack([s[p] for s, p in zip(sequences, positions, strict=True)])
            steps.append(decoder.cached(tokens, positions, cache, int(positions.max()) + 1))
    for row, sequence in enumerate(sequences):
        start = int(starts[row])
        got = logits_of(decoder, torch.stack([hidden[row] for hidden in steps]))
        expected = oracle_logits(pair.oracle, [sequence])[start : start + 38]
        assert (got - expected).abs().max() < MAX_DIFFERENCE


@pytest.mark.parametrize("kind", ["products", "compiled"])
def test_a_moved_row_continues_as_before(pairs: dict[str, Pair], kind: str) -> None:
    need_compiler(kind)
    decoder = pairs["llama"].decoder
    (sequence,) = random_sequences([50])
    cache = make_cache(decoder, 3, kind)
    with torch.no_grad():
        cache.write_prompt(decoder.prefill(sequence[:30], [30]), torch.tensor([0]), torch.tensor([2]))
        cache.move(torch.tensor([2]), torch.tensor([0]), 30)
        got = [decoder.cached(sequence[i : i + 1], torch.tensor([i]), cache, i + 1)[0] for i in range(30, 50)]
    expected = oracle_logits(pairs["llama"].oracle, [sequence])[30:]
    assert (logits_of(decoder, torch.stack(got)) - expected).abs().max() < MAX_DIFFERENCE


def need_compiler(kind: str) -> None:
    if kind == "compiled" and native_attention() is None:
        pytest.skip("this machine has no C++ compiler")


def make_cache(decoder: Decoder, num_sequences: int, kind: str) -> KeyValueCache:
    """A cache of 64 positions, of the decoder's own kind or by products."""
    if kind != "products":
        return decoder.new_cache(num_sequences, 64)
    return KeyValueCache(decoder.config, num_sequences, 64, decoder.dtype, decoder.device, ProductCached())


def test_a_full_cache_says_so(pairs: dict[str, Pair]) -> None:
    decoder = pairs["qwen2"].decoder
    cache = decoder.new_cache(1, 64)
    with pytest.raises(ValueError, match="65 positions do not fit into a cache of 64"):
        decoder.cached(torch.tensor([1]), torch.tensor([64]), cache, 65)


@pytest.mark.parametrize(
    ("lengths", "message"), [([3, 3], "add up to 6"), ([4, 0, 4], "at least one"), ([], "at least")]
)
def test_wrong_lengths_are_refused(pairs: dict[str, Pair], lengths: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pairs["qwen2"].decoder.packed(torch.zeros(8, dtype=torch.int64), lengths)


def test_a_float64_decoder_works_in_float64(pairs: dict[str, Pair]) -> None:
    """Scores or norms that drop to float32 on the way would leave 1e-7."""
    import copy

    decoder = copy.deepcopy(pairs["qwen3"].decoder).double()
    oracle = copy.deepcopy(pairs["qwen3"].oracle).double()
    sequences = random_sequences([40, 12])
    with torch.no_grad():
        got = logits_of(decoder, decoder.packed(torch.cat(sequences), [40, 12]))
    exact = copy.deepcopy(pairs["qwen3"].exact).double()
    with torch.no_grad():
        other = logits_of(exact, exact.packed(torch.cat(sequences), [40, 12]))
    assert (got - other).abs().max() < 1e-12
    assert (
        got - oracle_logits(oracle, sequences)
    ).abs().max() < MAX_DIFFERENCE  # transformers norms in float32
