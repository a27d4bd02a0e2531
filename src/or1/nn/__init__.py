"""One decoder for the Qwen2, Qwen3 and Llama families, with a packed and a cached forward, and the head.

The shape letters of `or1.nn`, `or1.rollout` and `or1.trainer`. A tensor's name ends in its axes:
`hidden_TC` is [T, C].

    T  tokens of packed sequences, one after another without padding
    N  chosen rows: tokens whose hidden state is used, in training the response tokens of a microbatch;
       rows of a matrix function that knows no sequences
    S  sequences: of a bucket, or rows of memory of the key-value cache and of the running batch
    B  running sequences: the first B rows of such memory
    L  tokens of one sequence: the longest of a bucket, the response budget of a running batch
    P  tokens of a shared prompt, the longest of a bucket
    W  keys that a query can attend to: P + L of a bucket, or the capacity of a row of the cache
    C  hidden size
    D  head size
    E  half of the head size
    H  query heads
    G  key-value heads
    R  query heads that share a key-value head, H / G
    A  pairs of a sequence and a key-value head, S * G or B * G: one product each
    Q  query rows of one such product
    I  intermediate size of the feed-forward block
    K  input features of a linear layer
    O  output features of a linear layer
    V  vocabulary
    J  rows of one chunk of the head
    M  rollouts of a group
    F  sequences that finish together
    X  a small fixed size that the docstring names: cosines and sines, or 1
"""
