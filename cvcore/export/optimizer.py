"""The lines of a script that make its optimizer: the rule, the groups of what learns when, the schedule."""

from cvcore.config import TrainConfig
from cvcore.training.plan import Group, Plan
from cvcore.transfer.heads import Headed

WIDTH = 116  # characters of a line in a list of groups
MOST_ROWS = 6  # of such a list: a network of very many blocks gets wider ones, since the script must stay short


def optimizer(train: TrainConfig, learning: str) -> str:
    """torch's optimizer of what `learning` names."""
    kind = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}[train.optimizer]
    told = {"weight_decay": train.weight_decay}
    if train.momentum:
        told["momentum"] = train.momentum
    if train.nesterov:
        told["nesterov"] = True
    if train.optimizer != "rmsprop":
        told["fused"] = True
    return f"{kind}({learning}, lr=LR{''.join(f', {name}={value}' for name, value in told.items())})"


def schedule(train: TrainConfig, batches: int, grouped: bool) -> str:
    """torch's scheduler, which does not count epochs of warm-up."""
    cycled = train.optimizer in ("adam", "adamw") or train.momentum > 0
    highest = '[each["lr"] for each in groups]' if grouped else "LR"
    return {
        "constant": "",
        "step": f"StepLR(optimizer, {train.step_size}, {train.gamma})",
        "multistep": f"MultiStepLR(optimizer, {[each - train.warmup for each in train.milestones]}, {train.gamma})",
        "cosine": f"CosineAnnealingLR(optimizer, {train.epochs - train.warmup})",
        "onecycle": f"OneCycleLR(optimizer, {highest}, {max(2, train.epochs * batches)}, cycle_momentum={cycled})",
        "plateau": f"ReduceLROnPlateau(optimizer, factor={train.gamma}, patience={train.plateau_patience})",
    }[train.schedule]


def groups(plan: Plan, network: Headed) -> str:
    """The plan's groups as a list of (how the names of its parameters begin, first epoch, share of the rate).

    A name may begin as several groups do: the first of them has it.
    """
    head, *others = plan.groups
    starts = {f"{network.head}.": head, **{_start(group): group for group in others}}
    return _listed([f'("{start}", {group.since}, {group.factor})' for start, group in starts.items()])


def _start(group: Group) -> str:
    """How the names of a block's parameters begin. Blocks come from the top down, so that what a network owns itself
    comes after all that its parts own."""
    if group.name == "backbone":
        return ""
    return f"{group.name}.".removesuffix("own.")


def _listed(rows: list[str]) -> str:
    """A list in one line, or in as few as hold it."""
    if len(whole := f"[{', '.join(rows)}]") <= WIDTH - len("GROUPS = "):
        return whole
    width = max(WIDTH, len(whole) // MOST_ROWS + max(map(len, rows)))
    lines = [""]
    for row in rows:
        longer = f"{lines[-1]} {row},".strip()
        lines[-1:] = [longer] if len(longer) <= width else [lines[-1], f"{row},"]
    return "\n".join(["[", *(f"    {line}" for line in lines), "]"])


def group(joining: bool, warm: bool) -> str:
    """A group as the script begins it, with what this run asks of it later."""
    more = ', "share": share' * warm + ', "since": since' * joining
    return f'{{"params": [], "lr": LR * share{more}}}'
