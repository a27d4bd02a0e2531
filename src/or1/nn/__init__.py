"""One decoder for the Qwen2, Qwen3 and Llama families, with a packed and a cached forward, and the head."""
