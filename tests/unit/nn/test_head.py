"""The fused head against plain autograd in float64, and its row-invariance with the exact product.

Shape legend: N rows, C hidden size, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from or1.nn.head import HeadLogits, head_distributions, head_logits, head_logprobs
from or1.nn.linear import linear_rows

Reduce = Callable[[Tensor, Tensor], Tensor]


def make_inputs(
    num_rows: int, vocab: int, hidden: int, dtype: torch.dtype, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    hidden_NC = torch.randn(num_rows, hidden, generator=generator, dtype=torch.float64)
    weight_VC = torch.randn(vocab, hidden, generator=generator, dtype=torch.float64)
    targets_N = torch.randint(vocab, (num_rows,), generator=generator)
    return (
        hidden_NC.to(dtype).requires_grad_(True),
        weight_VC.to(dtype).requires_grad_(True),
        targets_N,
    )


def naive(
    hidden_NC: Tensor, weight_VC: Tensor, targets_N: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    log_probs_NV = torch.log_softmax(hidden_NC @ weight_VC.t() / temperature, dim=-1)
    logprobs_N = log_probs_NV[torch.arange(len(targets_N)), targets_N]
    return logprobs_N, -(log_probs_NV.exp() * log_probs_NV).sum(-1)


REDUCTIONS: dict[str, Reduce] = {
    "both": lambda logprobs, entropy: (logprobs.sin() + entropy.cos()).sum(),
    "logprobs only": lambda logprobs, entropy: logprobs.sin().sum(),
    "entropy only": lambda logprobs, entropy: entropy.cos().sum(),
}


def test_worked_number_at_temperature_two() -> None:
    # Logits (2 ln 3, 0) at temperature 2 are (ln 3, 0): p = (3/4, 1/4). Without the temperature p = (0.9,
    # 0.1): log p would be -0.105 and the entropy 0.325.
    hidden_NC = torch.tensor([[2 * math.log(3.0)]])
    weight_VC = torch.tensor([[1.0], [0.0]])
    logprobs_N, entropy_N = head_logprobs(hidden_NC, weight_VC, torch.tensor([0]), 2.0)
    assert logprobs_N.item() == pytest.approx(math.log(0.75), abs=1e-6)
    assert entropy_N.item() == pytest.approx(0.5623351446, abs=1e-6)


@pytest.mark.parametrize("logits_of", [head_logits, linear_rows])
@pytest.mark.parametrize("keep_bytes", [0, 1 << 20], ids=["recomputed", "kept"])
@pytest.mark.parametrize("chunk_tokens", [None, 1, 3, 7])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_values_and_gradients_equal_autograd(
    reduction: str, chunk_tokens: int | None, keep_bytes: int, logits_of: HeadLogits
) -> None:
    hidden_NC, weight_VC, targets_N = make_inputs(7, 11, 5, torch.float64)
    reduce = REDUCTIONS[reduction]
    expected = naive(hidden_NC, weight_VC, targets_N, 0.7)
    expected_grads = torch.autograd.grad(reduce(*expected), (hidden_NC, weight_VC))
    got = head_logprobs(
        hidden_NC,
        weight_VC,
        targets_N,
        0.7,
        logits_of,
        chunk_tokens=chunk_tokens,
        keep_bytes=keep_bytes,
    )
    grads = torch.autograd.grad(reduce(*got), (hidden_NC, weight_VC))
    for value, wanted in zip((*got, *grads), (*expected, *expected_grads), strict=True):
        torch.testing.assert_close(value, wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("keep_bytes", [0, 1 << 20], ids=["recomputed", "kept"])
def test_gradcheck(keep_bytes: int) -> None:
    hidden_NC, weight_VC, targets_N = make_inputs(4, 6, 3, torch.float64, seed=1)

    def both(hidden: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        return head_logprobs(hidden, weight, targets_N, 1.3, chunk_tokens=3, keep_bytes=keep_bytes)

    assert torch.autograd.gradcheck(both, (hidden_NC, weight_VC))


def test_only_the_weight_or_only_the_hidden_states_may_need_a_gradient() -> None:
    hidden_NC, weight_VC, targets_N = make_inputs(4, 6, 3, torch.float64)
    (grad_hidden,) = torch.autograd.grad(
        head_logprobs(hidden_NC, weight_VC.detach(), targets_N, 1.0)[0].sum(), (hidden_NC,)
    )
    (grad_weight,) = torch.autograd.grad(
        head_logprobs(hidden_NC.detach(), weight_VC, targets_N, 1.0)[0].sum(), (weight_VC,)
    )
    wanted = torch.autograd.grad(naive(hidden_NC, weight_VC, targets_N, 1.0)[0].sum(), (hidden_NC, weight_VC))
    torch.testing.assert_close(grad_hidden, wanted[0], rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(grad_weight, wanted[1], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("chunk_tokens", [None, 16])
def test_bfloat16_head_errs_only_by_its_inputs_rounding(chunk_tokens: int | None) -> None:
    # The same bfloat16 numbers in float64 are the truth. A product rounded to bfloat16 is off by up to 2^-9
    # of a logit of about 30 here: 0.06 nats, fifty times the bound.
    hidden_NC, weight_VC, targets_N = make_inputs(64, 50, 64, torch.bfloat16)
    expected = naive(hidden_NC.double(), weight_VC.double(), targets_N, 1.0)
    got = head_logprobs(hidden_NC, weight_VC, targets_N, 1.0, chunk_tokens=chunk_tokens)
    assert (got[0].double() - expected[0]).abs().max() < 1e-3
    assert (got[1].double() - expected[1]).abs().max() < 1e-3
    wanted = torch.autograd.grad(expected[0].sum(), (hidden_NC, weight_VC))
    grads = torch.autograd.grad(got[0].sum(), (hidden_NC, weight_VC))
    for grad, truth in zip(grads, wanted, strict=True):
        assert (grad.double() - truth.double()).norm() / truth.double().norm() < 5e-3


def test_confident_distribution_has_finite_gradients() -> None:
    # p underflows to 0 for the other tokens; 0 * log 0 must be 0 and not nan.
    hidden_NC = torch.tensor([[1000.0]], requires_grad=True)
    weight_VC = torch.tensor([[1.0], [-1.0]])
    logprobs_N, entropy_N = head_logprobs(hidden_NC, weight_VC, torch.tensor([0]), 1.0)
    (grad,) = torch.autograd.grad((logprobs_N + entropy_N).sum(), (hidden_NC,))
    assert (logprobs_N.item(), entropy_N.item(), grad.item()) == (0.0, 0.0, 0.0)


def distributions(hidden_NC: torch.Tensor, weight_VC: torch.Tensor, temperature: float) -> torch.Tensor:
    chunks = list(head_distributions(hidden_NC, weight_VC, temperature, linear_rows))
    assert [row for rows, _ in chunks for row in range(rows.start, rows.stop)] == list(range(len(hidden_NC)))
    return torch.cat([log_probs_NV for _, log_probs_NV in chunks])


@pytest.mark.parametrize("num_rows", [1, 6, 7, 13])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sampling_works_on_a_few_rows_of_a_real_vocabulary(num_rows: int, dtype: torch.dtype) -> None:
    """150,000 ids in float32 are 0.6 MB a row: six rows at once, whatever type the model computes in."""
    hidden_NC, weight_VC, _ = make_inputs(num_rows, 150_000, 32, dtype)
    chunks = [log_probs_NV for _, log_probs_NV in head_distributions(hidden_NC, weight_VC, 1.0)]
    assert [len(chunk) for chunk in chunks] == [6] * (num_rows // 6) + [num_rows % 6] * (num_rows % 6 > 0)
    expected_NV = head_logits(hidden_NC, weight_VC).float().log_softmax(-1)
    assert torch.equal(torch.cat(chunks), expected_NV)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@given(
    num_rows=st.integers(1, 200), start=st.integers(0, 199), chunk=st.one_of(st.none(), st.integers(1, 70))
)
@settings(max_examples=40, deadline=None)
def test_exact_rows_do_not_depend_on_their_company(
    temperature: float, num_rows: int, start: int, chunk: int | None
) -> None:
    hidden_NC, weight_VC, targets_N = make_inputs(200, 99, 128, torch.float32)
    rows = slice(min(start, 200 - num_rows), min(start, 200 - num_rows) + num_rows)
    with torch.no_grad():
        whole_NV = distributions(hidden_NC, weight_VC, temperature)
        part_NV = distributions(hidden_NC[rows], weight_VC, temperature)
    logprobs_N, _ = head_logprobs(
        hidden_NC[rows], weight_VC, targets_N[rows], temperature, linear_rows, chunk_tokens=chunk
    )
    assert torch.equal(whole_NV[rows], part_NV)
    assert torch.equal(logprobs_N.detach(), part_NV.gather(1, targets_N[rows, None]).squeeze(1))


def test_full_logits_never_exist() -> None:
    # 4,096 rows x 20,000 tokens x 4 bytes = 328 MB; one chunk of 512 rows is 41 MB.
    hidden_NC, weight_VC, targets_N = make_inputs(4096, 20_000, 4, torch.float32)
    largest = LargestTensor()
    with largest:
        logprobs_N, entropy_N = head_logprobs(hidden_NC, weight_VC, targets_N, 1.0, keep_bytes=0)
        (logprobs_N.sum() + entropy_N.sum()).backward()
    assert 0 < largest.num_elements <= 512 * 20_000


class LargestTensor(torch.utils._python_dispatch.TorchDispatchMode):
    """Records the largest tensor that any operation returns."""

    num_elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor):
            self.num_elements = max(self.num_elements, out.numel())
        return out


def test_no_rows() -> None:
    hidden_NC, weight_VC, targets_N = make_inputs(0, 6, 3, torch.float32)
    logprobs_N, _ = head_logprobs(hidden_NC, weight_VC, targets_N, 1.0)
    logprobs_N.sum().backward()
    assert weight_VC.grad is not None
    assert weight_VC.grad.count_nonzero() == 0


def test_temperature_zero_is_refused() -> None:
    hidden_NC, weight_VC, targets_N = make_inputs(2, 6, 3, torch.float32)
    with pytest.raises(ValueError, match="temperature"):
        head_logprobs(hidden_NC, weight_VC, targets_N, 0.0)
