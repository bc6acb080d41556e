"""Initial parameters of a network, from a seed.

This is not torch's initialisation.  To start from a module's own weights, copy them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vetro.networks.activations.table import activation_of
from vetro.networks.network import Network


def initial_parameters(network: Network, seed: int) -> NDArray[np.float32]:
    """The flat vector (parameter_count,) to start training from; the same for the same seed.

    Weights ~ U(+-sqrt(6 / in)) before rectified activations (He et al. 2015),
    U(+-sqrt(6 / (in + out))) otherwise and in the last layer (Glorot, Bengio 2010);
    biases are 0.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    parameters = np.zeros(network.parameter_count, dtype=np.float32)
    rectified = activation_of(network.activation).rectified
    weights = [view for name, view in network.views(parameters).items() if name.endswith("weight")]
    for index, weight in enumerate(weights):
        outputs, inputs = weight.shape
        hidden = index < len(weights) - 1
        bound = np.sqrt(6.0 / inputs if rectified and hidden else 6.0 / (inputs + outputs))
        weight[...] = generator.uniform(-bound, bound, size=weight.shape)
    return parameters
