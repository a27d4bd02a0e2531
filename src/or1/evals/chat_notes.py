"""Is the model prompted as it was in training? As far as its folder says."""

from __future__ import annotations

from or1.config import ChatConfig
from or1.evals.contamination import training_config
from or1.recipes.check import shown


def chat_notes(model: str, chat: ChatConfig) -> list[str]:
    """One line for each chat setting that differs from that of the run that trained the model.

    Not for the template: `or1 export` writes it into the folder.
    """
    config = training_config(model)
    if config is None or "chat" not in config["model"]:
        return []
    trained, asked = config["model"]["chat"], chat.model_dump(mode="json")
    return [
        f"chat: model.chat.{name} is {shown(asked[name])} here; the model was trained with "
        f"{shown(trained[name])}."
        for name in ("system_prompt", "template_kwargs", "stop_tokens")
        if trained[name] != asked[name]
    ]
