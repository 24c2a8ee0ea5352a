"""What tests of exports share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def threads():
    """Scripts set torch's threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
