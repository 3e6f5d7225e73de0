"""A model as an ONNX file: the same steps as in `features` and `model`, by name of operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cvsync.emulator.learn.data import Kind
from cvsync.emulator.learn.features import (
    CONTRAST,
    GRID,
    PARTS,
    PATCH_PX,
    POOL,
    SIDE_PX,
    STRIDE_PX,
    window_weights,
)

if TYPE_CHECKING:
    from cvsync.emulator.learn.model import Model

OPSET = 13  # runs on every onnxruntime since 1.4
IR_VERSION = 7


class _Graph:
    """Nodes and constants, in the order in which they were added."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any, name: str) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output


def write(model: Model) -> bytes:
    """Give the bytes of an ONNX file that computes what the model does, from pixels."""
    from onnx import TensorProto, checker, helper

    graph = _Graph()
    features = _features(graph, model)
    logits = _linear(graph, features, model.weights, model.bias, "logits")
    if model.kind is Kind.DETECTION:
        outputs = _detections(graph, model, features, logits)
    else:
        operator = "Sigmoid" if model.kind is Kind.MULTILABEL else "Softmax"
        axis = {} if model.kind is Kind.MULTILABEL else {"axis": 1}
        graph.add(operator, [logits], "model_output", **axis)
        outputs = [("model_output", TensorProto.FLOAT, [1, len(model.bias)])]
    data = helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, SIDE_PX, SIDE_PX])
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "cvsync",
            [data],
            [helper.make_tensor_value_info(*output) for output in outputs],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="cvsync emulator",
    )
    made.ir_version = IR_VERSION
    helper.set_model_props(
        made, {"Image.BitmapPixelFormat": "Bgr8", "Image.NominalPixelRange": "NominalRange_0_255"}
    )
    checker.check_model(made)
    content: bytes = made.SerializeToString()
    return content


def _features(graph: _Graph, model: Model) -> str:
    """From the picture to a row of features a window."""
    filters = model.filters
    # A filter without its own mean does not see that of a patch.
    kernels = filters.weights - filters.weights.mean(axis=1, keepdims=True)
    graph.constant(np.float32(255), "range")
    graph.add("Div", ["data", "range"], "pixels")
    graph.constant(kernels.reshape(-1, 3, PATCH_PX, PATCH_PX), "filters")
    graph.add("Conv", ["pixels", "filters"], "seen", strides=[STRIDE_PX, STRIDE_PX])
    graph.add("Div", ["seen", _contrast(graph)], "scaled")
    graph.constant(filters.bias.reshape(1, -1, 1, 1), "filters_bias")
    graph.add("Add", ["scaled", "filters_bias"], "answer")
    graph.constant(filters.threshold.reshape(1, -1, 1, 1), "threshold")
    graph.add("Sub", ["answer", "threshold"], "above")
    graph.add("Neg", ["answer"], "opposite")
    graph.add("Sub", ["opposite", "threshold"], "below")
    graph.add("Concat", ["above", "below"], "both", axis=1)
    graph.add("Relu", ["both"], "active")
    graph.add("AveragePool", ["active"], "pooled", kernel_shape=[POOL, POOL], strides=[POOL, POOL])
    graph.constant(np.array([filters.channels, GRID * GRID]), "map_shape")
    graph.add("Reshape", ["pooled", "map_shape"], "channels")
    graph.add("Transpose", ["channels"], "cells", perm=[1, 0])
    graph.constant(window_weights(model.windows), "windows_weights")
    graph.add("MatMul", ["windows_weights", "cells"], "parts")
    graph.constant(np.array([len(model.windows), PARTS * PARTS * filters.channels]), "features_shape")
    return graph.add("Reshape", ["parts", "features_shape"], "features")


