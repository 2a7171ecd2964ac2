"""Hides the packages of all extras, here and in child processes."""

import importlib.machinery

PACKAGES = {
    "ai_edge_litert",
    "flatbuffers",
    "gguf",
    "keras_cv",
    "keras_hub",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "pycocotools",
    "sklearn",
    "tensorflow",
    "tensorflow_datasets",
    "tensorflow_model_optimization",
    "tf2onnx",
    "tf_keras",
    "tokenizers",
    "yaml",
}
_find_spec = importlib.machinery.PathFinder.find_spec


def find_spec(name, path=None, target=None):
    hidden = name.partition(".")[0] in PACKAGES
    return None if hidden else _find_spec(name, path, target)


importlib.machinery.PathFinder.find_spec = find_spec
