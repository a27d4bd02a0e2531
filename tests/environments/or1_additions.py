"""An environment of the `verifiers` library for tests: additions, with a reward for short replies."""

import time

import verifiers.v1 as vf


class Data(vf.TaskData):
    answer: int = 0


class Addition(vf.Task[Data, vf.State, vf.TaskConfig]):
    @vf.reward(weight=1.0)
    async def correct(self, trace: vf.Trace) -> float:
        if trace.last_reply == "hang":
            time.sleep(3600)
        if trace.last_reply == "raise":
            raise RuntimeError("no such reply")
        return float(trace.last_reply == str(self.data.answer))

    @vf.reward(weight=0.25)
    async def short(self, trace: vf.Trace) -> float:
        return 9.0 if trace.last_reply == "nine" else float(len(trace.last_reply) < 4)


class Additions(vf.Taskset[Addition, vf.TasksetConfig]):
    def load(self) -> list[Addition]:
        return [
            Addition(Data(prompt=f"{n}+1?", system_prompt="Digits only.", answer=n + 1), self.config.task)
            for n in range(4)
        ]


__all__ = ["Additions"]
