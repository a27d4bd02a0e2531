"""A reward of your own is a function in a file; a recipe names it: `task = "own_reward.py:reward"`.

`or1 verify --task own_reward.py:reward FILE` tries it on rows with `response` and `gold`.

Prints:
    1.0 right
    0.5 partial
"""

import or1


def reward(response: str, gold: list[str], problem: object) -> float:
    """Share of the wanted words that are in the response."""
    return sum(word in response for word in gold) / len(gold)


if __name__ == "__main__":
    for response in ("the red fox", "the red dog"):
        verdict = or1.verify(["red", "fox"], response, f"{__file__}:reward")
        print(verdict.reward, verdict.reason)
