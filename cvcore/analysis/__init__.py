"""Questions that can be asked of any nn.Module."""
