"""What to say of weights that do not fit a network."""

from collections.abc import Mapping

from torch import Tensor

# A tensor that only an earlier form of a model has, and what that form is called.
EARLIER_FORMS = {"kind.sharpness": "the first form of kinema"}


def find_earlier_form(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the earlier form of a model whose weights these are, None for others."""
    return next((form for key, form in EARLIER_FORMS.items() if key in tensors), None)


def explain_misfit(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """Say in a few words why ``tensors`` are not those of a network whose own are ``wanted``."""
    form = find_earlier_form(tensors)
    if form and not wanted.keys() <= tensors.keys():
        return f"they are of {form}, which is no more: take newer ones"
    lists = {
        "missing": [key for key in wanted if key not in tensors],
        "left over": [key for key in tensors if key not in wanted],
        "of a wrong shape": [key for key, x in tensors.items() if key in wanted and wanted[key].shape != x.shape],
    }
    faults = [
        f"{len(keys)} {what} ({'; '.join(keys[:3])}{'; …' * (len(keys) > 3)})" for what, keys in lists.items() if keys
    ]
    return ", ".join(faults)