def _contrast(graph: _Graph) -> str:
    """The contrast of each patch: the root of its variance and a little."""
    flat = np.full((1, 3, PATCH_PX, PATCH_PX), 1 / (3 * PATCH_PX * PATCH_PX), np.float32)
    graph.constant(flat, "flat")
    graph.add("Conv", ["pixels", "flat"], "mean", strides=[STRIDE_PX, STRIDE_PX])
    graph.add("Mul", ["pixels", "pixels"], "squares")
    graph.add("Conv", ["squares", "flat"], "mean_square", strides=[STRIDE_PX, STRIDE_PX])
    graph.add("Mul", ["mean", "mean"], "squared_mean")
    graph.add("Sub", ["mean_square", "squared_mean"], "difference")
    graph.add("Relu", ["difference"], "variance")
    graph.constant(np.float32(CONTRAST), "some")
    graph.add("Add", ["variance", "some"], "variance_and_some")
    return graph.add("Sqrt", ["variance_and_some"], "contrast")


def _linear(graph: _Graph, inputs: str, weights: Any, bias: Any, name: str) -> str:
    graph.constant(weights, f"{name}_weights")
    graph.constant(bias, f"{name}_bias")
    return graph.add("Gemm", [inputs, f"{name}_weights", f"{name}_bias"], name)


def _detections(graph: _Graph, model: Model, features: str, logits: str) -> list[Any]:
    """Boxes, classes and scores of what is left after overlapping boxes are dropped."""
    from onnx import TensorProto

    from cvsync.emulator.learn.model import MAX_BOXES_PER_TAG, MAX_OVERLAP, MIN_SCORE

    shifts = _linear(graph, features, model.shifts, model.shifts_bias, "shifts")
    graph.constant(model.windows, "windows")
    graph.constant(np.tile(model.windows[:, 2:] - model.windows[:, :2], 2), "sizes")
    graph.add("Mul", [shifts, "sizes"], "moves")
    graph.add("Add", ["windows", "moves"], "moved")
    graph.constant(np.float32(0), "zero")
    graph.constant(np.float32(1), "one")
    graph.add("Clip", ["moved", "zero", "one"], "boxes")
    graph.add("Softmax", [logits], "shares", axis=1)
    for name, value in (
        ("first", 0),
        ("background", len(model.bias) - 1),
        ("class_axis", 1),
        ("box_axis", 0),
    ):
        graph.constant(np.array([value]), name)
    graph.add("Slice", ["shares", "first", "background", "class_axis"], "scores")
    graph.add("Transpose", ["scores"], "by_class", perm=[1, 0])
    graph.add("Unsqueeze", ["by_class", "box_axis"], "all_scores")
    graph.add("Unsqueeze", ["boxes", "box_axis"], "all_boxes")
    graph.constant(np.array([MAX_BOXES_PER_TAG]), "most")
    graph.constant(np.array([MAX_OVERLAP], np.float32), "overlap")
    graph.constant(np.array([MIN_SCORE], np.float32), "least")
    graph.add("NonMaxSuppression", ["all_boxes", "all_scores", "most", "overlap", "least"], "kept")
    graph.constant(np.array(1), "class_column")
    graph.constant(np.array(2), "box_column")
    graph.add("Gather", ["kept", "class_column"], "classes", axis=1)
    graph.add("Gather", ["kept", "box_column"], "numbers", axis=1)
    graph.constant(np.array([1, 2]), "pair_columns")
    graph.add("Gather", ["kept", "pair_columns"], "pairs", axis=1)
    graph.add("GatherND", ["by_class", "pairs"], "kept_scores")
    graph.add("Gather", ["boxes", "numbers"], "kept_boxes", axis=0)
    graph.add("Unsqueeze", ["kept_boxes", "box_axis"], "detected_boxes")
    graph.add("Unsqueeze", ["classes", "box_axis"], "detected_classes")
    graph.add("Unsqueeze", ["kept_scores", "box_axis"], "detected_scores")
    return [
        ("detected_boxes", TensorProto.FLOAT, [1, None, 4]),
        ("detected_classes", TensorProto.INT64, [1, None]),
        ("detected_scores", TensorProto.FLOAT, [1, None]),
    ]
