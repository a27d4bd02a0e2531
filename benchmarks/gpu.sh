#!/bin/sh
# Tests and figures of one GPU, for the table in docs/benchmarks.md. From the repository root:
#     benchmarks/gpu.sh [PYTHON [PYTHON_OF_VLLM]]
set -eu
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
vllm=${2:-.venv-vllm/bin/python}
"$python" -m pytest -q tests/gpu
"$python" -m benchmarks.gpu
if [ -x "$vllm" ]; then
    PYTHONPATH=src:packages/or1-verify/src "$vllm" -m benchmarks.peers.vllm_gpu
else
    echo "no vLLM environment at $vllm: its figure is left out" >&2
fi
