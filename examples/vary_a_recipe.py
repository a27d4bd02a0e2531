"""A run is data: load a recipe, vary it, read what a step is, before anything starts.

Prints:
    A step is 32 problems x 16 = 512 rollouts -> 1 optimizer update, on-policy.
    A step is 32 problems x 16 = 512 rollouts -> 4 optimizer updates, off-policy after the first.
    --set entropy.tagret=0.3: unknown key entropy.tagret: did you mean entropy.target?
"""

from or1 import recipes
from or1.errors import ConfigError

print(recipes.describe(recipes.load("tiny")))

settings = ["stages.0.num_minibatches=4", "stages.1.num_minibatches=4"]
print(recipes.describe(recipes.load("tiny", settings)))

try:
    recipes.load("tiny", ["entropy.tagret=0.3"])
except ConfigError as error:
    print(error)
