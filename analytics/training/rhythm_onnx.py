"""Gradient-boosted trees as ONNX, without a converter package.

Training only: needs ``onnx`` and ``lightgbm``, which the program itself does not.
"""

from collections.abc import Mapping
from typing import Any

import onnx  # type: ignore[import-not-found, unused-ignore]
from onnx import TensorProto, helper  # type: ignore[import-not-found, unused-ignore]

OPSET = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]


def trees_to_onnx(dump: Mapping[str, Any], n_features: int, output: str) -> bytes:
    """Write a binary LightGBM model as an ONNX graph.

    Parameters
    ----------
    dump : mapping
        ``booster.dump_model()`` of a model without categorical features.
    n_features : int
        Width of the input named ``features``.
    output : str
        Name of the output: probability of the positive class, shape (n, 1).

    Returns
    -------
    bytes
        The serialized model.
    """
    nodes: dict[str, list[Any]] = {
        key: []
        for key in (
            "treeids",
            "nodeids",
            "featureids",
            "values",
            "modes",
            "truenodeids",
            "falsenodeids",
            "missing_value_tracks_true",
        )
    }
    targets: dict[str, list[Any]] = {
        key: [] for key in ("treeids", "nodeids", "ids", "weights")
    }
    for tree_id, tree in enumerate(dump["tree_info"]):
        _add_tree(nodes, targets, tree_id, tree["tree_structure"])
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["score"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        **{f"nodes_{key}": value for key, value in nodes.items()},
        **{f"target_{key}": value for key, value in targets.items()},
    )
    graph = helper.make_graph(
        [ensemble, helper.make_node("Sigmoid", ["score"], [output])],
        "trees",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, n_features])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, 1])],
    )
    model = helper.make_model(graph, opset_imports=OPSET)
    model.ir_version = 9
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _add_tree(
    nodes: dict[str, list[Any]],
    targets: dict[str, list[Any]],
    tree_id: int,
    root: Mapping[str, Any],
) -> None:
    """Append one tree, node by node."""
    pending = [root]
    position = {id(root): 0}
    count = 1
    while pending:
        node = pending.pop(0)
        here = position[id(node)]
        nodes["treeids"].append(tree_id)
        nodes["nodeids"].append(here)
        nodes["missing_value_tracks_true"].append(0)
        if "leaf_value" in node:
            for key, value in (
                ("featureids", 0),
                ("values", 0.0),
                ("modes", "LEAF"),
                ("truenodeids", 0),
                ("falsenodeids", 0),
            ):
                nodes[key].append(value)
            targets["treeids"].append(tree_id)
            targets["nodeids"].append(here)
            targets["ids"].append(0)
            targets["weights"].append(float(node["leaf_value"]))
            continue
        left, right = node["left_child"], node["right_child"]
        position[id(left)], position[id(right)] = count, count + 1
        count += 2
        pending += [left, right]
        nodes["featureids"].append(int(node["split_feature"]))
        nodes["values"].append(float(node["threshold"]))
        nodes["modes"].append("BRANCH_LEQ")
        nodes["truenodeids"].append(position[id(left)])
        nodes["falsenodeids"].append(position[id(right)])
