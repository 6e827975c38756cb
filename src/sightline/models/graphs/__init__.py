"""ONNX graphs, read and changed so that they take pictures of any size and number as they lie in memory."""
