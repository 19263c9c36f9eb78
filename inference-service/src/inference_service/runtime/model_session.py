"""A session that runs an ONNX graph on a number of threads.

`ModelSession` is a protocol, so that the tests of the scheduler can control when a run ends. The service itself uses
ONNX Runtime.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime as ort

from inference_service.model_repository.description import ModelDescription, ModelError
from inference_service.model_repository.tensors import Tensor


class ModelSession(Protocol):
    """Runs a model. May be called from several threads at the same time."""

    def run(self, batch: Tensor) -> Tensor:
        """Run the model on a batch, float32 (N, channels, height, width). Returns float32 (N, labels); a session for
        class-activation maps (N, labels, rows, columns)."""
        ...


class OnnxModelSession:
    """A session of ONNX Runtime, which releases the GIL while it runs."""

    def __init__(self, graph: Path, description: ModelDescription, *, threads: int, providers: tuple[str, ...]) -> None:
        """Load the graph and check it against its description. Raises `ModelError`."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin while they wait are a tenth faster on an idle machine, and half as fast on a busy one.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(str(graph), options, providers=list(providers))
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise ModelError(f"{graph}: ONNX Runtime can't load it: {error}") from error
        self._input = description.input.name
        self._output = description.output.name
        if self._session.get_providers()[0] != providers[0]:
            raise ModelError(f"{graph}: {providers[0]} is not available")
        self._check(graph, description)

    def for_maps(self, name: str) -> "ModelSession":
        """The same session, with the class-activation maps in the output `name` as its result."""
        return _Maps(self._session, self._input, name)

    def _check(self, graph: Path, description: ModelDescription) -> None:
        labels = len(description.output.labels)
        maps = description.output.class_activation
        inputs = {each.name: each for each in self._session.get_inputs()}
        outputs = {each.name for each in self._session.get_outputs()}
        wanted = [self._output, *filter(None, [maps])]
        if set(inputs) != {self._input} or not outputs.issuperset(wanted):
            raise ModelError(
                f"{graph}: has inputs {sorted(inputs)} and outputs {sorted(outputs)}, not those of model.toml"
            )
        expected = (1, description.input.channels, description.input.height, description.input.width)
        given = tuple(inputs[self._input].shape)
        if len(given) != 4 or any(isinstance(g, int) and g != e for g, e in zip(given[1:], expected[1:], strict=True)):
            raise ModelError(
                f"{graph}: takes {given}, and model.toml says (N, {expected[1]}, {expected[2]}, {expected[3]})"
            )
        nothing = np.zeros(expected, dtype=np.float32)
        try:
            scored = self.run(nothing).shape
            mapped = None if maps is None else self.for_maps(maps).run(nothing).shape
        except Exception as error:  # as above
            raise ModelError(f"{graph}: does not run: {error}") from error
        if scored != (1, labels):
            raise ModelError(f"{graph}: gives {scored}, and model.toml has {labels} labels")
        if mapped is not None and (len(mapped) != 4 or mapped[:2] != (1, labels) or not all(mapped)):
            raise ModelError(f"{graph}: {maps} gives {mapped}, and model.toml says maps (N, {labels}, rows, columns)")

    def run(self, batch: Tensor) -> Tensor:
        """See `ModelSession.run`."""
        (result,) = self._session.run([self._output], {self._input: batch})
        output: Tensor = result
        return output


@dataclass(frozen=True, slots=True)
class _Maps:
    session: ort.InferenceSession
    input: str
    output: str

    def run(self, batch: Tensor) -> Tensor:
        """See `ModelSession.run`."""
        (result,) = self.session.run([self.output], {self.input: batch})
        return np.asarray(result, dtype=np.float32)
