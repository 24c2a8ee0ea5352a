"""The command that applies a run to pictures."""

import argparse
import sys
from pathlib import Path

from cvcore.commands.stores import store_of
from cvcore.commands.terminal import print_json, say


def predict(options: argparse.Namespace) -> int:
    """Prints the likeliest classes of each picture. Those that cannot be used get a line on stderr, the status is 2."""
    run = store_of(options).find(options.run_id)  # before torch is imported: a typo is answered at once
    from cvcore.training.predict import load, read_images

    classifier = load(run)
    images, refused = read_images([Path(name) for name in options.images], classifier)
    seen = {path: classifier.look(pixels[None])[0] for path, pixels in images.items()}
    rows = [
        {"path": str(path), "top": [{"class": each.name, "probability": each.probability} for each in one.top]}
        for path, one in seen.items()
    ]
    for path, reason in refused.items():
        print(f"cvcore: {path}: {reason}; give a JPEG, PNG, WebP, TIFF, BMP, PPM or GIF", file=sys.stderr)
    if options.json:
        told = [{"path": str(path), "reason": reason} for path, reason in refused.items()]
        print_json({"run_id": run.run_id, "predictions": rows, "refused": told})
    else:
        for row in rows:
            say(f"{row['path']}  " + "  ".join(f"{each['class']} {each['probability']:.1%}" for each in row["top"]))
    return 2 if refused else 0
