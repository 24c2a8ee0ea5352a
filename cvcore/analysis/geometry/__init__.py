"""Output sizes of convolution and pooling from numbers alone: forwards, backwards, step by step."""
