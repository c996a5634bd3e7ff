"""What the explorer offers of each intervention, and the words for it; all of it is read from the registry."""

from collections.abc import Sequence

from interpret.interventions import INTERVENTIONS, Intervention
from interpret.models.loaded_model import LoadedModel

OWN = "as loaded"


def acting_on(model: LoadedModel) -> dict[str, Intervention]:
    """The interventions that apply to a model, by name; those that a model can be trained with come first."""
    entries = sorted(INTERVENTIONS.values(), key=lambda entry: not entry.trainable)
    return {entry.name: entry for entry in entries if entry.applies(model)}


def stops(entry: Intervention, models: Sequence[LoadedModel]) -> list[tuple[str, float | str]]:
    """What a slider offers, as (text, value): first what leaves these models as they were loaded.

    That is `OWN` where a model can be trained with the intervention, for then its neutral strength, too, changes a
    model; else the neutral strength. The others follow, small changes first. A strength that a model has by itself is
    marked "(own)", and "(trained)" where the model's file says that it was trained with it.
    """
    trained = {entry.trained(model) for model in models if _records_its_training(model)}
    own = {strength for model in models for strength in entry.own(model)}
    offered = {entry.neutral, *own, *(entry.stops or entry.grid)(models)}
    ordered = sorted(map(float, offered), key=lambda strength: (strength != entry.neutral, entry.sign * strength))
    marks = dict.fromkeys(own, " (own)") | dict.fromkeys(trained, " (trained)")
    first = [(OWN, OWN)] if entry.trainable else []
    return [*first, *((f"{strength:g}{marks.get(strength, '')}", strength) for strength in ordered)]


def acts(entry: Intervention, stop: float | str) -> bool:
    """Whether a stop of the slider changes any model."""
    return stop != OWN and (entry.trainable or stop != entry.neutral)


def label(entry: Intervention, strength: float, rule: str) -> str:
    """A strength in a few words, for example "tau=0.01 (hard)"; of an intervention with draws the first is shown."""
    notes = [rule] * bool(rule) + [f"draw 0 of {entry.draws}"] * (entry.draws > 1)
    return f"{entry.strength}={strength:g}" + (f" ({', '.join(notes)})" if notes else "")


def _records_its_training(model: LoadedModel) -> bool:
    return model.recorded is not None or "trained" in model.provenance
