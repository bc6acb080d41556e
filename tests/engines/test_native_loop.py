"""The native loop by itself, with a trainer that follows a script."""

import pytest

from vetro.engines import native_loop


class Scripted:
    """A loop whose trainer goes through these states."""

    def __init__(self, *states):
        self.states, self.steps, self.settled, self.trainer = iter(states), 0, 0, self

    def advance(self, seconds):
        self.steps += 1
        return next(self.states)

    def losses(self, start):
        return [1.0]

    def feed(self):
        pass

    def settle(self, diverged=False):
        self.settled += 1

    def ended(self, status):
        return status


@pytest.mark.parametrize(("pressed", "steps"), [(False, 3), (True, 1)])
def test_an_interruption_ends_the_loop_between_two_advances(pressed, steps):
    loop = Scripted("time", "hungry", "done")
    reason = native_loop._run(loop, lambda first: True, None, lambda: pressed)
    assert (reason, loop.steps) == ("interrupted" if pressed else "done", steps)
