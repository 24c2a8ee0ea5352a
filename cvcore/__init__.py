"""cvcore: data, networks, training and transfer behind the image-classifier workbench."""

import os

__version__ = "0.1.0"

# Must be said before torch loads OpenMP. By default its idle threads spin: two processes that share the cores, such as
# a page and a trainer, then slow each other down by a factor of 10 to 50; waiting quietly costs nothing measurable.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
