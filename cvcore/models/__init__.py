"""Networks: one registry of ours and every torchvision classifier."""
